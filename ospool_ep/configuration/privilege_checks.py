"""What other keys say that does not go together with OSPOOL_EP_PRIVILEGES."""

from collections.abc import Iterator

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, info, warning
from ospool_ep.configuration.options import OPTIONS

KEY = "OSPOOL_EP_PRIVILEGES"
_NAME_SPACES = "SINGULARITY_DISABLE_PID_NAMESPACES"


def check_privileges(configuration: Configuration) -> Iterator[Finding]:
    """For any configuration; all is well with the default."""
    chosen, default = configuration.choice(KEY), OPTIONS[KEY].default
    if chosen == default:
        return
    if chosen == "minimum" and configuration.repositories:
        # Source: cvmfsexec, its script of that name: release 4.7 looks for a mount on /proc/sys, and 2.6 does not.
        message = "The cvmfsexec of today's images works with that; an old one, such as 2.6, cannot mount its /proc."
        hint = f"Write {KEY}={default}, if the pilot ends at once because of CVMFS."
        yield info("privileges-and-cvmfsexec", message, hint, **configuration.place(KEY))
    if chosen == "cvmfs-bind" and not configuration.truth("BIND_MOUNT_CVMFS"):
        message = "These capabilities are meant for BIND_MOUNT_CVMFS=true, and it is not set."
        hint = f"Write {KEY}={default}, or minimum."
        yield warning("privileges-without-cvmfs", message, hint, **configuration.place(KEY))
    if configuration.line(_NAME_SPACES) and configuration.text(_NAME_SPACES) and not configuration.truth(_NAME_SPACES):
        where = configuration.where(KEY)
        message = f"The pilot is told True all the same: with {KEY}={chosen} in {where} jobs can't have them."
        yield info(
            "pid-namespaces-barred", message, "Remove one of the two lines.", **configuration.place(_NAME_SPACES)
        )
