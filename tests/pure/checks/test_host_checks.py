"""The whole check, on a host of our own making: which codes, for which key and line, and with which mend."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks.check import CheckResult, run_checks
from ospool_ep.checks.cvmfs_checks import CVMFS_REPOSITORIES
from ospool_ep.checks.engine_facts import ask
from ospool_ep.checks.host_facts import Places
from ospool_ep.checks.pilots_token import explain_refusal, look_at_token
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.interface import EngineError, EngineInfo
from tests.pure.checks.test_path_probe import mount
from tests.support.claims import token
from tests.support.nvidia_host import NvidiaHost

ROOT = Path(__file__).parents[3]
CPUS = len(os.sched_getaffinity(1))


def engine(kind: str, version: str, *runtimes: str) -> EngineInfo:
    return EngineInfo(kind, version, "1.41", frozenset(runtimes), "/")


class Host:
    """A host on which all is well, until a test spoils something."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.token = path / "token"
        self.token.write_text(token(), encoding="utf-8")
        os.chown(self.token, 1000, 1000)
        self.token.chmod(0o600)
        self.scratch = path / "scratch"
        mount(self.scratch, "size=11g,mode=1777")
        (path / "cvmfs" / CVMFS_REPOSITORIES[0]).mkdir(parents=True)
        (path / "vendors").mkdir()
        for name, number in WELL_SET.items():
            self.switch(name, number)
        # A device that everybody may read and write, as /dev/fuse is where udev runs.
        self.places = Places(
            cvmfs=f"{path}/cvmfs",
            hosts_mounts=f"{path}/mountinfo",
            fuse="/dev/null",
            opencl_vendors=f"{path}/vendors",
            switches=f"{path}/switches",
            apparmor=f"{path}/apparmor",
            kept=(f"{path}/kept",),
            nvidia=str(NvidiaHost(path / "nvidia").root),
            cdi=(f"{path}/cdi",),
        )
        self.choice = Choice(EngineAddress("docker", f"{path}/engine.sock"), "auto")
        self.engine: Callable[[str], EngineInfo] = lambda _socket: engine("docker", "29.1.0", "runc", "nvidia")

    def switch(self, name: str, number: int) -> None:
        """Set a switch of the kernel."""
        file = self.path / "switches" / name.replace(".", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number}\n")

    def write(self, *lines: str) -> Path:
        """A configuration in which the lines in question begin at line 5, and take the place of earlier ones."""
        path = self.path / "ospool-ep.cfg"
        first = [
            "GLIDEIN_Site=Site",
            "GLIDEIN_ResourceName=Resource",
            f"TOKEN_LOCATION={self.token}",
            f"WORKER_TEMP_DIR={self.scratch}",
        ]
        keys = [line.partition("=")[0] for line in lines]
        first = ["#" if line.partition("=")[0] in keys else line for line in first]
        path.write_text("\n".join([*first, *lines, ""]), encoding="utf-8")
        return path

    def check(self, *lines: str) -> CheckResult:
        return run_checks(str(self.write(*lines)), self.places, self.engine, lambda _wanted: ask(self.choice))


# As an EL9 has them, with a few gigabytes of memory.
WELL_SET = {f"user.max_{kind}_namespaces": 31000 for kind in ("user", "mnt", "pid", "net", "ipc", "uts")}

Row = tuple[str, str, Optional[str], Optional[int]]


def rows(findings: tuple[Finding, ...]) -> list[Row]:
    return [(finding.code, finding.severity.value, finding.key, finding.line) for finding in findings]


def spoil_fuse(host: Host) -> None:
    host.places = replace(host.places, fuse=f"{host.path}/no-fuse")


def cut_token(host: Host) -> None:
    host.token.write_text(token()[:-20], encoding="utf-8")


def wrap_token(host: Host) -> None:
    host.token.write_text(f"{token()[:-20]}\n{token()[-20:]}\n", encoding="utf-8")


def close_fuse(host: Host) -> None:
    """The device is there, and for root alone."""
    device = host.path / "fuse"
    os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    host.places = replace(host.places, fuse=str(device))


def spoil_cvmfs(host: Host) -> None:
    host.places = replace(host.places, cvmfs=f"{host.path}/vendors")


