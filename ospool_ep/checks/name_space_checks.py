"""Whether the kernel lets the pilot make name spaces: its jobs' containers and cvmfsexec live in them. Pure."""

from collections.abc import Iterator, Mapping

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Place, error, warning

# The name spaces that an engine makes for every container. The kernel's limits are root's, too.
# Source: namespaces(7), "The /proc/sys/user directory".
_OF_EACH_CONTAINER = tuple(f"user.max_{kind}_namespaces" for kind in ("mnt", "pid", "net", "ipc", "uts"))
_OF_USERS = "user.max_user_namespaces"
# Debian's kernels alone have this one; the next is AppArmor's, in Ubuntu's.
_DEBIANS = "kernel.unprivileged_userns_clone"
_APPARMORS = "kernel.apparmor_restrict_unprivileged_userns"

SWITCHES = (*_OF_EACH_CONTAINER, _OF_USERS, _DEBIANS, _APPARMORS)

# Apptainer takes one for each job, as a rule, and cvmfsexec two for itself. As many as hardening guides allow where
# they allow some; the kernel's own limit depends on the memory, and is higher.
_ENOUGH = 15000
_BESIDE_JOBS = 4
# Where a later file says otherwise, it is the later one that counts: sysctl.d(5).
_FILE = "/etc/sysctl.d/99-zz-ospool-ep.conf"


def check_name_spaces(configuration: Configuration, switches: Mapping[str, int], cpus: int) -> Iterator[Finding]:
    """``switches`` are the values of SWITCHES that this kernel has; ``cpus`` how many jobs there may be at once."""
    none = [name for name in _OF_EACH_CONTAINER if switches.get(name) == 0]
    if none:
        message = f"The kernel allows no name spaces of a kind that every container has ({', '.join(none)} = 0)."
        yield error("name-spaces-barred", message, _allow(*(f"{name}={_ENOUGH}" for name in none)))
    users = switches.get(_OF_USERS)
    barred = [f"{_OF_USERS}={_ENOUGH}"] if users == 0 else []
    barred += [f"{_DEBIANS}=1"] if switches.get(_DEBIANS) == 0 else []
    if barred:
        yield _barred(configuration, barred)
    elif users is not None and users < cpus + _BESIDE_JOBS:
        message = f"Users may have only {users} name spaces ({_OF_USERS}), and {cpus} jobs at once need one each."
        yield warning("user-namespaces-few", message, _allow(f"{_OF_USERS}={_ENOUGH}"))
    if switches.get(_APPARMORS) == 1:
        message = "AppArmor bars users from name spaces of their own: Apptainer can't run the containers of jobs."
        yield warning("user-namespaces-barred", message, _allow(f"{_APPARMORS}=0"))


def _barred(configuration: Configuration, mended: list[str]) -> Finding:
    switches = " and ".join(f"{setting.partition('=')[0]} = 0" for setting in mended)
    what = f"The kernel bars users from name spaces of their own ({switches})"
    if configuration.repositories:
        place: Place = configuration.place("CVMFSEXEC_REPOS")
        message = f"{what}: cvmfsexec cannot start, nor can the containers of jobs."
        return error("user-namespaces-barred", message, _allow(*mended), **place)
    return warning("user-namespaces-barred", f"{what}: Apptainer can't run the containers of jobs.", _allow(*mended))


def _allow(*settings: str) -> str:
    return "Allow them, now and at each boot: " + " && ".join(
        f"sysctl -w {setting} && echo {setting} >>{_FILE}" for setting in settings
    )
