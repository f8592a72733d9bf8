"""What is known of the images outlives the process; updates take turns."""

import stat
import subprocess
import sys
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
        with ImageStore("", tmp_path).updating(IMAGE, "Busy."):
            entered.set()

    waiting = threading.Thread(target=second_update, daemon=True)
    said = ""

    def it_waits() -> bool:
        nonlocal said
        seen = capsys.readouterr()
        assert seen.out == ""
        said += seen.err
        return said == "Busy.\n"

    with ImageStore("", tmp_path).updating(IMAGE, "Not said."):
        waiting.start()
        wait_until(it_waits, "the second one waits")
        assert not entered.is_set()
    assert entered.wait(10)
    waiting.join()


def test_no_other_user_keeps_an_update_waiting(tmp_path: Path) -> None:
    """Any user can take a lock that others share on a file that he may read."""
    store = ImageStore("", tmp_path)
    (tmp_path / "update.lock").touch(0o644)
    store.note_pull(IMAGE)
    with store.updating(IMAGE, ""):
        locks = list(tmp_path.glob("*.lock"))
        assert {stat.S_IMODE(lock.stat().st_mode) for lock in locks} == {0o600}
        assert len(locks) == 2


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


def test_a_pull_is_known_to_all_services_and_what_each_has_tried_is_its_own(tmp_path: Path) -> None:
    """And the note of one image does not go with that of another."""
    first, second = (ImageStore("/run/docker.sock", tmp_path / name, tmp_path / "host") for name in ("a", "b"))
    first.save(ImageRecord(IMAGE, newest=KnownImage("sha256:1", "sha256:2", 3.0)))
    first.note_pull(IMAGE)
    second.note_pull("registry.example/other:1")
    assert second.load(IMAGE) == ImageRecord(IMAGE)
    assert [store.pulled_at(IMAGE) is None for store in (first, second)] == [False, False]
    assert second.pulled_at("registry.example/third:1") is None


def test_notes_that_say_nothing_any_more_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "pulled").write_text("registry.example/old:1 /run/docker.sock 86400.000\n")
    ImageStore("/run/docker.sock", tmp_path).note_pull(IMAGE)
    assert [line.split()[0] for line in (tmp_path / "pulled").read_text().splitlines()] == [IMAGE]


def test_a_turn_ends_with_its_process_and_leaves_no_file(tmp_path: Path) -> None:
    program = (
        "import sys, signal; from pathlib import Path; from ospool_ep.system.image_store import ImageStore;"
        " turn = ImageStore('', Path(sys.argv[1])).turn(sys.argv[2], 'ospool-ep@dies'); print(turn.take(), flush=True);"
        " turn.tell(42); print(flush=True); signal.pause()"
    )
    turn = ImageStore("", tmp_path).turn(IMAGE, "us")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), IMAGE], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert [holder.stdout.readline() for _ in range(2)] == ["True\n", "\n"]
        assert not turn.take()
        seen = turn.seen()
        assert seen is not None
        assert (seen.who, seen.percent) == ("ospool-ep@dies", 42)
        other = ImageStore("", tmp_path).turn("registry.example/other:1", "us")
        assert other.take(), "it holds up no other image"
        other.give_back()
        holder.kill()
    assert turn.take()
    turn.give_back()
    assert not list(tmp_path.iterdir())


def test_a_lock_whose_file_has_been_removed_is_worth_nothing(tmp_path: Path) -> None:
    """As the one before removes it; here a third one has made it anew by then."""
    first, second, third = (ImageStore("", tmp_path).turn(IMAGE, who) for who in "abc")
    assert first.take()
    (lock,) = tmp_path.glob("*.lock")
    taken: list[bool] = []
    waiting = threading.Thread(target=lambda: taken.append(second.take(wait=True)), daemon=True)
    waiting.start()
    wait_until(lambda: f":{lock.stat().st_ino} " in _waiting_for_locks(), "the second one waits")
    lock.unlink()
    assert third.take()
    first.give_back()
    waiting.join(10)
    assert taken == [False]
    assert lock.exists(), "it is the third one's"
    third.give_back()
    assert second.take()


def _waiting_for_locks() -> str:
    """Lines of the kernel's with each lock that somebody waits for: proc_locks(5)."""
    return "\n".join(line for line in Path("/proc/locks").read_text().splitlines() if "->" in line)


def test_what_an_earlier_release_knew_is_not_lost(tmp_path: Path) -> None:
    """It did not say in which engine: in the only one, as a rule."""
    (tmp_path / "images.json").write_text(encode(ImageRecord(IMAGE, newest=KnownImage("sha256:1", "sha256:2", 3.0))))
    (tmp_path / "pulled").write_text(IMAGE)
    store = ImageStore("/run/docker.sock", tmp_path)
    assert store.load(IMAGE).newest
    assert store.pulled_at(IMAGE) is not None
