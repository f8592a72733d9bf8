"""Whether the engine has GPUs to hand out: hosts with each kind of specification, and each with something missing."""

import json
from pathlib import Path

import pytest

from ospool_ep.checks.cdi_specifications import specifications
from ospool_ep.checks.gpu_checks import check_gpus, check_gpus_of_host
from ospool_ep.checks.gpu_facts import gather_gpus
from ospool_ep.configuration.findings import Finding, Severity
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine.interface import EngineInfo
from tests.support.nvidia_host import UUID, VERSION, NvidiaHost

# As nvidia-ctk writes it, shortened.
YAML = """---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
  - hostPath: /dev/nvidia-uvm
    path: /dev/elsewhere
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  hooks:
  - args:
    - nvidia-ctk
    hookName: createContainer
    path: /usr/bin/nvidia-ctk
  mounts:
  - containerPath: /usr/lib64/libcuda.so.580.65.06
    hostPath: /usr/lib64/libcuda.so.580.65.06
    options:
    - ro
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: "1"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia1
  name: "0"
- name: GPU-8dcd427f-483b-b48f-d7e5-75fb19a52b76
- containerEdits: {}
  name: all
kind: nvidia.com/gpu
"""
JSON = json.dumps({
    "cdiVersion": "0.3.0",
    "kind": "nvidia.com/gpu",
    "devices": [
        {"name": "0", "containerEdits": {"env": ["A=b"], "deviceNodes": [{"path": "/dev/nvidia0"}]}},
        {"containerEdits": {"deviceNodes": [{"path": "/dev/nvidia1"}]}, "name": "all"},
    ],
    "containerEdits": {"mounts": [{"hostPath": "/usr/lib64/libcuda.so.580.65.06", "containerPath": "/a"}]},
})  # fmt: skip
RUNTIME = EngineInfo("docker", "29.1.0", "1.52", frozenset(("runc", "nvidia")), "/")
PLAIN = EngineInfo("docker", "20.10.24", "1.41", frozenset(("runc",)), "/")
INTERFACE = EngineInfo("docker", "29.1.0", "1.52", frozenset(("runc",)), "/", cdi_directories=("/etc/cdi",))
# Somebody has registered a runtime that Podman's API does not read.
PODMAN = EngineInfo("podman", "5.4.0", "1.41", frozenset(("crun", "nvidia")), "/")


@pytest.fixture
def host(tmp_path: Path) -> NvidiaHost:
    """A host with two GPUs; it has no specification yet."""
    played = NvidiaHost(tmp_path / "root")
    (played.root / "cdi").mkdir()
    (played.root / "usr/lib64" / f"libcuda.so.{VERSION}").touch()
    return played


def found(
    host: NvidiaHost, engine: EngineInfo, text: str = YAML, name: str = "nvidia.yaml", lines: str = ""
) -> list[str]:
    """The codes of what is found with that specification; none where it is empty."""
    return [finding.code for finding in findings(host, engine, text, name, lines)]


def findings(host: NvidiaHost, engine: EngineInfo, text: str, name: str, lines: str = "") -> list[Finding]:
    if text:
        (host.root / "cdi" / name).write_bytes(text.encode())
    path = host.root / "ospool-ep.cfg"
    path.write_text(f"PROVIDE_NVIDIA_GPU=true\n{lines}", encoding="utf-8")
    facts = gather_gpus(str(host.root), (f"{host.root}/none", f"{host.root}/cdi"))
    all_of_them = list(check_gpus(read_configuration(str(path))[0], facts, engine))
    for finding in all_of_them:
        assert finding.hint
        assert len(finding.as_text("cfg").splitlines()) == 1
    return all_of_them


@pytest.mark.parametrize("engine", [RUNTIME, INTERFACE, PODMAN])
def test_where_all_is_there_nothing_is_found(host: NvidiaHost, engine: EngineInfo) -> None:
    assert found(host, engine) == []


