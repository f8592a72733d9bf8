"""Whether the engine has GPUs to hand out, on hosts with each kind of specification."""

import json
from pathlib import Path

import pytest

from ospool_ep.checks.gpu_checks import check_gpus, check_gpus_of_host, gpu_names
from ospool_ep.configuration.findings import Finding, Severity
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine.interface import EngineInfo

# As nvidia-ctk writes it, shortened.
YAML = """---
cdiVersion: 0.5.0
containerEdits:
  hooks:
  - args:
    - nvidia-ctk
    hookName: createContainer
    path: /usr/bin/nvidia-ctk
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: "0"
- name: GPU-8dcd427f-483b-b48f-d7e5-75fb19a52b76
- containerEdits: {}
  name: all
kind: nvidia.com/gpu
"""
JSON = json.dumps({
    "cdiVersion": "0.3.0",
    "kind": "nvidia.com/gpu",
    "devices": [{"name": "0", "containerEdits": {"env": ["A=b"]}}, {"containerEdits": {}, "name": "all"}],
})  # fmt: skip


def docker(*runtimes: str) -> EngineInfo:
    return EngineInfo("docker", "29.1.0", "1.52", frozenset(runtimes), "/")


def podman(version: str = "5.4.0") -> EngineInfo:
    # Somebody has registered a runtime that Podman's API does not read.
    return EngineInfo("podman", version, "1.41", frozenset(("crun", "nvidia")), "/")


def found(engine: EngineInfo, directory: Path, lines: str = "") -> list[tuple[str, int]]:
    """The findings, as codes and lines; those that are errors, which all must be."""
    path = directory / "ospool-ep.cfg"
    path.write_text(f"PROVIDE_NVIDIA_GPU=true\n{lines}", encoding="utf-8")
    findings = list(check_gpus(read_configuration(str(path))[0], engine, [f"{directory}/none", str(directory)]))
    for finding in findings:
        _is_a_line_with_a_mend(finding)
    return [(finding.code, finding.line or 0) for finding in findings]


def _is_a_line_with_a_mend(finding: Finding) -> None:
    assert finding.severity is Severity.ERROR
    assert finding.hint
    assert len(finding.as_text("cfg").splitlines()) == 1


def test_docker_has_them_by_its_runtime(tmp_path: Path) -> None:
    assert found(docker("runc", "nvidia"), tmp_path) == []
    assert found(docker("runc"), tmp_path) == [("gpu-runtime-missing", 1)]


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
def test_podman_has_them_by_a_specification(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert {"0", "all"} <= gpu_names([str(tmp_path)]) <= {"0", "all", "GPU-8dcd427f-483b-b48f-d7e5-75fb19a52b76"}
    assert found(podman(), tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("amd.yaml", YAML.replace("nvidia.com/gpu", "amd.com/gpu")),
        ("other.json", JSON.replace("nvidia.com/gpu", "nvidia.com/gpus")),
        ("nvidia.yaml.bak", YAML),
        ("nvidia.yaml", YAML.replace("kind:", "#kind:")),
        ("nvidia.json", ""),
    ],
)
def test_podman_has_none_by_another_file(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "directory.json").mkdir()
    assert found(podman(), tmp_path) == [("gpu-cdi-missing", 1)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("NVIDIA_VISIBLE_DEVICES=all\n", []),
        ("NVIDIA_VISIBLE_DEVICES=0, GPU-8dcd427f-483b-b48f-d7e5-75fb19a52b76\n", []),
        ("NVIDIA_VISIBLE_DEVICES=0,7\n", [("gpu-unknown", 2)]),
        ("NVIDIA_VISIBLE_DEVICES=none\n", [("gpu-none-chosen", 2)]),
        ("NVIDIA_VISIBLE_DEVICES=\n", [("gpu-none-chosen", 2)]),
    ],
)
def test_those_that_are_chosen_are_there(line: str, expected: list[tuple[str, int]], tmp_path: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text(YAML, encoding="utf-8")
    assert found(podman(), tmp_path, line) == expected


@pytest.mark.parametrize("chosen", ["none", "void", "''", ""])
def test_a_choice_of_none_is_an_error_with_docker_too(chosen: str, tmp_path: Path) -> None:
    line = f"NVIDIA_VISIBLE_DEVICES={chosen}\n"
    assert found(docker("runc", "nvidia"), tmp_path, line) == [("gpu-none-chosen", 2)]


@pytest.mark.parametrize(
    ("version", "works"),
    [("4.9.4-rhel", False), ("5.3.2", False), ("5.4.0", True), ("5.10.1", True), ("6.0.0-dev", True)],
)
def test_a_podman_that_passes_over_what_it_is_asked_for_is_found(version: str, works: bool, tmp_path: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text(YAML, encoding="utf-8")
    assert found(podman(version), tmp_path) == ([] if works else [("gpu-podman-old", 1)])


@pytest.mark.parametrize(
    ("kind", "lines", "code"),
    [
        ("podman", "", "gpu-cdi-missing"),
        ("docker", "", ""),
        ("podman", "NVIDIA_VISIBLE_DEVICES=none\n", "gpu-none-chosen"),
        ("docker", "NVIDIA_VISIBLE_DEVICES=none\n", "gpu-none-chosen"),
    ],
)
def test_what_needs_no_engine_is_found_before_one_runs(tmp_path: Path, kind: str, lines: str, code: str) -> None:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(f"PROVIDE_NVIDIA_GPU=true\n{lines}", encoding="utf-8")
    findings = check_gpus_of_host(read_configuration(str(path))[0], kind, [str(tmp_path)])
    assert [finding.code for finding in findings] == ([code] if code else [])
