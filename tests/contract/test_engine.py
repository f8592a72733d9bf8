"""The contract: what the service may expect of any engine."""

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.container.specification import Mount
from ospool_ep.engine.interface import EngineError, EngineUnreachable, Execution, NoSuchContainer, PullFailed
from tests.contract.attempt import Attempt
from tests.contract.conftest import LAST_GOOD, World
from tests.contract.player import IMAGE, play, static_program
from tests.support.waiting import SLOW, wait_until

SLICE = "system-ospool_ep_contract.slice"


def test_it_says_who_it_is(world: World) -> None:
    info = world.engine.info()
    assert info.kind == world.kind
    assert info.version
    assert info.api_version
    assert {"docker": "runc", "podman": "crun"}[world.kind] in info.runtimes
    assert info.data_root.startswith("/")


def test_a_local_image_that_was_never_pulled_has_no_digest(world: World) -> None:
    image = world.engine.image(IMAGE)
    assert image is not None
    assert image.id.startswith("sha256:")
    # Podman gives it one of its own.
    assert re.fullmatch({"docker": "", "podman": "sha256:[0-9a-f]{64}"}[world.kind], image.digest)


def test_there_is_no_image_of_an_unknown_name(world: World) -> None:
    assert world.engine.image(world.unpublished) is None


@pytest.mark.machine
def test_a_created_container_is_as_specified_and_does_not_run(world: World) -> None:
    parent = SLICE if world.engine.info().limits_sums else "/ospool-ep-contract"
    mounts = (Mount("/", "/host", read_only=True), Mount("/usr", "/mine", read_only=True))
    spec = replace(play("forever"), mounts=mounts, cpus=1, memory_bytes=64 << 20, cgroup_parent=parent)
    before = time.time()
    container_id = world.engine.create(spec)
    container = world.engine.container(spec.name)
    image = world.engine.image(IMAGE)
    assert container is not None
    assert image is not None
    assert container == world.engine.container(container_id)
    assert (container.id, container.name) == (container_id, spec.name)
    assert (container.image, container.image_id) == (IMAGE, image.id)
    assert (container.running, container.paused, container.oom_killed) == (False, False, False)
    assert (container.started_at, container.finished_at) == (0.0, 0.0)
    assert container.labels.items() >= dict(spec.labels).items()
    assert (container.mounts["/host"], container.mounts["/mine"]) == ("/", "/usr")
    assert {"/host", "/mine"} <= container.mount_targets
    assert (container.cpus, container.memory_bytes, container.cgroup_parent) == (1.0, 64 << 20, parent)
    assert before - 1 <= container.created_at <= time.time() + 1


def test_what_has_no_limits_says_so(world: World) -> None:
    container = world.engine.container(world.engine.create(play("forever")))
    assert container is not None
    assert (container.cpus, container.memory_bytes) == (None, None)


def test_there_is_no_container_of_an_unknown_name(world: World) -> None:
    assert world.engine.container("ospool-ep-nobody") is None


@pytest.mark.machine
def test_a_container_that_runs_is_found_by_its_label_under_any_name(world: World) -> None:
    spec = replace(play("forever"), labels=(*play("forever").labels, ("ospool-ep-contract.mine", "yes")))
    container_id = world.engine.create(spec)
    assert world.engine.labelled("ospool-ep-contract.mine") == ()
    world.engine.start(container_id)
    assert [found.id for found in world.engine.labelled("ospool-ep-contract.mine")] == [container_id]
    assert world.engine.labelled("ospool-ep-contract.other") == ()


@pytest.mark.machine
def test_what_has_a_label_is_listed_whatever_became_of_it_the_oldest_first(world: World) -> None:
    names = ["zz", "mm", "aa", "never-started"]
    specs = [
        replace(play("forever", name=f"ospool-ep-{name}"), labels=(("ospool-ep-contract.mine", ""),)) for name in names
    ]
    ended, paused, running = (world.start(spec) for spec in specs[:3])
    created = world.engine.create(specs[3])
    world.engine.create(play("forever", name="ospool-ep-without"))
    world.engine.stop(ended, 1)
    world.pause(paused)
    found = world.engine.labelled("ospool-ep-contract.mine", ended=True)
    assert [one.id for one in found] == [ended, paused, running, created]
    assert [one.running for one in found] == [False, True, True, False]
    assert [one.id for one in world.engine.labelled("ospool-ep-contract.mine")] == [paused, running]
    world.unpause(paused)