@pytest.mark.parametrize(
    ("engine", "code"),
    [(RUNTIME, []), (PLAIN, ["gpu-runtime-missing"]), (INTERFACE, ["gpu-cdi-missing"]), (PODMAN, ["gpu-cdi-missing"])],
)
def test_without_a_specification_only_the_runtime_has_them(
    host: NvidiaHost, engine: EngineInfo, code: list[str]
) -> None:
    assert found(host, engine, "") == code


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nvidia.yaml", YAML),
        ("nvidia.yml", YAML.replace("\n", "\r\n")),
        ("quoted.yaml", YAML.replace("kind: nvidia.com/gpu", 'kind: "nvidia.com/gpu"  # ours')),
        ("nvidia.json", JSON),
        ("compact.json", JSON.replace(" ", "")),
        ("long.json", json.dumps(json.loads(JSON), indent=4)),
        ("json-in.yaml", JSON),
    ],
)
def test_a_specification_is_read_in_each_form(host: NvidiaHost, name: str, text: str) -> None:
    assert found(host, PODMAN, text, name) == []
    (one,) = specifications([f"{host.root}/cdi"])
    assert {"0", "all"} <= one.names <= {"0", "1", "all", UUID.format(6)}
    assert {"/dev/nvidia0", "/dev/nvidia1"} <= set(one.host_paths)
    assert "/dev/elsewhere" not in one.host_paths
    assert one.library_version == VERSION


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("amd.yaml", YAML.replace("nvidia.com/gpu", "amd.com/gpu")),
        ("other.json", JSON.replace("nvidia.com/gpu", "nvidia.com/gpus")),
        ("nvidia.yaml.bak", YAML),
        ("nvidia.yaml", YAML.replace("kind:", "#kind:")),
        ("nvidia.json", " "),
    ],
)
def test_another_file_is_none(host: NvidiaHost, name: str, text: str) -> None:
    (host.root / "cdi/broken.yaml").write_bytes(b"\xff\xfe\x00")
    (host.root / "cdi/directory.json").mkdir()
    assert found(host, PODMAN, text, name) == ["gpu-cdi-missing"]


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("dev/nvidia1", "no /dev/nvidia1"),
        ("dev/nvidia-uvm", "no /dev/nvidia-uvm"),
        (f"usr/lib64/libcuda.so.{VERSION}", "libcuda.so"),
        ("usr/bin/nvidia-ctk", "nvidia-ctk"),
    ],
)
def test_a_specification_that_gives_what_is_gone_is_stale(host: NvidiaHost, gone: str, says: str) -> None:
    (host.root / gone).unlink()
    stale = [one for one in findings(host, PODMAN, YAML, "nvidia.yaml") if one.code == "gpu-cdi-stale"]
    assert len(stale) == 1
    assert says in stale[0].message
    assert f"--output={host.root}/cdi/nvidia.yaml" in stale[0].hint


def test_a_specification_for_another_driver_is_stale(host: NvidiaHost) -> None:
    host.driver("590.11.01")
    (stale,) = findings(host, PODMAN, YAML, "nvidia.yaml")
    assert stale.code == "gpu-cdi-stale"
    assert f"driver {VERSION}, and 590.11.01 is loaded" in stale.message
    # NVIDIA's runtime goes by the driver as it is.
    assert found(host, RUNTIME) == []


def test_a_stale_specification_that_another_one_overrides_counts_for_nothing(host: NvidiaHost) -> None:
    etc, run = host.root / "etc", host.root / "run"
    for directory, text in ((etc, YAML.replace(VERSION, "570.1.1")), (run, YAML)):
        directory.mkdir()
        (directory / "nvidia.yaml").write_text(text)
    of_both = [one.path for one in specifications([str(etc), str(run)])]
    assert of_both == [f"{run}/nvidia.yaml"]
    (run / "nvidia.yaml").write_text(YAML.replace('"1"', '"5"'))
    assert len(specifications([str(etc), str(run)])) == 2


def test_a_gpu_that_a_specification_leaves_out_is_told(host: NvidiaHost) -> None:
    host.gpu("0000:d8:00.0", UUID.format(8), 2)
    host.device("nvidia2")
    (left_out,) = findings(host, PODMAN, YAML, "nvidia.yaml")
    assert (left_out.code, left_out.severity) == ("gpu-cdi-incomplete", Severity.WARNING)
    assert "/dev/nvidia2" in left_out.message
    assert found(host, PODMAN, lines="OSPOOL_EP_GPUS=0\n") == []
    assert found(host, PODMAN, lines="OSPOOL_EP_GPUS=2\n") == ["gpu-cdi-unnamed"]


