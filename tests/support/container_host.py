"""A container that boots systemd, with Docker, Podman, rpm, dnf and registry; tests/world/host is its recipe."""

from tests.support.host import DOCKER, HOST_NAME, Host
from tests.world import IDENTITY, LABEL, RUN_DIRECTORY
from tests.world.engine import OuterEngine
from tests.world.images import REGISTRY

# Debian's engine may have to do without SYS_RESOURCE, and then refuses --privileged; this is the rest of it.
PRIVILEGES = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--cgroupns=private", "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined", "--security-opt=apparmor=unconfined",
    "--device=/dev/fuse", "--device-cgroup-rule=a *:* rwm",
)  # fmt: skip
# The nested engines' file systems do not stack on the host's.
_VOLUMES = ("--tmpfs=/run", "--tmpfs=/tmp:exec", "--volume=/var/lib/docker", "--volume=/var/lib/containers")


class ContainerHost(Host):
    """A container of an engine of this machine."""

    engine = DOCKER

    def __init__(self, outer: OuterEngine, name: str) -> None:
        self._outer = outer
        self.name = f"ospool-ep-world-{IDENTITY}-{name}"
        # The sockets of the host's engines, for tests that talk to them from outside.
        self.shared = RUN_DIRECTORY / name

    def boot(self, image: str) -> "ContainerHost":
        """Boot from an image of tests.world.images. StepFailed when it can't be started, Expired when it hangs."""
        self.shared.mkdir(parents=True, exist_ok=True)
        self._outer.docker(
            "run", "--detach", f"--name={self.name}", f"--label={LABEL}", f"--hostname={HOST_NAME}", "--network=none",
            f"--add-host={REGISTRY}:127.0.0.1", f"--volume={self.shared}:/srv/shared", *PRIVILEGES, *_VOLUMES, image,
        )  # fmt: skip
        self.wait_until_booted()
        return self

    def command(self, *argv: str, user: str = "root") -> list[str]:
        """By the engine's exec."""
        return self._outer.command("exec", "--interactive", f"--user={user}", self.name, *argv)

    @property
    def exists(self) -> bool:
        """Whether the host runs."""
        found = self._outer.try_docker("container", "inspect", "--format={{.State.Running}}", self.name)
        return found.stdout.strip() == "true"

    @property
    def shell_command(self) -> list[str]:
        """A login shell on this terminal."""
        return self._outer.command("exec", "--interactive", "--tty", self.name, "bash", "--login")

    def close(self) -> None:
        """Remove the container."""
        self._outer.remove_container(self.name)
