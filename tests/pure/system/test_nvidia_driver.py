"""What the driver shows of itself, on a host that is played in a directory."""

from pathlib import Path

import pytest

from ospool_ep.system.nvidia_driver import device_nodes, driver_version, gpus
from tests.support.nvidia_host import UUID, VERSION, NvidiaHost

COMMON = ("/dev/nvidiactl", "/dev/nvidia-uvm")


@pytest.mark.parametrize("open_modules", [False, True])
def test_its_version_is_read_in_each_form(open_modules: bool, tmp_path: Path) -> None:
    NvidiaHost(tmp_path, open_modules=open_modules)
    assert driver_version(str(tmp_path)) == VERSION


def test_a_host_without_a_driver_has_neither_version_nor_nodes(tmp_path: Path) -> None:
    assert (driver_version(str(tmp_path)), gpus(str(tmp_path)), device_nodes(["all"], str(tmp_path))) == ("", None, ())


@pytest.mark.parametrize(
    ("chosen", "nodes"),
    [
        (["all"], ("/dev/nvidia1", "/dev/nvidia0")),
        # A GPU's number goes by its place on the bus, that of its device by when the driver found it.
        (["0"], ("/dev/nvidia1",)),
        (["1"], ("/dev/nvidia0",)),
        ([UUID.format(7)], ("/dev/nvidia0",)),
        (["0", UUID.format(7)], ("/dev/nvidia1", "/dev/nvidia0")),
        (["1:0"], ("/dev/nvidia0",)),
        ([f"MIG-{UUID.format(6)}/1/0"], ("/dev/nvidia1",)),
        (["MIG-8dcd427f-483b-b48f-d7e5-75fb19a52b79"], ()),
        (["7"], ()),
    ],
)
def test_the_nodes_are_those_of_the_chosen_gpus(chosen: list[str], nodes: tuple[str, ...], tmp_path: Path) -> None:
    NvidiaHost(tmp_path)
    assert device_nodes(chosen, str(tmp_path)) == (*COMMON, *nodes)


def test_only_nodes_that_are_there_are_named(tmp_path: Path) -> None:
    host = NvidiaHost(tmp_path)
    (host.root / "dev/nvidia0").unlink()
    (host.root / "dev/nvidia0").touch()
    host.device("nvidia-modeset")
    assert device_nodes(["all"], str(tmp_path)) == (*COMMON, "/dev/nvidia-modeset", "/dev/nvidia1")


def test_a_gpu_that_was_excluded_has_no_number(tmp_path: Path) -> None:
    host = NvidiaHost(tmp_path)
    host.gpu("0000:01:00.0", UUID.format(5), 2, excluded=True)
    assert [gpu.uuid for gpu in gpus(str(tmp_path)) or ()] == [UUID.format(6), UUID.format(7)]


def test_their_numbers_go_by_the_bus_in_whatever_order_they_are_listed(tmp_path: Path) -> None:
    host, places = (
        NvidiaHost(tmp_path),
        ["0000:e1:00.0", "0000:01:00.0", "0000:c1:00.0", "0000:21:00.0", "0000:d1:00.0"],
    )
    for minor, place in enumerate(places, 2):
        host.gpu(place, f"at {place}", minor)
    found = [gpu.uuid for gpu in gpus(str(tmp_path)) or ()]
    first, last = [f"at {place}" for place in sorted(places)[:2]], [f"at {place}" for place in sorted(places)[2:]]
    assert found == [*first, UUID.format(6), UUID.format(7), *last]
