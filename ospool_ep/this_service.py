"""Which service of this host a process belongs to, ospool-ep itself or ospool-ep@NAME, and what that one has.

Several services lend one host side by side: each has a unit, a configuration, pilots, and directories of its own.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

# A helper process belongs to the service of the process that has started it.
_VARIABLE = "OSPOOL_EP_INSTANCE"

# What a container, a unit and a file can all be called, without an escape. The engine's names end after 255 letters,
# and a unit's: the longest that is made of it here is that of a slice.
LONGEST_INSTANCE = 40
# The slice that holds those of all services' guests.
GUESTS = "ospool_ep.slice"
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class ServiceName:
    """A service of this host; ``instance`` is the NAME of ospool-ep@NAME, and empty for ospool-ep itself."""

    instance: str = ""

    @property
    def name(self) -> str:
        """What systemctl is given, and what the labels of its containers say."""
        return f"ospool-ep@{self.instance}" if self.instance else "ospool-ep"

    @property
    def unit(self) -> str:
        """Its unit of systemd's."""
        return f"{self.name}.service"

    @property
    def run_directory(self) -> Path:
        """What is there as long as it runs."""
        return Path("/run") / self.name

    @property
    def state_directory(self) -> Path:
        """What outlives it and the boot."""
        return Path("/var/lib") / self.name

    @property
    def directories(self) -> tuple[str, ...]:
        """Both, as texts."""
        return str(self.state_directory), str(self.run_directory)

    @property
    def container_name(self) -> str:
        """The name of the container of the pilot that takes jobs."""
        return f"ospool-ep-{self.instance}-container" if self.instance else "ospool-ep-container"

    @property
    def slice(self) -> str:
        """The slice of systemd's for its pilots.

        Below system.slice, as are Docker's containers by themselves: together the pilots have the share of one service
        when CPUs are scarce.
        """
        # A dash stands for one more slice in between: systemd.slice(5). The one of all instances is there so that a
        # drop-in holds for each of them.
        return f"system-ospool_ep_instances-{self._escaped}.slice" if self.instance else "system-ospool_ep.slice"

    @property
    def guest_slice(self) -> str:
        """The same for pilots that are to take only what this host leaves idle: beside system.slice and user.slice.

        Below one of those they would share with what runs in it alone, and take all that it leaves of its share.
        """
        # No instance begins with _.
        return f"ospool_ep-{self._escaped or '_main'}.slice"

    @property
    def _escaped(self) -> str:
        return self.instance.replace("-", r"\x2d")

    def own_file(self, config_path: str) -> str:
        """Its own configuration, which lies over the common one at ``config_path``; empty: it has none."""
        if not self.instance:
            return ""
        return str(Path(config_path).parent / "ospool-ep.d" / f"{self.instance}.cfg")

    def command(self, command: str) -> str:
        """A command of ``ospool-ep`` for this service, as a person types it."""
        return f"ospool-ep {command}{f' --instance {self.instance}' if self.instance else ''}"


def is_instance(text: str) -> bool:
    """Whether a service can be called ospool-ep@TEXT."""
    return len(text) <= LONGEST_INSTANCE and _INSTANCE.fullmatch(text) is not None


def this_service() -> ServiceName:
    """The service of this process."""
    return ServiceName(os.environ.get(_VARIABLE, ""))


def become(instance: str) -> None:
    """From now on this process, and each that it starts, belongs to that service; empty: to ospool-ep itself."""
    os.environ[_VARIABLE] = instance