def spoil_vendors(host: Host) -> None:
    (host.path / "vendors").rmdir()


def spoil_runtime(host: Host) -> None:
    host.engine = lambda _socket: engine("docker", "29.1.0", "runc")


def exchange_engine(host: Host) -> None:
    host.engine = lambda _socket: engine("podman", "5.4.0", "crun", "nvidia")


def unload_driver(host: Host) -> None:
    (host.path / "nvidia/proc/driver/nvidia/version").unlink()


def remove_toolkit(host: Host) -> None:
    (host.path / "nvidia/usr/bin/nvidia-ctk").unlink()


def choose_podman(host: Host) -> None:
    host.choice = Choice(EngineAddress("podman", f"{host.path}/engine.sock"), "auto")


def break_engine(host: Host) -> None:
    def refuse(_socket: str) -> EngineInfo:
        raise EngineError("server error")

    host.engine = refuse


def remove_token(host: Host) -> None:
    host.token.unlink()


def empty_token(host: Host) -> None:
    host.token.write_text("", encoding="utf-8")


def each(*spoils: Callable[[Host], None]) -> Callable[[Host], None]:
    def spoil(host: Host) -> None:
        for one in spoils:
            one(host)

    return spoil


nothing = each()


CASES: dict[str, tuple[Callable[[Host], None], tuple[str, ...], list[Row]]] = {
    "all is well": (nothing, (), []),
    "all is well with everything": (
        nothing, ("BIND_MOUNT_CVMFS=yes", "PROVIDE_NVIDIA_GPU=1", f"NUM_CPUS={CPUS}", "MEMORY=512"), [],
    ),
    "all is well with cvmfsexec": (spoil_cvmfs, ("CVMFSEXEC_REPOS=oasis.opensciencegrid.org",), []),
    "nothing is asked of GPUs and CVMFS": (
        each(spoil_cvmfs, spoil_vendors, spoil_runtime), (), [],
    ),
    "/dev/fuse for root alone": (
        close_fuse, ("CVMFSEXEC_REPOS=oasis.opensciencegrid.org",),
        [("fuse-not-usable-by-pilot", "warning", "CVMFSEXEC_REPOS", 5)],
    ),
    "/dev/fuse for root alone, and no repository": (
        close_fuse, ("CVMFSEXEC_REPOS=,",), [("no-repository", "warning", "CVMFSEXEC_REPOS", 5)],
    ),
    "a token that was cut": (cut_token, (), [("token-cut", "error", "TOKEN_LOCATION", 3)]),
    "a token that was wrapped": (wrap_token, (), [("token-wrapped", "error", "TOKEN_LOCATION", 3)]),
    "no /dev/fuse": (spoil_fuse, (), [("fuse-missing", "error", None, None)]),
    "no CVMFS": (spoil_cvmfs, ("BIND_MOUNT_CVMFS=TRUE",), [("cvmfs-not-mounted", "error", "BIND_MOUNT_CVMFS", 5)]),
    "no OpenCL": (
        spoil_vendors, ("PROVIDE_NVIDIA_GPU=y",), [("opencl-vendors-missing", "warning", "PROVIDE_NVIDIA_GPU", 5)],
    ),
    "no NVIDIA runtime": (
        spoil_runtime, ("PROVIDE_NVIDIA_GPU=y",), [("gpu-runtime-missing", "error", "PROVIDE_NVIDIA_GPU", 5)],
    ),
    "a host with no sign of NVIDIA": (
        each(spoil_vendors, spoil_runtime, unload_driver, remove_toolkit), ("PROVIDE_NVIDIA_GPU=y",),
        [
            ("opencl-vendors-missing", "warning", "PROVIDE_NVIDIA_GPU", 5),
            ("gpu-runtime-missing", "error", "PROVIDE_NVIDIA_GPU", 5),
            ("gpu-driver-missing", "error", "PROVIDE_NVIDIA_GPU", 5),
            ("gpu-toolkit-missing", "error", "PROVIDE_NVIDIA_GPU", 5),
        ],
    ),
    "no driver, and an engine that fails": (
        each(break_engine, unload_driver), ("PROVIDE_NVIDIA_GPU=y",),
        [("gpu-driver-missing", "error", "PROVIDE_NVIDIA_GPU", 5), ("engine-unreachable", "error", None, None)],
    ),
    "a GPU that is not there": (
        nothing, ("PROVIDE_NVIDIA_GPU=y", "OSPOOL_EP_GPUS=2"), [("gpu-unknown", "error", "OSPOOL_EP_GPUS", 6)],
    ),
    "no GPU that Podman could hand out": (
        exchange_engine, ("PROVIDE_NVIDIA_GPU=y",), [("gpu-cdi-missing", "error", "PROVIDE_NVIDIA_GPU", 5)],
    ),
    "an engine that fails": (
        break_engine, ("PROVIDE_NVIDIA_GPU=y",), [("engine-unreachable", "error", None, None)],
    ),
    "too many CPUs": (nothing, ("", f"NUM_CPUS={CPUS + 1}"), [("cpus-exceed-host", "error", "NUM_CPUS", 6)]),
    "too many CPUs for Podman": (
        choose_podman, ("", f"NUM_CPUS={CPUS + 1}"), [("cpus-exceed-host", "warning", "NUM_CPUS", 6)],
    ),
    "too much memory": (nothing, ("MEMORY=99999999",), [("memory-exceeds-host", "warning", "MEMORY", 5)]),
    "memory as a number of GB": (nothing, ("MEMORY=511",), [("memory-too-small", "warning", "MEMORY", 5)]),
    "no token": (remove_token, (), [("token-missing", "error", "TOKEN_LOCATION", 3)]),
    "an empty token": (empty_token, (), [("token-not-a-jwt", "error", "TOKEN_LOCATION", 3)]),
    "a token that is nowhere": (
        nothing, ("TOKEN_LOCATION=/nonexistent/token",), [("token-missing", "error", "TOKEN_LOCATION", 5)],
    ),
    "everything at once": (
        each(remove_token, spoil_cvmfs, spoil_fuse),
        ("BIND_MOUNT_CVMFS=1", "NUM_CPUS=100000", "MEMORY=99999999", "WORKER_TEMP_DIR=/nonexistent"),
        [
            ("token-missing", "error", "TOKEN_LOCATION", 3),
            ("cvmfs-not-mounted", "error", "BIND_MOUNT_CVMFS", 5),
            ("cpus-exceed-host", "error", "NUM_CPUS", 6),
            ("memory-exceeds-host", "warning", "MEMORY", 7),
            ("scratch-missing", "error", "WORKER_TEMP_DIR", 8),
            ("fuse-missing", "error", None, None),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "lines", "expected"), CASES.values(), ids=CASES)
def test_check(host: Host, spoil: Callable[[Host], None], lines: tuple[str, ...], expected: list[Row]) -> None:
    spoil(host)
    result = host.check(*lines)
    assert rows(result.findings) == expected
    assert result.ok == (not [row for row in expected if row[1] == "error"])
    for finding in result.findings:
        assert len(finding.as_text("cfg").splitlines()) == 1
        assert finding.message.endswith(".")
        assert finding.hint


def test_the_numbers_in_a_hint_mend_it(host: Host) -> None:
    lines = []
    for finding in host.check("NUM_CPUS=100000", "MEMORY=99999999").findings:
        lines.append(finding.hint.split()[1].rstrip(","))
    assert [line.split("=")[0] for line in lines] == ["NUM_CPUS", "MEMORY"]
    assert host.check(*lines).findings == ()


def test_a_repository_that_is_mounted_by_itself_is_cvmfs(host: Host) -> None:
    spoil_cvmfs(host)
    mount(host.path / "vendors" / "cms.cern.ch", "mode=755")
    assert host.check("BIND_MOUNT_CVMFS=1").findings == ()


def test_an_automounter_without_a_repository_is_not(host: Host) -> None:
    spoil_cvmfs(host)
    line = f"30 1 0:40 / {host.places.cvmfs} rw,relatime shared:9 - autofs /etc/auto.cvmfs rw\n"
    (host.path / "mountinfo").write_text(line, encoding="utf-8")
    host.places = replace(host.places, mounts=str(host.path / "mountinfo"))
    (finding,) = host.check("BIND_MOUNT_CVMFS=1").findings
    assert "mounts neither" in finding.message


@pytest.mark.parametrize(
    ("secret", "code"),
    [("changeme", "token-not-a-jwt"), ("a.b.c", "token-not-a-jwt"), (token(exp=1), "token-expired"), (token(), "")],
)
def test_a_token_in_the_configuration(host: Host, secret: str, code: str) -> None:
    result = host.check("", f"TOKEN={secret}")
    errors = [row for row in rows(result.findings) if row[1] == "error"]
    assert errors == ([(code, "error", "TOKEN", 6)] if code else [])
    assert secret not in result.as_text() + result.as_json() + repr(result)


def test_the_pool_refuses(host: Host) -> None:
    host.token.write_text(token(exp=1700000000), encoding="utf-8")
    configuration, _ = read_configuration(str(host.write()))
    explained = explain_refusal(configuration, "")
    assert "expired on 2023-11-14" in explained
    assert f"install -o 1000 -g 1000 -m 600 NEW_TOKEN {host.token}" in explained
    host.token.write_text(token(), encoding="utf-8")
    assert "The pool knows it as someone@else. " in explain_refusal(configuration, "someone@else")


def test_where_docker_has_its_device_interfaces_at_another_place_they_are_looked_for_there(host: Host) -> None:
    directory = host.path / "elsewhere"
    directory.mkdir()
    spoil_runtime(host)
    told = replace(host.engine(""), cdi_directories=(str(directory),))
    host.engine = lambda _socket: told
    assert [row[0] for row in rows(host.check("PROVIDE_NVIDIA_GPU=1").findings)] == ["gpu-cdi-missing"]
    (directory / "nvidia.yaml").write_text("kind: nvidia.com/gpu\ndevices:\n- name: all\n  path: /dev/nvidia0\n")
    assert host.check("PROVIDE_NVIDIA_GPU=1").ok


FINDINGS = (
    error("b", "Wrong.", "Mend it.", key="K", line=2),
    error("c", "Wrong.", "Mend it."),
    warning("a", "Odd.", "Look."),
)


def test_the_text_has_a_line_for_each_finding_and_a_sum() -> None:
    assert CheckResult("cfg", FINDINGS).as_text().splitlines() == [
        "cfg:2: error: K: Wrong. Mend it. [b]",
        "cfg: error: Wrong. Mend it. [c]",
        "cfg: warning: Odd. Look. [a]",
        "2 errors, 1 warning",
    ]
    assert CheckResult("cfg", FINDINGS[2:]).as_text().splitlines()[-1] == "ok: 1 warning"
    assert CheckResult("cfg", ()).as_text() == "ok: nothing keeps the pilot from getting jobs"


def test_the_json_has_the_fields_that_are_promised() -> None:
    shown = json.loads(CheckResult("cfg", FINDINGS[:1]).as_json())
    finding = {"code": "b", "severity": "error", "key": "K", "line": 2, "message": "Wrong.", "hint": "Mend it."}
    assert shown == {"ok": False, "findings": [{**finding, "file": "cfg"}]}
    assert json.loads(CheckResult("cfg", ()).as_json()) == {"ok": True, "findings": []}


def test_a_file_that_cannot_be_read_says_nothing_of_the_host(tmp_path: Path) -> None:
    result = run_checks(str(tmp_path / "none.cfg"))
    assert [finding.code for finding in result.findings] == ["config-unreadable"]


@pytest.mark.parametrize(
    ("line", "warned"),
    [("POOL=prod-ospool", True), ("POOL=ospool", True), ("POOL=itb-ospool", False), ("ITB=yes", False)],
)
def test_a_token_of_another_pool_is_told_where_the_ospool_is_meant(host: Host, line: str, warned: bool) -> None:
    host.token.write_text(token(iss="htcondor.example.edu"), encoding="utf-8")
    assert [row[0] for row in rows(host.check(line).findings)] == ["token-other-pool"] * warned


@pytest.mark.parametrize("spoil", [cut_token, wrap_token])
def test_a_token_that_is_spoilt_while_a_pilot_runs_is_noted(host: Host, spoil: Callable[[Host], None]) -> None:
    configuration, _ = read_configuration(str(host.write()))
    assert look_at_token(configuration)[1] == ""
    spoil(host)
    assert str(host.token) in look_at_token(configuration)[1]
    assert str(host.token) in explain_refusal(configuration, "").partition(" Get a new token")[0]
