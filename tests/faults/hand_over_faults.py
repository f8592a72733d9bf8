"""What comes in mid-hand-over: the next pilot is tried, the first one drains, or the next one takes over already.

The plain unit stops its pilot first: what the fault finds there is the start of the next one.
"""

from dataclasses import replace

from tests.faults.fault import HANDED_OVER, KILLED, REPLACED, fault
from tests.faults.image_faults import SOON, wait_for_newest
from tests.faults.scene import Scene
from tests.faults.setting import (
    WRONG,
    enabled,
    fill,
    live_restore,
    small_scratch,
    start_docker,
    stop_docker,
)
from tests.support.endpoint import CONTAINER
from tests.support.pool import Happening
from tests.support.waiting import wait_until
from tests.world.images import FIRST_PILOT, NEXT_PILOT

_POOL_AWAY_SECONDS = 30
_FULL_SECONDS = 40
# So long is the first pilot told to drain, and does not do it yet.
_SLOW_ORDERS = {"TEST_ORDER_SECONDS": "5"}
# Jobs end while our next process asks both pilots what they are, or the engine is not back yet.
_AWAY_WHILE_JOBS_END = replace(HANDED_OVER, seconds_away=10.0)
# The first pilot retires a while after its successor was tried; that one, and the next, do so as soon.
_RETIRES = {"TEST_REFUSES_ORDERS": "yes", "TEST_RETIRE_SECONDS": "75"}
# A next pilot fits into a small scratch directory, if somebody says so.
_FITS = {"OSPOOL_EP_HAND_OVER_GB": "0.01"}
# Jobs are lost with their pilot; another one is there, or on its way.
_ONE_DIES = replace(KILLED, seconds_away=30.0, pilots=2)
_BOTH_DIE = replace(KILLED, pilots=2)


def _begin(scene: Scene, stage: str) -> str:
    """A new image comes into use, and a pilot of ours is at that stage; of the plain unit, the next one is begun."""
    scene.endpoint.offer_image(NEXT_PILOT)
    scene.do(*scene.side.update)
    return scene.reaches(stage) if scene.ours else scene.container()


def _end(scene: Scene, *but: str) -> None:
    scene.handed_over(*but)
    wait_for_newest(scene)


@fault("killed (SIGKILL) while the next pilot of a new image is tried", promise=HANDED_OVER)
def sigkill_tried(scene: Scene) -> None:
    _begin(scene, "closed")
    scene.kill("KILL")
    _end(scene)


@fault("killed (SIGKILL) when the first pilot is told to drain, and has not confirmed it", promise=HANDED_OVER,
       ours_alone=True, settings=_SLOW_ORDERS)  # fmt: skip
def sigkill_told_to_drain(scene: Scene) -> None:
    _begin(scene, "leaving")
    scene.kill("KILL")
    _end(scene)


@fault("killed (SIGKILL) when the next pilot has begun to take over", ours_alone=True, slow=False,
       promise=_AWAY_WHILE_JOBS_END)  # fmt: skip
def sigkill_taking_over(scene: Scene) -> None:
    _begin(scene, "open")
    scene.kill("KILL")
    _end(scene)


@fault(f"the pool does not answer for {_POOL_AWAY_SECONDS} s while the next pilot is tried", promise=HANDED_OVER)
def pool_away_tried(scene: Scene) -> None:
    _begin(scene, "closed")
    _pool_away(scene)
    _end(scene)


@fault(f"the pool does not answer for {_POOL_AWAY_SECONDS} s when the next pilot has begun to take over",
       promise=HANDED_OVER, ours_alone=True)  # fmt: skip
def pool_away_taking_over(scene: Scene) -> None:
    _begin(scene, "open")
    _pool_away(scene)
    _end(scene)


def _pool_away(scene: Scene) -> None:
    scene.ground.pool.pause()
    scene.let_pass(_POOL_AWAY_SECONDS)
    scene.ground.pool.unpause()


@fault("the next pilot is killed while it is tried", promise=HANDED_OVER)
def tried_dies(scene: Scene) -> None:
    _dies(scene, _begin(scene, "closed"))


@fault("the next pilot is killed when it has begun to take over", promise=HANDED_OVER, ours_alone=True)
def taking_over_dies(scene: Scene) -> None:
    _dies(scene, _begin(scene, "open"))


def _dies(scene: Scene, pilot: str) -> None:
    scene.do("docker", "kill", pilot)
    scene.gone(pilot)
    _end(scene, pilot)


@fault("the first pilot is killed while the next one is tried", promise=_ONE_DIES, ours_alone=True)
def first_dies_early(scene: Scene) -> None:
    _first_dies(scene, "closed")


@fault("the first pilot is killed when the next one has begun to take over", promise=_ONE_DIES, ours_alone=True)
def first_dies_late(scene: Scene) -> None:
    _first_dies(scene, "open")


def _first_dies(scene: Scene, stage: str) -> None:
    _begin(scene, stage)
    scene.do("docker", "kill", scene.first)
    scene.gone(scene.first)
    scene.another_pilot()


@fault("`docker restart` of a pilot that leaves", promise=_ONE_DIES)
def leaving_restarted(scene: Scene) -> None:
    following = _begin(scene, "open")
    scene.do("docker", "restart", "--time=0", scene.first if scene.ours else CONTAINER)
    if scene.ours:
        wait_until(lambda: _alone(scene, following), "the one that was restarted has gone", 120)


