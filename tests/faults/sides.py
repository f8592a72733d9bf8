"""The two services that are compared, and how an administrator gives each the same order."""

from dataclasses import dataclass

from tests.support import plain_unit
from tests.support.endpoint import CONFIG, CONTAINER, SERVICE

Command = tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """A service. ``update`` brings a new image into use, as its documentation says; ``scheduled`` does so by itself.

    ``run`` is the command of the shell that the unit amounts to.
    """

    name: str
    title: str
    unit: str
    update: Command
    scheduled: Command
    run: str

    @property
    def ours(self) -> bool:
        """Whether it is the one of this package."""
        return self is OURS


OURS = Side(
    name="ours",
    title="ospool-ep",
    unit=SERVICE,
    update=("ospool-ep", "update"),
    scheduled=("systemctl", "start", "ospool-ep-image.service"),
    run="ospool-ep run",
)

# Without a timer a new image is used when somebody restarts the service.
PLAIN = Side(
    name="plain",
    title="plain unit",
    unit=plain_unit.UNIT,
    update=("systemctl", "restart", plain_unit.UNIT),
    scheduled=("systemctl", "restart", plain_unit.UNIT),
    run=f"docker container rm --force {CONTAINER}; set -a; . {CONFIG}; {plain_unit.SCRIPT}",
)

SIDES = (OURS, PLAIN)
