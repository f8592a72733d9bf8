"""What the commands say of the service is what it says itself, or what systemd says of its end."""

import threading
from dataclasses import replace
from typing import Any, Optional

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.commands import drain as drain_command
from ospool_ep.commands import service_reports
from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Phase, Stage, Want
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemctl import UnitState
from tests.pure.commands.played_service import IMAGE, NEW, PlayedService, beside, draining, reported

OTHER = "registry.example/other:1"
GPUS = Policy(one_by_one="GPUs are offered")
Captured = pytest.CaptureFixture[str]

FAILED = ImageRecord(
    IMAGE,
    newest=KnownImage("2", NEW, 1.0),
    good=KnownImage("1", "sha256:old", 1.0),
    failed=FailedImage(KnownImage("2", NEW, 1.0), "It died.", 1.0),
)
NEWS: list[tuple[Optional[dict[str, Any]], str]] = [
    (reported(Phase.RUNNING), "the next pilot uses it, and takes over from the running one"),
    (reported(Phase.RUNNING, policy=GPUS), "the running pilot drains, and the next one uses it (GPUs are offered)"),
    # The file says nothing of OSPOOL_EP_UPDATE; it is the service's own rule that counts.
    (reported(Phase.RUNNING, policy=Policy(UpdatePolicy.OFF)), "the running pilot keeps its own, and the next one"),
    (reported(Phase.RUNNING, policy=Policy(UpdatePolicy.NOW)), "the running pilot is stopped, its jobs are evicted"),
    (
        reported(Phase.RUNNING, images=ImageRecord(OTHER)),
        f"the service goes by OSPOOL_EP_IMAGE={OTHER}, and uses this one when it has read the file again: systemctl",
    ),
    (draining(), "the next pilot uses it, after the one that ends now"),
    (reported(Phase.RUNNING, Want.IDLE), "the next pilot uses it, after the one that ends now"),
    (reported(Phase.STOPPING), "the next pilot uses it, after the one that ends now"),
    (reported(Phase.IDLE, Want.IDLE), "the next pilot uses it; none runs now"),
    (reported(Phase.WAITING), "the next pilot uses it; none runs now"),
    (reported(Phase.RUNNING, made_from=NEW), "the running pilot was made from it"),
    (beside(made_from=NEW, stage=Stage.CLOSED), "the next pilot, which is about to take over, was made from it"),
    (beside(made_from=NEW, stage=Stage.STOPPING), "the next pilot uses it, after the one that ends now"),
    (reported(Phase.RUNNING, images=FAILED), "it was tried before and has failed, and is not used"),
    *(
        (reported(Phase.RUNNING, policy=Policy(rule), outdated_because="the configuration has changed: IMAGE"), told)
        for rule in UpdatePolicy
        for told in ("which lacks what the configuration says by now, as soon as this host is ready for it",)
    ),
    (
        reported(Phase.RUNNING, policy=replace(GPUS, update=UpdatePolicy.OFF), outdated_because="a"),
        "the running pilot drains, and the next one uses it (GPUs are offered)",
    ),
    *(
        (reported(Phase.RUNNING, policy=Policy(rule), silent_because="It is paused."), f"before it does; then {told}")
        for rule, told in (
            (UpdatePolicy.DRAIN, "the next pilot uses it, and takes over"),
            (UpdatePolicy.NOW, "the running pilot is stopped"),
        )
    ),
    (
        reported(Phase.RUNNING, policy=Policy(UpdatePolicy.OFF), silent_because="It is paused.", outdated_because="a"),
        "before it does; then the next pilot uses it, and takes over from the running one, which lacks what the",
    ),
    (reported(Phase.RUNNING, policy=Policy(UpdatePolicy.RETIRE), silent_because="It is paused."), ": the next pilot"),
    (None, "the service does not say what it does about it"),
]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("option", [[], ["--check"]])
@pytest.mark.parametrize("case", NEWS, ids=[told for _, told in NEWS])
def test_an_update_says_what_the_service_does_about_it(
    service: PlayedService, config: str, case: tuple[Optional[dict[str, Any]], str], option: list[str], capsys: Captured
) -> None:
    news, told = case
    service.start(news)
    assert cli.main(["update", "--config", config, *option]) == exit_codes.OK
    assert told in capsys.readouterr().out


