"""Our reading of an environment file and that of a running systemd are the same: units are started with the files."""

import base64
import json
import os
from collections.abc import Iterator, Sequence
from typing import Optional

import pytest

from ospool_ep.configuration import environment_file
from tests.support.environment_files import WRITTEN, generated
from tests.support.host import Host
from tests.support.journal_rules import complaints
from tests.world.hosts import boot_host

# On the host: a file and an instance of a template unit for each, all started at once. Prints what each process
# found in its environment, or null where systemd would not start it.
_START_ALL = """
import base64, json, pathlib, shutil, subprocess, sys
work = pathlib.Path("/run/environment-files")
work.mkdir()
unit = pathlib.Path("/run/systemd/system/environment-file@.service")
unit.write_text(f'''[Service]
Type=oneshot
EnvironmentFile={work}/%i.env
ExecStart=/bin/cp /proc/self/environ {work}/%i.out
''')
files = json.load(sys.stdin)
for number, content in enumerate(files):
    (work / f"{number}.env").write_bytes(base64.b64decode(content))
subprocess.run(["systemctl", "daemon-reload"], check=True)
names = [f"environment-file@{number}.service" for number in range(len(files))]
subprocess.run(["systemctl", "start", *names], stderr=subprocess.DEVNULL)
outputs = [work / f"{number}.out" for number in range(len(files))]
print(json.dumps([base64.b64encode(o.read_bytes()).decode() if o.exists() else None for o in outputs]))
subprocess.run(["systemctl", "reset-failed", "environment-file@*"], check=True)
unit.unlink()
shutil.rmtree(work)
subprocess.run(["systemctl", "daemon-reload"], check=True)
"""


def by_systemd(host: Host, files: Sequence[bytes]) -> list[Optional[dict[str, str]]]:
    """The variables of a unit's process with each of the files, but for those that are there with an empty file."""
    request = json.dumps([base64.b64encode(content).decode() for content in [b"", *files]])
    answers = json.loads(host.do("python3", "-c", _START_ALL, input=request, timeout=300))
    environments = [None if answer is None else _variables(base64.b64decode(answer)) for answer in answers]
    without_file = environments[0]
    assert without_file is not None
    return [
        environment and {key: value for key, value in environment.items() if key not in without_file}
        for environment in environments[1:]
    ]


def _variables(environ: bytes) -> dict[str, str]:
    """From the content of /proc/PID/environ."""
    pairs = (entry.partition("=") for entry in environ.decode().split("\0") if entry)
    return {key: value for key, _, value in pairs}


def by_us(content: bytes) -> Optional[dict[str, str]]:
    """What we read; None where we say that systemd refuses the file."""
    file = environment_file.parse(content)
    if any("systemd refuses the whole file" in finding.message for finding in file.findings):
        return None
    return {key: assignment.value for key, assignment in file.effective.items()}


@pytest.fixture
def host() -> Iterator[Host]:
    """A host of the test's own: its service manager has much to say of such files, in lines of any content."""
    host = boot_host(f"environment-file-{os.getpid()}")
    try:
        began = host.cursor()
        yield host
        assert not host.failed_units()
        assert not complaints(entry for entry in host.journal(after=began) if entry.identifier != "systemd")
    finally:
        host.close()


def test_files_are_read_as_the_running_systemd_reads_them(host: Host) -> None:
    """Among them are files that systemd refuses, and assignments that it leaves out."""
    files = [*WRITTEN.values(), *generated(seed=20260101, count=400)]
    readings = by_systemd(host, files)
    assert None in readings
    differing = [
        f"{content!r}\n  systemd: {reading}\n  we: {by_us(content)}"
        for content, reading in zip(files, readings)
        if reading != by_us(content)
    ]
    assert not differing, "\n".join(differing)
