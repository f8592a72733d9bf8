"""What is known of the images outlives the process; updates take turns."""

import stat
import threading
from pathlib import Path

import pytest

from ospool_ep.system.image_store import ImageStore
from tests.support.waiting import wait_until


def test_a_second_update_says_that_it_waits_where_no_program_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entered = threading.Event()

    def second_update() -> None:
        with ImageStore(tmp_path).updating("Busy."):
            entered.set()

    waiting = threading.Thread(target=second_update, daemon=True)
    said = ""

    def it_waits() -> bool:
        nonlocal said
        seen = capsys.readouterr()
        assert seen.out == ""
        said += seen.err
        return said == "Busy.\n"

    with ImageStore(tmp_path).updating("Not said."):
        waiting.start()
        wait_until(it_waits, "the second one waits")
        assert not entered.is_set()
    assert entered.wait(10)
    waiting.join()


def test_no_other_user_keeps_an_update_waiting(tmp_path: Path) -> None:
    """Any user can take a lock that others share on a file that he may read."""
    (tmp_path / "update.lock").touch(0o644)
    with ImageStore(tmp_path).updating():
        assert stat.S_IMODE((tmp_path / "update.lock").stat().st_mode) == 0o600
