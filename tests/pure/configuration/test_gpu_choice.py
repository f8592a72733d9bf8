"""Which GPUs a configuration chooses, which of its two keys holds, and each mistake in them."""

from pathlib import Path

import pytest

from ospool_ep.configuration.gpu_choice import chosen_gpus
from ospool_ep.configuration.reading import read_configuration

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"
OFFERED = f"{NAMES}PROVIDE_NVIDIA_GPU=true\n"
UUID = "8dcd427f-483b-b48f-d7e5-75fb19a52b76"


def read(text: str, directory: Path) -> tuple[tuple[str, ...], list[tuple[str, str, str, int]]]:
    """What is chosen, and what is found."""
    path = directory / "ospool-ep.cfg"
    path.write_text(text, encoding="utf-8")
    configuration, found = read_configuration(str(path))
    rows = [(one.severity.value, one.code, one.key or "", one.line or 0) for one in found]
    return chosen_gpus(configuration), rows


@pytest.mark.parametrize("key", ["OSPOOL_EP_GPUS", "NVIDIA_VISIBLE_DEVICES"])
@pytest.mark.parametrize(
    "value",
    [
        "all",
        "0",
        "0,1,15",
        f"GPU-{UUID}",
        f"1,GPU-{UUID}",
        "0:1",
        f"MIG-{UUID}",
        f"MIG-GPU-{UUID}/1/0",
        "0, 1",
        '"0 , 1"',
    ],
)
def test_what_nvidias_tools_call_a_gpu_is_one(key: str, value: str, tmp_path: Path) -> None:
    chosen, found = read(f"{OFFERED}{key}={value}\n", tmp_path)
    assert chosen == tuple(name.strip() for name in value.strip('"').split(","))
    assert found == []


@pytest.mark.parametrize("key", ["OSPOOL_EP_GPUS", "NVIDIA_VISIBLE_DEVICES"])
@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("one", ["gpu-not-a-name"]),
        ("-1", ["gpu-not-a-name"]),
        ("01", ["gpu-not-a-name"]),
        ("0;1", ["gpu-not-a-name"]),
        ("0 1", ["gpu-not-a-name"]),
        ("ALL", ["gpu-not-a-name"]),
        ("GPU-8dcd427f", ["gpu-not-a-name"]),
        ("MIG-1", ["gpu-not-a-name"]),
        ("/dev/nvidia0", ["gpu-not-a-name"]),
        ("0,none", ["gpu-not-a-name"]),
        ("\u0661", ["gpu-not-a-name"]),
        ("0,1,0", ["gpu-twice"]),
        ("all,all", ["gpu-twice"]),
        ("all,0", ["gpu-all-and-others"]),
        ("0,0,all,x", ["gpu-not-a-name", "gpu-twice", "gpu-all-and-others"]),
    ],
)
def test_each_mistake_is_an_error_of_its_own(key: str, value: str, codes: list[str], tmp_path: Path) -> None:
    _, found = read(f"{OFFERED}{key}={value}\n", tmp_path)
    assert sorted(found) == sorted(("error", code, key, 4) for code in codes)


@pytest.mark.parametrize(("value", "chosen"), [("0,", ("0",)), (",0", ("0",)), ("0,,1", ("0", "1"))])
def test_a_comma_too_many_is_told_and_counts_for_nothing(value: str, chosen: tuple[str, ...], tmp_path: Path) -> None:
    expected = [("warning", "gpu-empty-name", "OSPOOL_EP_GPUS", 4)]
    assert read(f"{OFFERED}OSPOOL_EP_GPUS={value}\n", tmp_path) == (chosen, expected)


@pytest.mark.parametrize("value", ["none", "void", "' '", ","])
@pytest.mark.parametrize("key", ["OSPOOL_EP_GPUS", "NVIDIA_VISIBLE_DEVICES"])
def test_a_choice_of_none_is_an_error(key: str, value: str, tmp_path: Path) -> None:
    _, found = read(f"{OFFERED}{key}={value}\n", tmp_path)
    assert found == [("error", "gpu-none-chosen", key, 4)]


def test_an_empty_value_is_all_of_them_in_our_key_and_none_in_nvidias(tmp_path: Path) -> None:
    assert read(f"{OFFERED}OSPOOL_EP_GPUS=\n", tmp_path) == (
        ("all",),
        [("warning", "empty-value", "OSPOOL_EP_GPUS", 4)],
    )
    _, found = read(f"{OFFERED}NVIDIA_VISIBLE_DEVICES=\n", tmp_path)
    assert found == [("error", "gpu-none-chosen", "NVIDIA_VISIBLE_DEVICES", 4)]


@pytest.mark.parametrize(
    ("ours", "nvidias", "chosen", "told"),
    [
        ("0", "1", ("0",), True),
        ("all", "1", ("all",), True),
        ("0", "none", ("0",), True),
        ("0,1", "1, 0", ("0", "1"), False),
        ("", "1", ("1",), False),
    ],
)
def test_our_key_holds_where_both_are_set(
    ours: str, nvidias: str, chosen: tuple[str, ...], told: bool, tmp_path: Path
) -> None:
    got, found = read(f"{OFFERED}OSPOOL_EP_GPUS={ours}\nNVIDIA_VISIBLE_DEVICES={nvidias}\n", tmp_path)
    assert got == chosen
    two = ("warning", "gpu-two-choices", "NVIDIA_VISIBLE_DEVICES", 5)
    assert (two in found) is told


@pytest.mark.parametrize(
    ("line", "told"),
    [("OSPOOL_EP_GPUS=0", True), ("OSPOOL_EP_GPUS=all", False), ("NVIDIA_VISIBLE_DEVICES=none", False)],
)
def test_a_choice_without_an_offer_has_no_effect_and_that_is_said(line: str, told: bool, tmp_path: Path) -> None:
    chosen, found = read(f"{NAMES}{line}\n", tmp_path)
    assert chosen == ()
    assert found == ([("info", "gpu-not-offered", "OSPOOL_EP_GPUS", 3)] if told else [])
