"""What the commands say outside of the hours of OSPOOL_EP_HOURS."""

import threading
import time
from typing import Any

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.lifecycle.state import Phase, Want
from tests.pure.commands.played_service import PlayedService, draining, reported

BORDER = 1_800_000_000.0
AT = time.strftime("%a %H:%M", time.localtime(BORDER))
CLOSED = {"hours": {"open": False, "until": BORDER}}
BEGIN = f"on {AT}, when the hours of OSPOOL_EP_HOURS begin"
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("news", [reported(Phase.IDLE, Want.IDLE), draining(Want.IDLE)])
def test_a_resume_says_when_pilots_run_again(service: PlayedService, news: dict[str, Any], capsys: Captured) -> None:
    service.directory.ask_drain()
    service.start({**news, **CLOSED})
    assert cli.main(["resume"]) == exit_codes.OK
    assert capsys.readouterr().out.startswith(f"The drain is taken back: pilots run here again {BEGIN}.")


def test_a_resume_within_the_hours_is_as_without_them(service: PlayedService, capsys: Captured) -> None:
    service.directory.ask_drain()
    service.start({**reported(Phase.IDLE, Want.IDLE), "hours": {"open": True, "until": BORDER}})
    assert cli.main(["resume"]) == exit_codes.OK
    assert "as soon as they can" in capsys.readouterr().out


def test_a_drain_ends_as_one(service: PlayedService, capsys: Captured) -> None:
    service.start({**draining(), **CLOSED})
    idle = {**reported(Phase.IDLE, Want.IDLE), **CLOSED}
    threading.Timer(1.0, lambda: service.directory.write_status(idle)).start()
    assert cli.main(["drain", "--timeout=20"]) == exit_codes.OK
    assert "Drained: no pilot runs any more. Start the next one: ospool-ep resume" in capsys.readouterr().out


def test_a_drain_to_the_next_pilot_is_through_with_the_last_job_and_says_when_that_one_starts(
    service: PlayedService, capsys: Captured
) -> None:
    service.start({**draining(), **CLOSED})

    def end() -> None:
        service.directory.clear_drain()
        service.directory.write_status({**reported(Phase.IDLE), **CLOSED})

    threading.Timer(1.0, end).start()
    assert cli.main(["drain", "--then=start", "--timeout=20"]) == exit_codes.OK
    assert f"Drained: no pilot runs any more; the next one starts {BEGIN}." in capsys.readouterr().out


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("news", "told"),
    [
        (reported(Phase.IDLE), f"the next pilot uses it, and starts {BEGIN}; none runs now"),
        (draining(), f"the next pilot uses it, and starts {BEGIN}, after the one that ends now"),
    ],
)
def test_an_update_says_when_the_image_is_used(
    service: PlayedService, config: str, news: dict[str, Any], told: str, capsys: Captured
) -> None:
    service.start({**news, **CLOSED})
    assert cli.main(["update", "--config", config]) == exit_codes.OK
    assert told in capsys.readouterr().out
