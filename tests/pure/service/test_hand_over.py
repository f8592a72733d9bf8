"""Several pilots in one service: one hands over to the next, each is watched by itself, and all are stopped at once."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Optional

import pytest

from ospool_ep import exit_codes
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import CLOSED_LABEL, SCRATCH_TARGET, ContainerSpec, Mount
from ospool_ep.engine.interface import Container, EngineError, Execution
from ospool_ep.lifecycle import removals
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Share
from ospool_ep.service.scratch import Scratch
from tests.pure.service.played_pilots import CORE, CORES, PlayedPilots
from tests.pure.service.stage import IMAGE, TOKEN_PATH, Stage, beside, specification
from tests.support.names import CONTAINER_NAME
from tests.support.waiting import wait_until


@pytest.fixture
def pilots(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> PlayedPilots:
    """On a host that hands over."""
    stage.policy = Policy()
    return PlayedPilots(stage.engine, monkeypatch)


def new_image(stage: Stage, digest: str = "sha256:2") -> None:
    """What ``ospool-ep update`` does."""
    stage.engine.registry[IMAGE] = digest
    list(stage.engine.pull(IMAGE))
    stage.run_directory.nudge()


def next_pilot(stage: Stage, *before: str) -> str:
    """The container of the pilot that was made beside these, once it is open."""
    (following,) = wait_until(lambda: set(stage.engine.running) - set(before), "the next pilot runs")
    wait_until(lambda: stages_of(stage).get(following) == "open", f"it is open, in {stage.report}")
    return following


def stages_of(stage: Stage) -> dict[str, str]:
    return {pilot["container"]: pilot["stage"] for pilot in stage.report.get("pilots", [])}


def has_lines(stage: Stage, container_id: str, number: int) -> None:
    wait_until(lambda: len(stage.journal.lines_of.get(container_id, ())) >= number, "its lines are in the journal")


def container(stage: Stage, container_id: str) -> Container:
    found = stage.engine.container(container_id)
    assert found
    return found


def test_the_next_pilot_takes_core_by_core_what_the_one_before_gives_up(stage: Stage, pilots: PlayedPilots) -> None:
    pilots.queue = 3 * CORES

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        second = next_pilot(stage, first)
        spec = stage.engine.spec_of(second)
        assert CLOSED_LABEL in dict(spec.labels)
        assert CLOSED_LABEL not in dict(stage.engine.spec_of(first).labels)
        # It is given its name beside the report.
        wait_until(lambda: container(stage, second).name == CONTAINER_NAME, "it has the known name")
        assert container(stage, first).name == f"{CONTAINER_NAME}-{first[:12]}"
        assert stages_of(stage) == {first: "leaving", second: "open"}
        wait_until(lambda: set(stage.noted[-1] or ()) == {first, second}, "both are noted")
        pilots.end_jobs(first, 1)
        wait_until(lambda: pilots.of(second).jobs == 1, "one core is taken over")
        pilots.end_jobs(first, 2)
        wait_until(lambda: pilots.of(second).jobs == 3, "two more are")
        assert pilots.of(second).believes == CORE
        pilots.end_jobs(first, 1)
        wait_until(lambda: pilots.of(second).believes == NOTHING, "the next one has it all")
        wait_until(lambda: stage.engine.container(first) is None, "the container that has ended is removed")
        wait_until(lambda: stages_of(stage) == {second: "open"}, "one is left")
        wait_until(lambda: set(stage.noted[-1] or ()) == {second}, "it alone is noted")

    assert stage.play(scenario) == exit_codes.OK
    assert pilots.most == CORES


def test_only_one_that_leaves_is_asked_the_light_question(stage: Stage, pilots: PlayedPilots) -> None:
    pilots.queue = CORES

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        assert set(pilots.heard(first)) == {"probe"}
        new_image(stage)
        second = next_pilot(stage, first)
        drained = pilots.heard(first).index("drain")
        assert set(pilots.heard(first)[drained + 1 :]) == {"held"}
        assert "held" not in pilots.heard(second)
        asked = len(pilots.heard(first))
        pilots.end_jobs(first, 1)
        wait_until(lambda: len(pilots.heard(first)) > asked, "it is asked at the hint of its log")
        assert pilots.heard(first)[-1] == "held"

    assert stage.play(scenario) == exit_codes.OK


def test_what_is_said_and_logged_of_each_pilot_names_its_own_container(stage: Stage, pilots: PlayedPilots) -> None:
    pilots.queue = CORES

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        second = next_pilot(stage, first)
        for _ in range(3):
            for one in (first, second):
                stage.engine.write(one, b"of " + one.encode())
        for one in (first, second):
            has_lines(stage, one, 3)
            assert set(stage.journal.lines_of[one]) == {b"of " + one.encode()}
        said = dict(zip((text for _, text in stage.journal.said), stage.journal.about))
        assert said[f"The pilot in container {second[:12]} takes over."] == second
        assert said["Draining: a new image, sha256:2; no new jobs, running ones finish."] == first

    assert stage.play(scenario) == exit_codes.OK


def test_a_restart_in_mid_hand_over_keeps_the_place_in_each_log_and_the_time_of_each_drain(
    stage: Stage, pilots: PlayedPilots
) -> None:
    pilots.queue = CORES
    stage.stop_is_wanted = False
    both: list[str] = []

    def before() -> None:
        both.append(stage.pilot())
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        both.append(next_pilot(stage, *both))
        for one in both:
            stage.engine.write(one, b"before")
            has_lines(stage, one, 1)

    assert stage.play(before) == exit_codes.LEFT
    noted = stage.run_directory.noted_drain(both[0])
    assert noted[0] is not None
    assert stage.run_directory.noted_drain(both[1]) == (None, None)

    def after() -> None:
        wait_until(lambda: stages_of(stage) == dict(zip(both, ("leaving", "open"))), "each is what it was")
        for one in both:
            stage.engine.write(one, b"after")
            has_lines(stage, one, 2)
            assert stage.journal.lines_of[one] == [b"before", b"after"]

    assert stage.play(after) == exit_codes.LEFT
    assert stage.run_directory.noted_drain(both[0]) == noted
    assert sorted(stage.engine.running) == sorted(both)


def test_all_pilots_are_stopped_side_by_side(stage: Stage, pilots: PlayedPilots) -> None:
    pilots.queue = CORES
    together, stop = threading.Barrier(3), stage.engine.stop

    def stop_together(container_id: str, grace_seconds: int) -> None:
        together.wait(20)
        stop(container_id, grace_seconds)

    stage.engine.stop = stop_together  # type: ignore[method-assign]

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        second = next_pilot(stage, first)
        pilots.queue = CORES
        pilots.end_jobs(first, 2)
        wait_until(lambda: pilots.of(second).jobs == 2, "both have jobs")
        new_image(stage, "sha256:3")
        next_pilot(stage, first, second)

    assert stage.play(scenario) == exit_codes.OK
    assert stage.engine.running == []
    assert stage.engine.labelled("org.osg-htc.ospool-ep.fingerprint", ended=True) == (), "and removed"
    assert stage.journal.has("2 running jobs were evicted")


def test_one_that_was_not_told_is_told_again(stage: Stage, pilots: PlayedPilots) -> None:
    pilots.queue, refusals = CORES, [3]
    answer = pilots.answer

    def refuse(container_id: str, command: Sequence[str]) -> Execution:
        if pilots.name(command) == "tell" and refusals[0]:
            refusals[0] -= 1
            return Execution(1, "The startd goes by nothing\n")
        return answer(container_id, command)

    stage.engine.answer_in = refuse

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        second = next_pilot(stage, first)
        wait_until(lambda: pilots.of(second).believes == Share(CORES, CORES * CORE.memory), "it is told")

    assert stage.play(scenario) == exit_codes.OK
    assert refusals == [0]
    assert len([text for _, text in stage.journal.said if "was not told" in text]) == 1


@pytest.mark.parametrize("passes", [True, False])
def test_a_name_that_is_not_free_yet_is_asked_for_again_and_what_the_others_hold_does_not_wait_for_that(
    stage: Stage, pilots: PlayedPilots, passes: bool
) -> None:
    pilots.queue, rename, tries = CORES, stage.engine.rename, list[str]()

    def refuse(container_id: str, name: str) -> None:
        tries.append(name)
        if len(tries) == 2:
            wait_until(lambda: "tell" in (what for _, what in pilots.asked), "it is told", 10)
        if len(tries) == 1 or not passes:
            raise EngineError("This container is being removed.")
        rename(container_id, name)

    stage.engine.rename = refuse  # type: ignore[method-assign]

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        second = next_pilot(stage, first)
        if passes:
            wait_until(lambda: container(stage, second).name == CONTAINER_NAME, "it has the known name")
        else:
            wait_until(lambda: stage.journal.has("keeps its other name"), "it is said")

    assert stage.play(scenario) == exit_codes.OK


@pytest.mark.parametrize("which", ["the one before", "the next one"])
def test_no_container_is_renamed_while_it_is_removed(stage: Stage, pilots: PlayedPilots, which: str) -> None:
    """dockerd may keep such a name for good, and no pilot starts any more."""
    pilots.queue, stage.engine.removal_seconds, look_up = CORES, 0.5, stage.engine.container
    ended = list[str]()

    def ends_now(name_or_id: str) -> Optional[Container]:
        """The service has just asked who has the name, and is about to give it to another one."""
        found = look_up(name_or_id)
        if threading.current_thread().name == "opening" and not ended and found:
            (following,) = set(stage.engine.running) - {found.id}
            ended.append(found.id if which == "the one before" else following)
            stage.engine.end(ended[0])
            wait_until(lambda: "remove" in stage.engine.calls, "it is being removed", 10)
        return found

    stage.engine.container = ends_now  # type: ignore[method-assign]

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        wait_until(lambda: ended and look_up(ended[0]) is None, "one of them has ended, and is removed")
        if ended == [first]:
            (second,) = stage.engine.running
            wait_until(lambda: container(stage, second).name == CONTAINER_NAME, "the next one has the name")

    assert stage.play(scenario) == exit_codes.OK
    assert stage.engine.lost_names == set()


def test_a_container_that_the_engine_does_not_remove_is_removed_later_and_that_is_said_once(
    stage: Stage, pilots: PlayedPilots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removals, "REMOVE_AGAIN_SECONDS", 0.3)
    pilots.queue, remove, tries = CORES, stage.engine.remove, list[str]()

    def refuse(container_id: str) -> None:
        tries.append(container_id)
        if len(tries) < 4:
            raise EngineError("Its root file system is busy.")
        remove(container_id)

    stage.engine.remove = refuse  # type: ignore[method-assign]

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        next_pilot(stage, first)
        stage.engine.end(first)
        wait_until(lambda: stage.engine.container(first) is None, "it is removed")
        assert tries == [first] * 4

    assert stage.play(scenario) == exit_codes.OK
    assert len([text for _, text in stage.journal.said if "was not removed, and is later" in text]) == 1


def test_a_startd_that_begins_anew_is_told_again(stage: Stage, pilots: PlayedPilots) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        new_image(stage)
        second = next_pilot(stage, first)
        wait_until(lambda: pilots.of(second).believes == NOTHING, "it has it all")
        pilots.of(second).believes = EVERYTHING
        stage.engine.write(second, b"Changing state: Owner -> Unclaimed")
        wait_until(lambda: pilots.of(second).believes == NOTHING, "it is told again")

    assert stage.play(scenario) == exit_codes.OK


def test_the_scratch_directory_of_a_pilot_goes_when_it_has_ended(
    stage: Stage, pilots: PlayedPilots, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, gone, kept = list[str](), list[str](), list[set[str]]()

    def for_next(_scratch: Scratch, *, beside: bool) -> str:
        assert beside == bool(given)
        given.append(f"/scratch/{len(given)}")
        return given[-1]

    monkeypatch.setattr(Scratch, "for_next", for_next)
    monkeypatch.setattr(Scratch, "gone", lambda _scratch, path: gone.append(path))
    monkeypatch.setattr(Scratch, "sweep", lambda _scratch, sources: kept.append(set(sources)))
    pilots.queue = CORES
    spec = specification()

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has(f"running {CORES} jobs")
        new_image(stage)
        next_pilot(stage, first)
        assert gone == []
        pilots.end_jobs(first, CORES)
        wait_until(lambda: gone, "it goes")
        wait_until(lambda: kept and TOKEN_PATH in kept[-1], "what else nobody has goes, too")
        assert kept[-1] == {"/scratch/1", TOKEN_PATH, *(mount.source for mount in beside(spec).mounts)}

    stage.play(scenario, replace(spec, mounts=(*spec.mounts, Mount("/scratch", SCRATCH_TARGET))))
    assert gone == given == ["/scratch/0", "/scratch/1"]


# --- what is found ----------------------------------------------------------------------------------------------


def labelled(**labels: str) -> ContainerSpec:
    spec = specification()
    return replace(
        spec, labels=(*spec.labels, *((f"org.osg-htc.ospool-ep.{name}", text) for name, text in labels.items()))
    )


@pytest.mark.parametrize(("instance", "ours"), [("ospool-ep", True), ("another", False)])
def test_pilots_of_another_service_of_this_host_are_none_of_ours(
    stage: Stage, pilots: PlayedPilots, instance: str, ours: bool
) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    theirs = stage.engine.add_container(replace(labelled(instance=instance), name="theirs"))

    def scenario() -> None:
        stage.summary_has("In the pool")
        assert (stage.containers() == [theirs]) is ours

    assert stage.play(scenario) == exit_codes.OK
    assert (theirs in stage.engine.running) is not ours
    assert bool(pilots.heard(theirs)) is ours


def test_what_ended_while_nobody_looked_is_copied_to_its_last_line_and_removed(
    stage: Stage, pilots: PlayedPilots
) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    runs = stage.engine.add_container(labelled())
    ended = stage.engine.add_container(replace(labelled(), name="ended"))
    never = stage.engine.add_container(replace(labelled(), name="never-started"), running=False)
    stage.engine.write(ended, b"its last line")
    stage.engine.end(ended)

    def scenario() -> None:
        wait_until(lambda: stage.engine.container(ended) is None, "it is removed")
        wait_until(lambda: stages_of(stage) == {runs: "open"}, "one is left")

    assert stage.play(scenario) == exit_codes.OK
    assert stage.journal.lines_of[ended] == [b"its last line"]
    assert stage.engine.container(never) is None
    assert pilots.heard(ended) == []


def test_a_pilot_of_the_earlier_service_keeps_its_name_as_it_is_known_by_nothing_else(
    stage: Stage, pilots: PlayedPilots
) -> None:
    legacy = stage.engine.add_container(specification(labelled=False))
    pilots.queue = CORES

    def scenario() -> None:
        second = next_pilot(stage, legacy)
        assert container(stage, legacy).name == CONTAINER_NAME
        pilots.end_jobs(legacy, CORES)
        wait_until(lambda: container(stage, second).name == CONTAINER_NAME, "it has the known name then")

    assert stage.play(scenario) == exit_codes.OK
    assert stage.journal.lines_of.get(legacy, []) == [], "it has printed them itself"
