"""What the commands that talk to the running service share: its report, and what is said where none runs."""

from typing import Any, Optional

from ospool_ep.system.run_directory import RunDirectory

NOT_RUNNING = (
    "The service ospool-ep does not run here. What is wrong, if anything: ospool-ep check. Start it: systemctl start"
    " ospool-ep"
)


def current_report(run_directory: RunDirectory) -> Optional[dict[str, Any]]:
    """The report of the service that runs; what one that has ended left behind does not count."""
    try:
        runs = run_directory.service_pid() is not None
    except PermissionError:
        # Only root sees the lock. For all others it counts that systemd removes the report as it ends the service.
        runs = True
    return run_directory.read_status() if runs else None