@pytest.mark.machine
def test_a_container_gets_another_name_as_it_runs_and_its_old_one_is_free(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    next(world.engine.logs(container_id))
    command = ("true",)
    world.teach(command, Execution(0, ""))
    # What is executed in it is no obstacle.
    world.engine.execute(container_id, command, user="1000", timeout_seconds=20 * SLOW)
    world.engine.rename(container_id, "ospool-ep-other")
    other = world.engine.container("ospool-ep-other")
    assert other is not None
    assert (other.id, other.name, other.running) == (container_id, "ospool-ep-other", True)
    assert world.engine.container("ospool-ep-contract") is None
    # It is told to get the name that it has: a process may not know that an earlier one has done so.
    world.engine.rename(container_id, "ospool-ep-other")
    next_one = world.engine.create(play("forever"))
    world.engine.rename(next_one, "ospool-ep-third")
    assert [world.name_of(one) for one in (container_id, next_one)] == ["ospool-ep-other", "ospool-ep-third"]


@pytest.mark.machine
def test_a_name_is_not_taken_from_the_one_that_has_it(world: World) -> None:
    container_id = world.start(play("forever"))
    other = world.start(play("forever", name="ospool-ep-other"))
    with pytest.raises(EngineError, match="ospool-ep-contract") as refusal:
        world.engine.rename(other, "ospool-ep-contract")
    assert not isinstance(refusal.value, (EngineUnreachable, NoSuchContainer))
    assert "\n" not in str(refusal.value)
    assert [world.name_of(one) for one in (container_id, other)] == ["ospool-ep-contract", "ospool-ep-other"]


@pytest.mark.machine
def test_docker_refuses_more_cpus_than_there_are_and_podman_gives_what_there_is(world: World) -> None:
    spec = replace(play("forever"), cpus=len(os.sched_getaffinity(1)) + 1)
    if world.kind == "docker":
        with pytest.raises(EngineError, match="CPUs"):
            world.start(spec)
    else:
        running = world.engine.container(world.start(spec))
        assert running is not None
        assert running.running


def test_a_name_is_given_once(world: World) -> None:
    world.engine.create(play("forever"))
    with pytest.raises(EngineError, match="ospool-ep-contract") as refusal:
        world.engine.create(play("forever"))
    assert not isinstance(refusal.value, (EngineUnreachable, NoSuchContainer))


def test_without_its_image_no_container_is_created(world: World) -> None:
    with pytest.raises(EngineError, match="nothing") as refusal:
        world.engine.create(play("forever", image=world.unpublished))
    assert not isinstance(refusal.value, (EngineUnreachable, NoSuchContainer))


@pytest.mark.machine
def test_a_started_container_runs(world: World) -> None:
    before = time.time()
    container = world.engine.container(world.start(play("forever")))
    assert container is not None
    assert container.running
    assert before - 1 <= container.started_at <= time.time() + 1


def test_a_second_start_changes_nothing(world: World) -> None:
    container_id = world.start(play("forever"))
    before = world.engine.container(container_id)
    world.engine.start(container_id)
    assert world.engine.container(container_id) == before


def test_a_paused_container_is_not_started(world: World) -> None:
    container_id = world.start(play("forever"))
    world.pause(container_id)
    # Podman says which states would do.
    with pytest.raises(EngineError, match={"docker": "paused", "podman": "container state improper"}[world.kind]):
        world.engine.start(container_id)


def test_what_is_not_there_to_start_is_told(world: World) -> None:
    spec = replace(play("forever"), devices=("/dev/none-such",))
    with pytest.raises(EngineError, match="/dev/none-such") as refusal:
        # Podman looks for it before there is a container.
        world.engine.start(world.engine.create(spec))
    assert not isinstance(refusal.value, (EngineUnreachable, NoSuchContainer))
    assert "\n" not in str(refusal.value)
    world.engine.remove(spec.name)


def test_what_is_not_there_to_mount_is_told_where_the_engine_does_not_make_it(world: World, tmp_path: Path) -> None:
    missing = tmp_path / "scratch:2026"
    spec = replace(play("forever"), mounts=(Mount(str(missing), "/x"),))
    if world.kind == "podman":
        # Its API makes it, as root's: what the service checks beforehand keeps the pilot from that.
        world.engine.create(spec)
        assert missing.is_dir()
        return
    with pytest.raises(EngineError, match=str(missing)) as refusal:
        world.engine.create(spec)
    assert not isinstance(refusal.value, (EngineUnreachable, NoSuchContainer))
    assert not missing.exists()
    assert world.engine.container(spec.name) is None


def test_what_may_be_missing_keeps_no_container_from_starting(world: World, tmp_path: Path) -> None:
    missing = Mount(f"{tmp_path}/vendors", "/vendors", read_only=True, may_be_missing=True)
    container = world.engine.container(world.start(replace(play("forever"), mounts=(missing,))))
    assert container is not None
    assert container.running
    assert "/vendors" in container.mount_targets


def test_wait_lasts_until_the_end_and_tells_how_it_ended(world: World) -> None:
    container_id = world.start(play("out working", "exit 3"))
    container = world.engine.wait(container_id)
    assert (container.running, container.exit_code) == (False, 3)
    assert 0 < container.started_at <= container.finished_at
    assert world.engine.wait(container_id) == container


def test_wait_lasts_as_long_as_the_container_runs(world: World) -> None:
    container_id = world.start(play("forever"))
    lasting = Attempt(lambda: world.engine.wait(container_id))
    # One that began later has come to its end.
    world.engine.wait(world.start(play("exit 0", name="ospool-ep-other")))
    assert lasting.under_way
    world.engine.stop(container_id, 10)
    container = lasting.result()
    assert (container.running, container.exit_code) == (False, 0)


def test_wait_ends_when_somebody_removes_the_container_by_force(world: World) -> None:
    container_id = world.start(play("forever"))
    waiting = Attempt(lambda: world.engine.wait(container_id))
    world.remove_by_force(container_id)
    with pytest.raises(NoSuchContainer):
        waiting.result()


@pytest.mark.machine
def test_stop_asks_politely(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    next(world.engine.logs(container_id))
    world.engine.stop(container_id, 10)
    container = world.engine.container(container_id)
    assert container is not None
    assert (container.running, container.exit_code) == (False, 0)


@pytest.mark.machine
def test_stop_is_bounded(world: World) -> None:
    container_id = world.start(play("out ready", "deaf"))
    next(world.engine.logs(container_id))
    begun = time.monotonic()
    world.engine.stop(container_id, 1)
    assert time.monotonic() - begun < 10 * SLOW
    assert world.engine.wait(container_id).exit_code == 137


@pytest.mark.machine
def test_stop_ends_a_paused_container_too(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    next(world.engine.logs(container_id))
    world.pause(container_id)
    world.engine.stop(container_id, 10)
    container = world.engine.wait(container_id)
    assert (container.running, container.paused, container.exit_code) == (False, False, 0)


def test_a_container_that_has_ended_can_be_stopped(world: World) -> None:
    container_id = world.start(play("exit 3"))
    world.engine.wait(container_id)
    world.engine.stop(container_id, 10)
    assert world.engine.wait(container_id).exit_code == 3


def test_remove_does_not_touch_what_runs(world: World) -> None:
    container_id = world.start(play("forever"))
    with pytest.raises(EngineError):
        world.engine.remove(container_id)
    container = world.engine.container(container_id)
    assert container is not None
    assert container.running


@pytest.mark.machine
def test_what_has_ended_is_removed_and_may_be_gone_already(world: World) -> None:
    container_id = world.start(play("exit 0"))
    world.engine.wait(container_id)
    world.engine.remove(container_id)
    assert world.engine.container(container_id) is None
    world.engine.remove(container_id)


PLAY = ("out first", "err second", "out", "out ' spaces  stay '", "err last")


@pytest.mark.machine
def test_the_log_has_every_line_on_its_stream(world: World) -> None:
    container_id = world.start(play(*PLAY))
    world.engine.wait(container_id)
    lines = list(world.engine.logs(container_id))
    assert [line.text for line in lines if line.stream == "stdout"] == [b"first", b"", b" spaces  stay "]
    assert [line.text for line in lines if line.stream == "stderr"] == [b"second", b"last"]
    assert len({line.cursor for line in lines}) == len(lines)


@pytest.mark.machine
def test_the_log_goes_on_after_any_line_of_it(world: World) -> None:
    container_id = world.start(play(*PLAY))
    world.engine.wait(container_id)
    lines = list(world.engine.logs(container_id))
    for count, line in enumerate(lines, start=1):
        assert list(world.engine.logs(container_id, line.cursor)) == lines[count:]


def test_the_log_goes_on_after_a_moment(world: World) -> None:
    container_id = world.start(play(*PLAY))
    world.engine.wait(container_id)
    lines = list(world.engine.logs(container_id))
    assert list(world.engine.logs(container_id, "2001-02-03T04:05:06.789Z")) == lines
    assert list(world.engine.logs(container_id, "2099-02-03T04:05:06.789Z")) == []


def follow(world: World, container_id: str) -> Attempt[list[bytes]]:
    """Follow the log of a container whose first line is "ready", which has come; returns what comes after it."""
    lines = world.engine.logs(container_id)
    assert next(lines).text == b"ready"
    return Attempt(lambda: [line.text for line in lines])


@pytest.mark.machine
def test_the_log_is_followed_to_the_end_of_the_container(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    following = follow(world, container_id)
    assert following.under_way
    world.engine.stop(container_id, 10)
    assert following.result() == []


def test_the_log_ends_when_somebody_removes_the_container_by_force(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    following = follow(world, container_id)
    world.remove_by_force(container_id)
    with pytest.raises(NoSuchContainer):
        following.result()


@pytest.mark.machine
def test_a_command_runs_inside(world: World) -> None:
    container_id = world.start(play("forever"))
    command = ("sh", "-c", "id -u; echo trouble >&2; exit 4")
    world.teach(command, Execution(4, "1000\ntrouble\n"))
    done = world.engine.execute(container_id, command, user="1000", timeout_seconds=20 * SLOW)
    assert (done.exit_code, sorted(done.output.split())) == (4, ["1000", "trouble"])


def test_no_command_runs_in_a_container_that_has_ended(world: World) -> None:
    container_id = world.start(play("exit 0"))
    world.engine.wait(container_id)
    with pytest.raises(NoSuchContainer):
        world.engine.execute(container_id, ("true",), user="1000", timeout_seconds=20 * SLOW)


@pytest.mark.machine
def test_no_command_runs_in_a_paused_container_which_is_not_taken_for_one_that_has_ended(world: World) -> None:
    container_id = world.start(play("forever"))
    world.pause(container_id)
    container = world.engine.container(container_id)
    assert container is not None
    assert (container.running, container.paused) == (True, True)
    with pytest.raises(EngineError, match="paused") as refusal:
        world.engine.execute(container_id, ("true",), user="1000", timeout_seconds=20 * SLOW)
    assert not isinstance(refusal.value, (NoSuchContainer, EngineUnreachable))
    assert "\n" not in str(refusal.value)
    world.unpause(container_id)


USES: dict[str, Callable[[World, str], object]] = {
    "rename": lambda world, container_id: world.engine.rename(container_id, "ospool-ep-other"),
    "start": lambda world, container_id: world.engine.start(container_id),
    "wait": lambda world, container_id: world.engine.wait(container_id),
    "stop": lambda world, container_id: world.engine.stop(container_id, 1),
    "logs": lambda world, container_id: list(world.engine.logs(container_id)),
    "happenings": lambda world, container_id: list(world.engine.happenings(container_id)),
    "execute": lambda world, container_id: world.engine.execute(
        container_id, ("true",), user="1000", timeout_seconds=20 * SLOW
    ),
}


@pytest.mark.parametrize("use", USES)
def test_a_container_that_is_gone_is_named_as_such(world: World, use: str) -> None:
    container_id = world.start(play("exit 0"))
    world.engine.wait(container_id)
    world.engine.remove(container_id)
    with pytest.raises(NoSuchContainer) as gone:
        USES[use](world, container_id)
    assert "\n" not in str(gone.value)


@pytest.mark.machine
def test_a_pull_brings_the_image_and_says_how_far_it_is(world: World) -> None:
    reference, digest = world.publish("pilot", b"x" * 3_000_000)
    percents = [progress.percent for progress in world.engine.pull(reference)]
    image = world.engine.image(reference)
    assert image is not None
    assert image.digest == digest
    # The same once more means that something has come.
    assert percents == sorted(percents)
    assert percents[-1] == 100


def test_a_pull_brings_what_is_new(world: World) -> None:
    reference, old = world.publish("pilot", b"old")
    list(world.engine.pull(reference))
    before = world.engine.image(reference)
    reference, new = world.publish("pilot", b"new")
    list(world.engine.pull(reference))
    after = world.engine.image(reference)
    assert before is not None
    assert after is not None
    assert (before.digest, after.digest) == (old, new)
    assert before.id != after.id


def test_a_failed_pull_gives_the_reason_and_leaves_the_old_image(world: World) -> None:
    with pytest.raises(PullFailed, match=r"Cannot pull .*nothing:1: .*manifest unknown") as failure:
        list(world.engine.pull(world.unpublished))
    assert "\n" not in str(failure.value)


def pull(world: World, content: bytes) -> str:
    """Publish an image under the one tag of these tests, pull it, and return its id."""
    reference, _ = world.publish("pilot", content)
    list(world.engine.pull(reference))
    return image_id(world, reference)


def image_id(world: World, reference: str) -> str:
    image = world.engine.image(reference)
    assert image is not None
    return image.id


def test_a_digest_is_pulled_and_found_again(world: World) -> None:
    reference, digest = world.publish("pilot", b"pinned")
    pinned = f"{reference.rpartition(':')[0]}@{digest}"
    assert world.engine.image(pinned) is None
    list(world.engine.pull(pinned))
    image = world.engine.image(pinned)
    assert image is not None
    assert image.digest == digest
    assert world.engine.image(reference) is None
    assert world.engine.unnamed_images(reference) == (image,)
    assert world.engine.remove_image(image.id)


def test_the_registry_is_asked_for_a_digest_without_pulling(world: World) -> None:
    reference, old = world.publish("pilot", b"old")
    assert world.engine.registry_digest(reference) == old
    _, new = world.publish("pilot", b"new")
    assert world.engine.registry_digest(reference) == new != old
    assert world.engine.registry_digest(f"{reference.rpartition(':')[0]}@{new}") == new
    assert world.engine.image(reference) is None


def test_an_image_for_several_architectures_is_known_again_in_the_registry(world: World) -> None:
    reference, _ = world.publish_list("pilot", b"old")
    assert world.engine.registry_digest(reference)
    list(world.engine.pull(reference))
    image = world.engine.image(reference)
    assert image is not None
    assert world.engine.registry_digest(reference) == image.digest
    world.publish_list("pilot", b"new")
    assert world.engine.registry_digest(reference) != image.digest
    assert world.engine.image(reference) == image


def test_asking_the_registry_leaves_nothing_behind(world: World) -> None:
    reference, _ = world.publish("pilot", b"asked")
    world.engine.registry_digest(reference)
    with pytest.raises(PullFailed):
        world.engine.registry_digest(world.unpublished)
    assert world.images() == []


def test_a_registry_without_such_an_image_says_so(world: World) -> None:
    with pytest.raises(PullFailed, match=r"registry.*nothing:1: .*manifest unknown") as failure:
        world.engine.registry_digest(world.unpublished)
    assert "\n" not in str(failure.value)


def test_an_image_has_as_many_names_as_it_is_given(world: World) -> None:
    first = pull(world, b"first")
    world.engine.tag(first, LAST_GOOD)
    world.engine.tag(first, LAST_GOOD)
    assert image_id(world, LAST_GOOD) == first
    second = pull(world, b"second")
    assert (image_id(world, LAST_GOOD), second != first) == (first, True)
    world.engine.tag(second, LAST_GOOD)
    assert image_id(world, LAST_GOOD) == second
    assert image_id(world, first) == first


def test_a_container_is_made_from_any_name_of_its_image(world: World) -> None:
    world.engine.tag(image_id(world, IMAGE), LAST_GOOD)
    container = world.engine.container(world.engine.create(play("forever", image=LAST_GOOD)))
    assert container is not None
    assert (container.image, container.image_id) == (LAST_GOOD, image_id(world, IMAGE))


def test_what_is_not_there_gets_no_name(world: World) -> None:
    with pytest.raises(EngineError, match=r"(No such image|failed to find image)") as refusal:
        world.engine.tag(f"sha256:{'0' * 64}", LAST_GOOD)
    assert not isinstance(refusal.value, (NoSuchContainer, EngineUnreachable))


@pytest.mark.machine
def test_an_image_without_a_name_is_found_and_removed(world: World) -> None:
    reference, digest = world.publish("pilot", b"old")
    list(world.engine.pull(reference))
    old = world.engine.image(reference)
    assert old is not None
    assert world.engine.unnamed_images(reference) == ()
    pull(world, b"new")
    (found,) = world.engine.unnamed_images(reference)
    assert (found.id, found.digest) == (old.id, digest)
    assert old.digest == digest
    assert world.engine.unnamed_images(world.unpublished) == ()
    assert world.engine.remove_image(old.id)
    assert world.engine.unnamed_images(reference) == ()
    assert world.engine.image(old.id) is None
    assert world.engine.remove_image(old.id)


def test_an_image_with_a_name_stays(world: World) -> None:
    first = pull(world, b"first")
    assert not world.engine.remove_image(first)
    world.engine.tag(first, LAST_GOOD)
    second = pull(world, b"second")
    assert not world.engine.remove_image(first)
    assert image_id(world, LAST_GOOD) == first
    world.engine.tag(second, LAST_GOOD)
    assert world.engine.remove_image(first)


@pytest.mark.parametrize("started", [True, False])
def test_an_image_that_a_container_uses_stays(world: World, started: bool) -> None:
    old = pull(world, static_program())
    spec = play("exit 0", image=world.publish("pilot", static_program())[0])
    container_id = world.start(spec) if started else world.engine.create(spec)
    if started:
        world.engine.wait(container_id)
    pull(world, b"new")
    assert not world.engine.remove_image(old)
    assert image_id(world, old) == old
    world.engine.remove(container_id)
    assert world.engine.remove_image(old)


class Happenings:
    """What happens to a container, as it is told."""

    def __init__(self, world: World, container_id: str) -> None:
        self.told: list[str] = []
        self._stream = world.engine.happenings(container_id)
        self._listening = Attempt(self._listen)

    def _listen(self) -> None:
        for happening in self._stream:
            self.told.append(happening)

    def wait_for(self, *happenings: str) -> None:
        """These are told, in this order, with others in between or not."""
        wait_until(lambda: self._has(happenings), f"{happenings}, so far {self.told}", seconds=10)

    def _has(self, happenings: Sequence[str]) -> bool:
        told = iter(list(self.told))
        return all(happening in told for happening in happenings)

    def wait_for_the_end(self) -> None:
        self._listening.result()


@pytest.mark.machine
def test_what_others_do_to_a_container_is_told_until_it_is_gone(world: World) -> None:
    container_id = world.start(play("forever"))
    happenings = Happenings(world, container_id)
    world.pause(container_id)
    happenings.wait_for("pause")
    world.unpause(container_id)
    happenings.wait_for("pause", "unpause")
    assert happenings.told == ["pause", "unpause"]
    world.engine.stop(container_id, 10)
    happenings.wait_for("unpause", "die")
    world.engine.remove(container_id)
    happenings.wait_for("die", "destroy")
    happenings.wait_for_the_end()


@pytest.mark.machine
def test_a_removal_by_force_is_told(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    happenings = Happenings(world, container_id)
    world.remove_by_force(container_id)
    happenings.wait_for_the_end()
    # Podman calls what it does itself a stop, and does not always tell of it.
    begun = {"docker": "kill", "podman": "stop"}[world.kind]
    assert [what for what in happenings.told if what != begun] == ["die", "destroy"]


def test_a_container_that_is_killed_for_want_of_memory_says_so(world: World) -> None:
    container_id = world.engine.create(replace(play("hungry"), memory_bytes=32 << 20))
    happenings = Happenings(world, container_id)
    world.engine.start(container_id)
    container = world.engine.wait(container_id)
    assert (container.exit_code, container.oom_killed) == (137, True)
    # Podman says so of a container that has ended only.
    happenings.wait_for(*{"docker": ("start", "oom", "die"), "podman": ("start", "die")}[world.kind])


def test_what_happens_before_anybody_listens_is_told(world: World) -> None:
    container_id = world.start(play("forever"))
    stream = world.engine.happenings(container_id)
    world.pause(container_id)
    world.unpause(container_id)
    assert [next(stream), next(stream)] == ["pause", "unpause"]


def test_what_happens_to_others_is_not_told(world: World) -> None:
    container_id = world.start(play("forever"))
    happenings = Happenings(world, container_id)
    world.pause(container_id)
    happenings.wait_for("pause")
    other = world.start(play("exit 0", name="ospool-ep-other"))
    world.engine.wait(other)
    world.engine.remove(other)
    world.unpause(container_id)
    happenings.wait_for("unpause")
    assert happenings.told == ["pause", "unpause"]


def test_commands_inside_are_nothing_that_happens(world: World) -> None:
    container_id = world.start(play("forever"))
    happenings = world.engine.happenings(container_id)
    world.teach(("true",), Execution(0, ""))
    world.engine.execute(container_id, ("true",), user="1000", timeout_seconds=20 * SLOW)
    world.pause(container_id)
    assert next(happenings) == "pause"
    world.unpause(container_id)


CALLS: dict[str, Callable[[World], object]] = {
    "info": lambda world: world.away.info(),
    "image": lambda world: world.away.image(IMAGE),
    "pull": lambda world: list(world.away.pull(IMAGE)),
    "registry_digest": lambda world: world.away.registry_digest(IMAGE),
    "tag": lambda world: world.away.tag("0123", LAST_GOOD),
    "remove_image": lambda world: world.away.remove_image("0123"),
    "unnamed_images": lambda world: world.away.unnamed_images(IMAGE),
    "container": lambda world: world.away.container("ospool-ep-contract"),
    "labelled": lambda world: world.away.labelled("label"),
    "create": lambda world: world.away.create(play("forever")),
    "rename": lambda world: world.away.rename("0123", "ospool-ep-other"),
    "start": lambda world: world.away.start("0123"),
    "wait": lambda world: world.away.wait("0123"),
    "stop": lambda world: world.away.stop("0123", 1),
    "remove": lambda world: world.away.remove("0123"),
    "logs": lambda world: list(world.away.logs("0123")),
    "happenings": lambda world: list(world.away.happenings("0123")),
    "execute": lambda world: world.away.execute("0123", ("true",), user="1000", timeout_seconds=1),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_engine_that_is_away_is_named_as_such(world: World, call: str) -> None:
    with pytest.raises(EngineUnreachable, match="The container engine does not answer") as away:
        CALLS[call](world)
    assert "\n" not in str(away.value)


def test_threads_do_not_wait_for_each_other(world: World) -> None:
    container_id = world.start(play("out ready", "forever"))
    waiting = Attempt(lambda: world.engine.wait(container_id))
    following = follow(world, container_id)
    assert world.engine.container(container_id) is not None
    assert waiting.under_way
    assert following.under_way
    world.engine.stop(container_id, 10)
    waiting.result()
    following.result()


def test_an_engine_that_dies_ends_what_waits_for_it(mortal: tuple[World, Callable[[], object]]) -> None:
    world, kill = mortal
    container_id = world.start(play("out ready", "forever"))
    happenings = Happenings(world, container_id)
    world.pause(container_id)
    world.unpause(container_id)
    happenings.wait_for("pause", "unpause")
    waiting = Attempt(lambda: world.engine.wait(container_id))
    following = follow(world, container_id)
    kill()
    # Podman's log needs no Podman.
    for attempt in (waiting, following) if world.kind == "docker" else (waiting,):
        with pytest.raises(EngineUnreachable) as away:
            attempt.result()
        assert "\n" not in str(away.value)
    happenings.wait_for_the_end()
    assert happenings.told == ["pause", "unpause"]
