"""What holds with OSPOOL_EP_HOLD_SHUTDOWN on this host: whom systemd keeps from a shutdown, if anybody."""

from collections.abc import Iterator

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, info, warning
from ospool_ep.system.inhibitors import ROOT_HEEDS_SINCE

KEY = "OSPOOL_EP_HOLD_SHUTDOWN"


def check_shutdown(configuration: Configuration, logind: int) -> Iterator[Finding]:
    """``logind``: the version of systemd, where its logind takes such a lock here; 0: it does not."""
    if not configuration.truth(KEY):
        return
    place = configuration.place(KEY)
    if not logind:
        message = "Nothing holds a shutdown back here, as systemd-logind or D-Bus does not run: it evicts all jobs."
        hint = "Start them: systemctl start dbus.socket systemd-logind. To lose no job: ospool-ep drain --then reboot."
        yield warning("shutdown-not-held", message, hint, **place)
    elif logind < ROOT_HEEDS_SINCE:
        message = (
            f"systemd {logind} holds other users and the desktop back while jobs run, and lets root's own 'systemctl"
            f" reboot' pass, which evicts them; {ROOT_HEEDS_SINCE} holds that back, too."
        )
        hint = "As root: ospool-ep drain --then reboot, or systemctl --check-inhibitors=yes reboot."
        yield info("shutdown-of-root-not-held", message, hint, **place)
