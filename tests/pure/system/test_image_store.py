"""What is known of the images outlives the process; updates take turns."""

import stat
import threading
from pathlib import Path

import pytest

from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.json_data import encode
from tests.support.waiting import wait_until

IMAGE = "registry.example/pilot:1"


def test_a_second_update_says_that_it_waits_where_no_program_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entered = threading.Event()

    def second_update() -> None:
        with ImageStore("", tmp_path).updating("Busy."):
            entered.set()

    waiting = threading.Thread(target=second_update, daemon=True)
    said = ""

    def it_waits() -> bool:
        nonlocal said
        seen = capsys.readouterr()
        assert seen.out == ""
        said += seen.err
        return said == "Busy.\n"

    with ImageStore("", tmp_path).updating("Not said."):
        waiting.start()
        wait_until(it_waits, "the second one waits")
        assert not entered.is_set()
    assert entered.wait(10)
    waiting.join()


def test_no_other_user_keeps_an_update_waiting(tmp_path: Path) -> None:
    """Any user can take a lock that others share on a file that he may read."""
    (tmp_path / "update.lock").touch(0o644)
    with ImageStore("", tmp_path).updating():
        assert stat.S_IMODE((tmp_path / "update.lock").stat().st_mode) == 0o600


def test_what_is_known_of_the_images_of_one_engine_says_nothing_of_another_one(tmp_path: Path) -> None:
    docker, podman = ImageStore("/run/docker.sock", tmp_path), ImageStore("/run/podman/podman.sock", tmp_path)
    record = ImageRecord(IMAGE, newest=KnownImage("sha256:1", "sha256:2", 3.0))
    docker.save(record)
    docker.note_pull(IMAGE)
    (found,) = {docker.load(IMAGE).newest}
    assert found is not None
    assert (found.id, found.digest) == ("sha256:1", "sha256:2")
    assert docker.pulled_at(IMAGE) is not None
    assert podman.load(IMAGE) == ImageRecord(IMAGE)
    assert podman.pulled_at(IMAGE) is None


def test_what_an_earlier_release_knew_is_not_lost(tmp_path: Path) -> None:
    """It did not say in which engine: in the only one, as a rule."""
    (tmp_path / "images.json").write_text(encode(ImageRecord(IMAGE, newest=KnownImage("sha256:1", "sha256:2", 3.0))))
    (tmp_path / "pulled").write_text(IMAGE)
    store = ImageStore("/run/docker.sock", tmp_path)
    assert store.load(IMAGE).newest
    assert store.pulled_at(IMAGE) is not None
