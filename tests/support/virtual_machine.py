"""A virtual machine as a host: EL10's twin with Podman, SELinux enforcing and cgroups of version 2; no Docker.

tests/world/vm is its recipe, tests/world/machines makes it. A fresh one goes on where a booted one was saved.
"""

import shlex
import shutil
import subprocess
import time
from pathlib import Path

from tests.support.host import PODMAN, Host
from tests.support.qemu import Qemu
from tests.support.waiting import wait_until
from tests.world import BUILD, RUN_DIRECTORY


class VirtualMachine(Host):
    """A machine in qemu, by its name; other processes find it by that, too."""

    engine = PODMAN
    # Everything is emulated.
    patience = 6.0

    def __init__(self, name: str) -> None:
        self.name = name
        self._directory = RUN_DIRECTORY / f"vm-{name}"
        self._disk = BUILD / "vm" / f"{name}.qcow2"
        self._qemu = Qemu(self._directory)

    def boot(self, made: Path, *, from_disk: bool = False) -> "VirtualMachine":
        """Go on from the machine that was saved in ``made``, or boot its disk."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._copy_on_write(made / "disk.img" if from_disk else made / "booted.qcow2")
        shutil.copy(made / "ssh-key", self._directory)
        self._qemu.start(made, self._disk, None if from_disk else made / "booted.state")
        (self._directory / "port").write_text(str(self._qemu.port()))
        self._connect()
        self.set_clock()
        self.wait_until_booted()
        return self

    def _copy_on_write(self, disk: Path) -> None:
        kind = "raw" if disk.suffix == ".img" else "qcow2"
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk), "-F", kind, str(self._disk)]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)

    def save(self, made: Path) -> None:
        """Let others go on from here. This machine ends."""
        self.do("sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")
        self._hang_up()
        self._qemu.save(made / "booted.state")
        self._qemu.end()
        self._disk.replace(made / "booted.qcow2")

    def set_clock(self) -> None:
        """Let the machine have this machine's time: it stood still while its state lay on a disk."""
        self.do("date", f"--set=@{time.time():.3f}")

    def command(self, *argv: str, user: str = "root") -> list[str]:
        """Over the one connection. sshd hands a line to root's shell."""
        line = shlex.join(argv if user == "root" else ["runuser", f"--user={user}", "--", *argv])
        return [*self._ssh(), f"exec {line}"]

    def _ssh(self, *options: str) -> list[str]:
        port = (self._directory / "port").read_text()
        settings = {
            "ControlPath": self._directory / "ssh",
            "IdentityFile": self._directory / "ssh-key",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": 30,
        }
        settled = [f"-o{key}={value}" for key, value in settings.items()]
        return ["ssh", "-F", "none", *settled, *options, "-p", port, "root@127.0.0.1"]

    def _connect(self) -> None:
        """Open the connection that all commands share: one of its own takes each of them a second."""
        # It goes to the background and keeps the streams that it was given.
        connect = self._ssh("-MNf", "-oServerAliveInterval=15")

        def connected() -> bool:
            done = subprocess.run(
                connect, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
            )
            return done.returncode == 0

        wait_until(connected, f"sshd of {self.name} answers; its console: {self._directory}/console.log", 300, 0.5)

    def _hang_up(self) -> None:
        subprocess.run(
            self._ssh("-Oexit"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip

    def reboot(self) -> None:
        """Shut it down in order, boot it, and wait until all is started."""
        self.run(["systemctl", "reboot", "--no-block"])
        self.await_reboot()

    def await_reboot(self) -> None:
        """Wait until it has gone down and all is started again; somebody else has ordered that."""
        # sshd hangs up.
        wait_until(lambda: not (self._directory / "ssh").exists(), f"{self.name} goes down", 60 * self.patience, 0.5)
        self._connect()
        self.set_clock()
        self.wait_until_booted()

    @property
    def exists(self) -> bool:
        """Whether the machine runs."""
        return self._qemu.runs

    @property
    def shell_command(self) -> list[str]:
        """A login shell on this terminal."""
        return [*self._ssh("-t"), "bash", "--login"]

    def close(self) -> None:
        """Remove the machine."""
        if (self._directory / "port").exists():
            self._hang_up()
        self._qemu.end()
        self._disk.unlink(missing_ok=True)
        shutil.rmtree(self._directory, ignore_errors=True)


def close_all_machines() -> None:
    """Remove every machine of this checkout."""
    for directory in RUN_DIRECTORY.glob("vm-*"):
        VirtualMachine(directory.name.partition("-")[2]).close()