@pytest.mark.usefixtures("engine", "service")
def test_an_update_where_no_service_runs(config: str, capsys: Captured) -> None:
    assert cli.main(["update", "--config", config]) == exit_codes.OK
    assert capsys.readouterr().out.endswith("no service runs here; the next pilot uses it.\n")


@pytest.fixture
def ends_at_once(service: PlayedService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's process ends when a drain has been asked for."""
    heeded = service_reports.heeded

    def then_ends(directory: RunDirectory) -> Optional[dict[str, Any]]:
        news = heeded(directory)
        service.end()
        return news

    monkeypatch.setattr(drain_command, "heeded", then_ends)


@pytest.mark.usefixtures("ends_at_once")
def test_a_drain_that_ends_the_service_is_through_when_systemd_says_so(
    service: PlayedService, capsys: Captured
) -> None:
    service.start(draining())
    service.unit = UnitState("loaded", "deactivating", "enabled")
    assert cli.main(["drain", "--then=stop", "--timeout=1"]) == exit_codes.TIME_UP
    assert "has ended" not in capsys.readouterr().out
    service.start(draining())
    service.unit = UnitState("loaded", "inactive", "enabled")
    assert cli.main(["drain", "--then=stop"]) == exit_codes.OK
    assert "the service has ended" in capsys.readouterr().out


@pytest.mark.usefixtures("ends_at_once")
@pytest.mark.parametrize(("active", "then"), [("failed", "stop"), ("inactive", "idle"), ("inactive", "start")])
def test_a_service_that_ends_in_another_way_has_not_drained(
    service: PlayedService, active: str, then: str, capsys: Captured
) -> None:
    service.start(draining())
    service.unit = UnitState("loaded", active, "enabled")
    assert cli.main(["drain", f"--then={then}"]) == exit_codes.NOT_RUNNING
    printed = capsys.readouterr()
    assert "The service has ended meanwhile." in printed.err
    assert "Drained" not in printed.out


def test_a_stop_before_the_end_of_the_drain_is_told_as_one(service: PlayedService, capsys: Captured) -> None:
    service.start(reported(Phase.RUNNING), then={"phase": "stopping", "stop_asked": True})
    threading.Timer(1.0, service.end).start()
    assert cli.main(["drain", "--then=stop"]) == exit_codes.NOT_RUNNING
    assert "Somebody has stopped the service before the drain was through." in capsys.readouterr().err


def test_a_pilot_that_the_service_itself_has_stopped_is_drained(service: PlayedService, capsys: Captured) -> None:
    """One that can't drain, and had no jobs."""
    service.start(reported(Phase.RUNNING), then={"phase": "stopping"})
    threading.Timer(1.0, service.end).start()
    assert cli.main(["drain", "--then=stop"]) == exit_codes.OK
    assert "Drained: no pilot runs any more, and the service has ended." in capsys.readouterr().out


@pytest.mark.usefixtures("ends_at_once")
def test_a_process_that_is_followed_by_another_one_ends_no_drain(service: PlayedService, capsys: Captured) -> None:
    service.start(draining())
    service.unit = UnitState("loaded", "activating", "enabled")
    threading.Timer(1.0, lambda: service.start(reported(Phase.IDLE, Want.IDLE))).start()
    assert cli.main(["drain"]) == exit_codes.OK
    assert "Drained: no pilot runs any more. Start the next one: ospool-ep resume" in capsys.readouterr().out


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer is not waited for."""
    monkeypatch.setattr(service_reports, "ANSWER_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("news", "heeds", "told"),
    [
        (draining(), True, "Draining: no new jobs start, the running ones finish. Watch it"),
        (reported(Phase.RUNNING), True, "A drain is asked for. In the pool, waiting for jobs. Watch it"),
        (reported(Phase.PULLING), True, "A drain is asked for. Pulling the image. Watch it"),
        (reported(Phase.RUNNING), False, "A drain is asked for, and the service has not answered yet. Watch it"),
    ],
)
def test_a_drain_says_what_has_begun(
    service: PlayedService, news: dict[str, Any], heeds: bool, told: str, capsys: Captured
) -> None:
    service.start(news, heeds=heeds)
    assert cli.main(["drain", "--no-wait"]) == exit_codes.OK
    assert capsys.readouterr().out.startswith(told)


def test_a_drain_that_is_taken_back_is_waited_for_no_longer(service: PlayedService, capsys: Captured) -> None:
    service.start(draining())

    def take_back() -> None:
        service.directory.clear_drain()
        service.directory.nudge()

    threading.Timer(1.0, take_back).start()
    assert cli.main(["drain", "--timeout=20"]) == exit_codes.FAILED
    assert "Somebody has taken the drain back." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "news", "told"),
    [
        (
            Want.IDLE,
            reported(Phase.IDLE, Want.IDLE),
            "The drain is taken back: pilots run here again as soon as they can.",
        ),
        (Want.IDLE, draining(Want.IDLE), "The drain is taken back: the next pilot starts, and takes over from the one"),
        (Want.IDLE, draining(Want.IDLE, GPUS), "The drain is taken back: the next pilot follows the one that drains."),
        (Want.PILOTS, reported(Phase.RUNNING), "No drain was asked for. In the pool, waiting for jobs"),
    ],
)
def test_resume_says_what_has_come_of_it(
    service: PlayedService, before: Want, news: dict[str, Any], told: str, capsys: Captured
) -> None:
    if before is not Want.PILOTS:
        service.directory.ask_drain(before)
    service.start(news)
    assert cli.main(["resume"]) == exit_codes.OK
    assert capsys.readouterr().out.startswith(told)


@pytest.mark.usefixtures("impatient")
def test_resume_claims_nothing_of_a_service_that_does_not_answer(service: PlayedService, capsys: Captured) -> None:
    service.directory.ask_drain()
    service.start(reported(Phase.IDLE, Want.IDLE), heeds=False)
    assert cli.main(["resume"]) == exit_codes.FAILED
    assert "has not answered yet" in capsys.readouterr().err


def test_a_service_without_a_report_is_no_service_that_does_not_run(service: PlayedService, capsys: Captured) -> None:
    service.start(None)
    assert cli.main(["status"]) == exit_codes.FAILED
    assert "The service runs, and has written no report." in capsys.readouterr().out


def _handed_over() -> dict[str, Any]:
    """The next pilot is open, and the one before leaves."""
    news = draining()
    (opened,) = reported(Phase.RUNNING)["pilots"]
    return {**news, "phase": "running", "pilots": [*news["pilots"], {**opened, "container": "d" * 64}]}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (_handed_over(), "Handed over: the next pilot runs, in container dddddddddddd; the one before ends after its"),
        ({**_handed_over(), "pilots": _handed_over()["pilots"][1:]}, "Drained: the next pilot runs, in container ddd"),
    ],
    ids=["beside", "one by one"],
)
def test_a_drain_to_the_next_pilot_is_through_when_that_takes_jobs(
    service: PlayedService, after: dict[str, Any], told: str, capsys: Captured
) -> None:
    service.start(reported(Phase.RUNNING))

    def hand_over() -> None:
        service.directory.clear_drain()
        service.directory.write_status(after)

    threading.Timer(1.0, hand_over).start()
    assert cli.main(["drain", "--then=start", "--timeout=20"]) == exit_codes.OK
    assert told in capsys.readouterr().out


def test_a_report_of_the_version_before_tells_of_no_pilots(service: PlayedService, capsys: Captured) -> None:
    """An upgrade has replaced the command, and restarts the service in a moment."""
    service.start({"summary": "In the pool, waiting for jobs", "well": True, "pilot": {"container": "c" * 64}})
    assert cli.main(["status"]) == exit_codes.FAILED
    assert "In the pool, waiting for jobs" in capsys.readouterr().out
