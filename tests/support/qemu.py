"""One process of qemu, which emulates a machine; it is told what to do over a socket (QMP).

Never with KVM: where the tests run in a virtual machine themselves /dev/kvm may be there, and hang.
Source: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
"""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Optional

from tests.support.waiting import wait_until
from tests.world.progress import StepFailed

# A saved state is read only by a machine that is the same in all of this.
MACHINE = (
    "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "2",
    "-m", "3072", "-nodefaults", "-display", "none", "-device", "virtio-rng-pci",
)  # fmt: skip
_KERNEL_OPTIONS = "root=/dev/vda rw console=ttyS0 security=selinux selinux=1 enforcing=1 quiet"


class Qemu:
    """The process. ``directory`` holds its sockets, the number of the process and the console's text."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def start(self, made: Path, disk: Path, state: Optional[Path] = None) -> None:
        """Start it from power-on or from a saved state. ``made`` holds kernel and initrd. StepFailed if it can't."""
        command = [
            *MACHINE, "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
            "-kernel", str(made / "vmlinuz"), "-initrd", str(made / "initrd.img"), "-append", _KERNEL_OPTIONS,
            # Nothing gets out. Whoever comes in over a free port of this machine's loopback finds sshd.
            "-nic", "user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:0-:22",
            "-serial", f"file:{self._directory}/console.log", "-qmp", f"unix:{self._directory}/qmp,server,nowait",
            "-pidfile", str(self._directory / "pid"), "-daemonize",
        ]  # fmt: skip
        command += ["-incoming", f"exec:cat '{state}'"] if state else []
        started = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if started.returncode != 0:
            raise StepFailed(f"qemu did not start: {started.stderr.strip()}")
        if state:
            wait_until(lambda: self.tell("query-status")["status"] == "running", "the machine goes on", 60)

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._pid() is not None

    def _pid(self) -> Optional[int]:
        try:
            pid = int((self._directory / "pid").read_text())
            ours = str(self._directory / "pid").encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if ours else None

    def tell(self, command: str, **arguments: object) -> Any:
        """Send a command and return the answer. StepFailed with the reason when it is refused."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._directory / "qmp"))
            stream = connection.makefile("rw")
            for message in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(message))
                stream.flush()
                answer = _answer(stream)
        if "error" in answer:
            raise StepFailed(f"qemu refuses {command}: {answer['error']['desc']}")
        return answer["return"]

    def port(self) -> int:
        """The port of this machine's loopback that leads to sshd."""
        text = self.tell("human-monitor-command", **{"command-line": "info usernet"})
        found = re.search(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)", text)
        assert found, text
        return int(found.group(1))

    def save(self, state: Path) -> None:
        """Write the state of the running machine, which stops; it belongs to the disk as that is now."""
        self.tell("migrate-set-parameters", **{"max-bandwidth": 0})
        self.tell("migrate", uri=f"exec:cat >'{state}'")
        outcome = wait_until(self._saved, "the state is written", 300)
        if outcome != "completed":
            raise StepFailed(f"the state of the machine could not be saved: {outcome}")

    def _saved(self) -> str:
        status = str(self.tell("query-migrate").get("status", ""))
        return status if status in ("completed", "failed", "cancelled") else ""

    def end(self) -> None:
        """End the process as by pulling the plug; none is no error."""
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not self.runs, "qemu ends")


def _answer(stream: Any) -> dict[str, Any]:
    """The next message that is an answer: before it come a greeting, and what happened meanwhile."""
    while True:
        message: dict[str, Any] = json.loads(stream.readline())
        if "return" in message or "error" in message:
            return message
