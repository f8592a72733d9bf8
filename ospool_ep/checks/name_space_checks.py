"""Whether the kernel lets the pilot make name spaces: its jobs' containers and cvmfsexec live in them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
_OF_CVMFSEXEC = 2
# Where a later file says otherwise, it is the later one that counts: sysctl.d(5).
_FILE = "/etc/sysctl.d/99-zz-ospool-ep.conf"


@dataclass(frozen=True)
class Kernel:
    """The values of SWITCHES that this kernel has; ``docker_confines``: AppArmor is on, and Docker has a profile."""

    switches: Mapping[str, int]
    docker_confines: bool = False


def check_name_spaces(configuration: Configuration, kernel: Kernel, cpus: int) -> Iterator[Finding]:
    """What bars name spaces, or allows too few; ``cpus`` is how many jobs there may be at once."""
    switches = kernel.switches
    none = [name for name in _OF_EACH_CONTAINER if switches.get(name) == 0]
    if none:
        message = f"The kernel allows no name spaces of a kind that every container has ({', '.join(none)} = 0)."
        yield error("name-spaces-barred", message, _allow(*(f"{name}={_ENOUGH}" for name in none)))
    users = switches.get(_OF_USERS)
    barred = {_OF_USERS: _ENOUGH} if users == 0 else {}
    barred.update({_DEBIANS: 1} if switches.get(_DEBIANS) == 0 else {})
    if barred:
        what = f"The kernel bars users from name spaces of their own ({' and '.join(f'{name} = 0' for name in barred)})"
        yield _barred(configuration, what, barred, certain=True)
    elif users is not None and users < _OF_CVMFSEXEC and configuration.repositories:
        what = f"Users may have only {users} name space ({_OF_USERS}), and cvmfsexec takes {_OF_CVMFSEXEC}"
        yield _barred(configuration, what, {_OF_USERS: _ENOUGH}, certain=True)
    elif users is not None and users < cpus + _BESIDE_JOBS:
        message = (
            f"Users may have no more name spaces than {users} ({_OF_USERS}), and {cpus} jobs at once need one each."
        )
        yield warning("user-namespaces-few", message, _allow(f"{_OF_USERS}={_ENOUGH}"))
    if switches.get(_APPARMORS) == 1:
        # Docker's own profile allows none, and each of its containers has it; what Podman gives is not known here.
        what = f"AppArmor bars users from name spaces of their own ({_APPARMORS} = 1)"
        yield _barred(configuration, what, {_APPARMORS: 0}, certain=kernel.docker_confines)


def _barred(configuration: Configuration, what: str, mended: Mapping[str, int], *, certain: bool) -> Finding:
    hint = _allow(*(f"{name}={value}" for name, value in mended.items()))
    if configuration.repositories and certain:
        place: Place = configuration.place("CVMFSEXEC_REPOS")
        message = f"{what}: cvmfsexec cannot start, nor can the containers of jobs."
        return error("user-namespaces-barred", message, hint, **place)
    return warning("user-namespaces-barred", f"{what}: Apptainer can't run the containers of jobs.", hint)


def _allow(*settings: str) -> str:
    return "Allow them, now and at each boot: " + " && ".join(
        f"sysctl -w {setting} && echo {setting} >>{_FILE}" for setting in settings
    )