def _alone(scene: Scene, pilot: str) -> bool:
    # What was lost runs again, and in the one that has to go.
    scene.finish_jobs()
    return scene.stages() == {pilot: "open"}


@fault("a while after a hand-over the pilot's startd is killed (SIGKILL)", promise=_ONE_DIES)
def startd_dies_later(scene: Scene) -> None:
    _begin(scene, "open")
    _end(scene)
    scene.submit(2)
    scene.let_pass(20)
    scene.do("docker", "exec", CONTAINER, "pkill", "-KILL", "condor_startd")
    scene.gone(scene.first)


@fault("the pilot refuses the order to drain, until it retires by itself", ours_alone=True, settings=_RETIRES,
       promise=replace(HANDED_OVER, pilots=3))  # fmt: skip
def order_refused(scene: Scene) -> None:
    _begin(scene, "closed")
    scene.another_pilot(seconds=150)
    scene.finish_one_by_one()


@fault("a new image whose pilot can't be told what the other one holds", promise=replace(REPLACED, pilots=2),
       ours_alone=True, settings={"TEST_HEEDLESS": "yes"})  # fmt: skip
def heedless(scene: Scene) -> None:
    scene.endpoint.offer_image(NEXT_PILOT)
    scene.do(*scene.side.update)
    scene.drained()
    wait_for_newest(scene)


@fault("two new images, one soon after the other", promise=replace(HANDED_OVER, pilots=3))
def three_pilots(scene: Scene) -> None:
    _begin(scene, "open")
    second = scene.another_pilot()
    scene.finish_job(0)
    scene.submit_one_more().wait_for(Happening.EXECUTING, 60)
    scene.endpoint.offer_image(FIRST_PILOT)
    scene.do(*scene.side.update)
    scene.another_pilot(second)
    scene.finish_one_by_one()
    scene.gone(scene.first)
    scene.gone(second)


@fault("a new image, and the scratch directory has no room for two pilots", promise=REPLACED, prepare=small_scratch)
def no_room(scene: Scene) -> None:
    scene.endpoint.offer_image(NEXT_PILOT)
    scene.do(*scene.side.update)
    scene.drained()
    wait_for_newest(scene)


@fault(f"the scratch directory is full for {_FULL_SECONDS} s as the next pilot starts", prepare=small_scratch,
       promise=replace(REPLACED, pilots=2), settings={**_FITS, **SOON})  # fmt: skip
def scratch_full_tried(scene: Scene) -> None:
    _begin(scene, "closed")
    # Until after the verdict. Its HTCondor has written what others would find it by, and lost it: it stays a stranger.
    fill(scene, _FULL_SECONDS)
    # The plain unit's only pilot is that stranger.
    if scene.ours:
        scene.drained()
        wait_for_newest(scene)


@fault("Docker is restarted, with live-restore, when the next pilot has begun to take over",
       promise=_AWAY_WHILE_JOBS_END, prepare=live_restore)  # fmt: skip
def docker_restart_two(scene: Scene) -> None:
    _begin(scene, "open")
    scene.do("systemctl", "restart", "docker.service")
    _end(scene)


@fault("Docker is stopped for 30 s, with live-restore, and jobs of a pilot that leaves end meanwhile", ours_alone=True,
       prepare=live_restore, promise=replace(HANDED_OVER, seconds_away=60.0))  # fmt: skip
def docker_stopped_two(scene: Scene) -> None:
    _begin(scene, "open")
    stop_docker(scene)
    scene.finish_job(0)
    scene.let_pass(30)
    start_docker(scene)
    _end(scene)


@fault("Docker is restarted, without live-restore, when the next pilot has begun to take over", promise=_BOTH_DIE,
       ours_alone=True)  # fmt: skip
def docker_restart_ends_two(scene: Scene) -> None:
    _begin(scene, "open")
    scene.do("systemctl", "restart", "docker.service")
    scene.gone(scene.first)


@fault("the host loses its power when the next pilot has begun to take over, and boots", promise=_BOTH_DIE,
       ours_alone=True, prepare=enabled)  # fmt: skip
def power_cut_two(scene: Scene) -> None:
    _begin(scene, "open")
    scene.ground.off("kill")
    scene.ground.boot()


@fault("`docker pause` of the next pilot for 25 s, when it has begun to take over, and jobs end meanwhile",
       ours_alone=True, promise=replace(HANDED_OVER, seconds_away=60.0))  # fmt: skip
def taking_over_paused(scene: Scene) -> None:
    following = _begin(scene, "open")
    scene.do("docker", "pause", following)
    scene.finish_job(0)
    scene.let_pass(25)
    scene.do("docker", "unpause", following)
    _end(scene)


@fault("the file becomes wrong and the main process is killed (SIGKILL) while the next pilot is tried; then the file is"
       " right", ours_alone=True, promise=replace(HANDED_OVER, hand=True))  # fmt: skip
def wrong_tried(scene: Scene) -> None:
    right = scene.host.read(scene.config)
    _begin(scene, "closed")
    scene.endpoint.configure(**WRONG)
    scene.kill("KILL")
    scene.let_pass(10)
    scene.host.write(scene.config, right)
