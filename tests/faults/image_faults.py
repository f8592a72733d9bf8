"""A new image: it works, it does not, it comes at the wrong time."""

from ospool_ep.configuration.options import DEFAULT_IMAGE
from tests.faults.fault import HANDED_OVER, Promise, fault
from tests.faults.scene import Scene
from tests.support.endpoint import CONTAINER
from tests.support.waiting import wait_until
from tests.world.images import FIRST_PILOT, NEXT_PILOT, REPOSITORY

FRESH = f"{REPOSITORY}:fresh"
# A new image with a layer of 4 MB that no engine has.
_MAKE_FRESH = """
directory=$(mktemp -d)
dd if=/dev/urandom of="$directory/large" bs=1M count=4 status=none
echo next >"$directory/image-variant"
printf '%s\\n' "FROM $2" 'COPY large /large' 'COPY image-variant /etc/image-variant' >"$directory/Dockerfile"
docker build --quiet --tag "$1" "$directory" >/dev/null
docker push --quiet "$1" >/dev/null
docker image rm "$1" >/dev/null
docker image prune --force >/dev/null
rm -r "$directory"
"""
# Under the pilot's tag: an image with another entry point.
_OFFER = """
printf '%s\\n' "FROM $2" "ENTRYPOINT [\\"/bin/sh\\", \\"-c\\", \\"$3\\"]" | docker build --quiet --tag "$1" - >/dev/null
docker push --quiet "$1" >/dev/null
docker tag "$2" "$1"
"""
_NEVER_JOINS = "trap 'exit 0' TERM; while :; do sleep 1; done"
_DIES = "sleep 1; exit 1"
# The next one does not come, and the pilot that runs goes on.
_COSTS_NOTHING = Promise(pilots=2)


def _is_newest(scene: Scene) -> bool:
    return scene.host.run(["docker", "exec", CONTAINER, "cat", "/etc/image-variant"]).stdout.strip() == "next"


def make_fresh(scene: Scene) -> None:
    """Put the image FRESH into the registry, of which the engine lacks a layer."""
    scene.do("sh", "-ec", _MAKE_FRESH, "make", FRESH, FIRST_PILOT)


def wait_for_newest(scene: Scene) -> None:
    """Wait until a pilot of the new image runs."""
    wait_until(lambda: _is_newest(scene), "a pilot of the new image", 90)


@fault("a new image: `ospool-ep update`, or a restart of the plain unit", promise=HANDED_OVER, slow=False)
def new_image(scene: Scene) -> None:
    scene.endpoint.offer_image(NEXT_PILOT)
    scene.do(*scene.side.update)
    scene.handed_over()
    wait_for_newest(scene)


@fault("a new image: the timer's service", promise=HANDED_OVER)
def new_image_timer(scene: Scene) -> None:
    scene.endpoint.offer_image(NEXT_PILOT)
    scene.do(*scene.side.scheduled)
    scene.handed_over()
    wait_for_newest(scene)


@fault("a new image while the next pilot is tried already", promise=HANDED_OVER)
def new_image_draining(scene: Scene) -> None:
    if scene.ours:
        scene.do("ospool-ep", "drain", "--no-wait", "--then", "start")
        scene.reaches("closed")
    scene.endpoint.offer_image(NEXT_PILOT)
    scene.do(*scene.side.update)
    scene.handed_over()
    wait_for_newest(scene)


def _offer_bad(scene: Scene, script: str) -> None:
    scene.do("sh", "-ec", _OFFER, "offer", DEFAULT_IMAGE, FIRST_PILOT, script)
    scene.do(*scene.side.update)
    scene.says("rolled back", 120)


def _offer_good(scene: Scene) -> None:
    scene.endpoint.offer_image(FIRST_PILOT)
    scene.hand()


SOON = {"OSPOOL_EP_ROLLBACK_MINUTES": "0.4"}


@fault("a new image whose pilot never joins the pool", promise=_COSTS_NOTHING, settings=SOON, mend=_offer_good)
def never_joins(scene: Scene) -> None:
    _offer_bad(scene, _NEVER_JOINS)


@fault("a new image whose pilot dies at once", promise=_COSTS_NOTHING, settings=SOON, mend=_offer_good)
def dies_young(scene: Scene) -> None:
    _offer_bad(scene, _DIES)