@pytest.mark.parametrize("key", ["OSPOOL_EP_GPUS", "NVIDIA_VISIBLE_DEVICES"])
@pytest.mark.parametrize("engine", [RUNTIME, INTERFACE, PODMAN])
@pytest.mark.parametrize(
    ("chosen", "there"),
    [
        ("all", True), ("0", True), (f"1, {UUID.format(6)}", True), ("0:1", True), ("0,7", False), ("7:0", False),
        (UUID.format(9), False),
    ],
)  # fmt: skip
def test_those_that_are_chosen_are_there(
    host: NvidiaHost, engine: EngineInfo, key: str, chosen: str, there: bool
) -> None:
    text = YAML.replace("- containerEdits: {}", '- name: "0:1"\n- containerEdits: {}')
    missing = findings(host, engine, text, "nvidia.yaml", f"{key}={chosen}\n")
    assert [(one.code, one.key) for one in missing] == ([] if there else [("gpu-unknown", key)])


def test_where_the_driver_does_not_say_the_specification_does(host: NvidiaHost) -> None:
    host.driver("")
    assert found(host, PODMAN, lines="OSPOOL_EP_GPUS=7\n") == ["gpu-driver-missing", "gpu-unknown"]


def test_each_thing_that_is_missing_is_told_apart_and_all_at_once(host: NvidiaHost) -> None:
    (host.root / "dev/nvidiactl").unlink()
    assert found(host, RUNTIME) == ["gpu-device-missing"]
    (host.root / "usr/bin/nvidia-ctk").unlink()
    assert found(host, PLAIN, "") == ["gpu-runtime-missing", "gpu-device-missing", "gpu-toolkit-missing"]
    host.driver("")
    (host.root / "cdi/nvidia.yaml").unlink()
    assert found(host, PODMAN, "") == ["gpu-driver-missing", "gpu-toolkit-missing", "gpu-cdi-missing"]


def test_a_driver_that_has_lost_its_gpus_is_an_error(host: NvidiaHost) -> None:
    for place in (host.root / "proc/driver/nvidia/gpus").iterdir():
        (place / "information").unlink()
        place.rmdir()
    assert found(host, RUNTIME) == ["gpu-none-here"]


@pytest.mark.parametrize(("engine", "severity"), [(RUNTIME, Severity.WARNING), (PLAIN, Severity.ERROR)])
def test_a_toolkit_that_is_nowhere_bars_only_what_needs_it(
    host: NvidiaHost, engine: EngineInfo, severity: Severity
) -> None:
    (host.root / "usr/bin/nvidia-ctk").unlink()
    told = {one.code: one.severity for one in findings(host, engine, "", "")}
    assert told["gpu-toolkit-missing"] is severity


@pytest.mark.parametrize(
    ("version", "works"),
    [("3.4.4", False), ("4.0.3", False), ("4.1.0", True), ("4.9.4-rhel", True), ("6.0.0-dev", True)],
)
def test_a_podman_that_knows_no_device_interface_is_found(host: NvidiaHost, version: str, works: bool) -> None:
    old = EngineInfo("podman", version, "1.41", frozenset(("crun", "nvidia")), "/")
    assert found(host, old) == ([] if works else ["gpu-podman-old"])


@pytest.mark.parametrize(("by_interface", "codes"), [(True, ["gpu-cdi-missing"]), (False, [])])
def test_what_needs_no_engine_is_found_before_one_runs(host: NvidiaHost, by_interface: bool, codes: list[str]) -> None:
    path = host.root / "ospool-ep.cfg"
    path.write_text("PROVIDE_NVIDIA_GPU=true\n", encoding="utf-8")
    facts = gather_gpus(str(host.root), [f"{host.root}/cdi"])
    told = check_gpus_of_host(read_configuration(str(path))[0], facts, by_interface=by_interface)
    assert [finding.code for finding in told] == codes
