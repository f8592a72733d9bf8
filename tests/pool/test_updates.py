"""A new image on a host with jobs: by each policy, in the end the new image runs, or the last good one again."""

import json
import time
from typing import Any

from tests.host.scenes import inspect, said
from tests.pool.test_jobs import IN_POOL, UNTIL_TOLD, end_jobs, join
from tests.pool.test_stops import REPOSITORY
from tests.support.endpoint import CONTAINER, SERVICE, Endpoint
from tests.support.pool import Happening
from tests.world.images import NEXT_PILOT

LAST_GOOD = "localhost/ospool-ep:last-good"
IMAGE_SERVICE = "ospool-ep-image.service"
# Under the pilot's tag: an image that starts, and never joins any pool.
NEVER_JOINS = """
docker build --quiet --tag "$1" - >/dev/null <<END
FROM $2
ENTRYPOINT ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
END
docker push --quiet "$1" >/dev/null
docker tag "$2" "$1"
"""


def update(endpoint: Endpoint, *options: str) -> dict[str, Any]:
    """Run an update and return what it reports."""
    report: dict[str, Any] = json.loads(endpoint.host.do("ospool-ep", "update", "--json", *options))
    return report


def digest(endpoint: Endpoint) -> str:
    """That of the image of the pilot that runs, by the service's own report."""
    return str(endpoint.pilot().get("image_digest", ""))


def digests(endpoint: Endpoint) -> set[str]:
    """Those of all pilots that run."""
    return {pilot["image_digest"] for pilot in endpoint.pilots()}


def variant(endpoint: Endpoint) -> str:
    """What the pilot's image says of itself: nothing for the first."""
    return endpoint.host.try_docker("exec", CONTAINER, "cat", "/etc/image-variant").stdout.strip()


def test_a_new_image_is_used_after_the_running_jobs_and_loses_none(endpoint: Endpoint) -> None:
    join(endpoint)
    # They outlast three updates.
    jobs = [endpoint.pool.submit(UNTIL_TOLD) for _ in range(2)]
    for job in jobs:
        job.wait_for(Happening.EXECUTING, 60)
    first, process = endpoint.container_id(), endpoint.property("MainPID")
    assert update(endpoint)["changed"] is False
    endpoint.offer_image(NEXT_PILOT)
    checked = update(endpoint, "--check")
    assert (checked["changed"], checked["checked_only"]) == (True, True)
    assert endpoint.container_id() == first
    assert update(endpoint)["after"] == checked["after"]
    endpoint.wait_for_summary("the pilot before leaves, 2 jobs left")
    (before,) = [pilot for pilot in endpoint.pilots() if pilot["stage"] == "leaving"]
    assert (before["container"], before["why"].startswith("a new image")) == (first, True)
    assert time.time() - before["leaves_since"] < 60
    end_jobs(endpoint, first)
    for job in jobs:
        assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
        assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    endpoint.wait_until(lambda: digest(endpoint) == checked["after"], "a pilot of the new image")
    endpoint.wait_for_summary(IN_POOL)
    assert variant(endpoint) == "next"
    assert endpoint.property("MainPID") == process
    # What is kept is the new image, which is also the last good one; the older one is gone.
    endpoint.wait_until(lambda: len(images(endpoint)) == 1, "the older image is removed")
    assert images(endpoint) == {inspect(endpoint)["Image"].replace("sha256:", "")}


def images(endpoint: Endpoint) -> set[str]:
    """The ids of the pilot's images on the host."""
    listing = endpoint.host.docker("image", "ls", "--no-trunc", "--format={{.ID}} {{.Repository}}")
    ids = listing.replace("sha256:", "").splitlines()
    return {line.split()[0] for line in ids if "/osg-htc/" in line or "localhost/" in line}


def test_the_timers_unit_does_the_same(endpoint: Endpoint) -> None:
    join(endpoint)
    endpoint.offer_image(NEXT_PILOT)
    endpoint.host.do("systemctl", "start", IMAGE_SERVICE)
    endpoint.wait_until(lambda: variant(endpoint) == "next", "a pilot of the new image", 60)
    endpoint.wait_for_summary(IN_POOL)


def test_retire_plans_and_off_leaves_alone(endpoint: Endpoint) -> None:
    join(endpoint, OSPOOL_EP_UPDATE="retire", OSPOOL_EP_RETIRE_HOURS="0.01")
    first = endpoint.container_id()
    endpoint.offer_image(NEXT_PILOT)
    update(endpoint)
    endpoint.wait_for_summary("planned: the next pilot uses the new image, sha256:")
    assert endpoint.container_id() == first
    # 36 s later it is drained, as it does not retire by itself.
    endpoint.wait_until(lambda: variant(endpoint) == "next", "a pilot of the new image", 120)
    endpoint.configure(OSPOOL_EP_UPDATE="off")
    endpoint.host.do("systemctl", "reload", SERVICE)
    assert "Nothing is pulled" in update(endpoint, "--scheduled")["text"]


def test_now_evicts_and_says_so(endpoint: Endpoint) -> None:
    # Under cvmfsexec SIGTERM alone would cut the job off.
    join(endpoint, OSPOOL_EP_UPDATE="now", CVMFSEXEC_REPOS=REPOSITORY)
    job = endpoint.pool.submit("sleep 600")
    job.wait_for(Happening.EXECUTING, 60)
    endpoint.offer_image(NEXT_PILOT)
    endpoint.expect_message(rf"Stopped\. 1 running job was evicted: {job.id}\. The next pilot starts")
    update(endpoint)
    job.wait_for(Happening.EVICTED, 10)
    endpoint.wait_until(lambda: variant(endpoint) == "next", "a pilot of the new image", 60)
    assert not job.happened(Happening.DISCONNECTED)
    job.remove()


def test_a_drain_that_takes_longer_than_it_may_evicts_and_names_the_jobs(endpoint: Endpoint) -> None:
    # Until then the first pilot has to confirm that it drains, and the next one to be open.
    join(endpoint, OSPOOL_EP_DRAIN_HOURS="0.006", CVMFSEXEC_REPOS=REPOSITORY)
    job = endpoint.pool.submit("sleep 600")
    job.wait_for(Happening.EXECUTING, 60)
    endpoint.offer_image(NEXT_PILOT)
    endpoint.expect_message(
        "its drain has lasted longer than OSPOOL_EP_DRAIN_HOURS allows",
        rf"Stopped\. 1 running job was evicted: {job.id}\.$",
    )
    update(endpoint)
    endpoint.wait_for_summary("the pilot before leaves, 1 job left, by ")
    endpoint.wait_until(lambda: variant(endpoint) == "next", "a pilot of the new image", 60)
    # What drains has an order already, and is evicted all the same.
    job.wait_for(Happening.EVICTED, 60)
    endpoint.wait_until(lambda: len(endpoint.pilots()) == 1, "the first pilot has gone", 30)
    assert not job.happened(Happening.DISCONNECTED)
    # It may run again by now, and the stop at the end would evict it.
    job.remove()
    job.wait_until_gone()


def test_a_new_image_that_never_joins_is_rolled_back_and_not_tried_again(endpoint: Endpoint) -> None:
    join(endpoint, OSPOOL_EP_ROLLBACK_MINUTES="0.25")
    good = inspect(endpoint)["Image"]
    reference = inspect(endpoint)["Config"]["Image"]
    endpoint.host.shell(NEVER_JOINS, reference, LAST_GOOD)
    endpoint.expect_message(
        r"Rolled back: the image sha256:\w+ does not work, its pilot was not in the pool within 0\.25"
    )
    container = endpoint.container_id()
    bad = update(endpoint)["after"]
    endpoint.wait_until(lambda: bad in digests(endpoint), "a pilot of the new image", 60)
    endpoint.wait_for_summary("was rolled back", 60)
    endpoint.wait_for_summary("In the pool, waiting for jobs; the image sha256:", 60)
    assert (endpoint.container_id(), inspect(endpoint)["Image"]) == (container, good)
    assert endpoint.status()["rolled_back"]["digest"] == bad
    assert digests(endpoint) == {digest(endpoint)} != {bad}

    update(endpoint)
    endpoint.host.do("systemctl", "restart", SERVICE)
    endpoint.wait_for_summary("In the pool")
    assert endpoint.container_id() == container
    endpoint.host.do("ospool-ep", "drain", "--then", "start", timeout=120)
    # It gets the name once the one before, which has just ended, is removed.
    endpoint.wait_until(lambda: endpoint.container_id() not in ("", container), "the next pilot has the name")
    assert inspect(endpoint)["Image"] == good
    # The tag names another image, and that one works.
    endpoint.offer_image(NEXT_PILOT)
    update(endpoint)
    endpoint.wait_until(lambda: variant(endpoint) == "next", "a pilot of the third image", 60)
    endpoint.wait_for_summary(IN_POOL)
    assert endpoint.status()["rolled_back"] is None
    assert len([line for line in said(endpoint) if line.startswith("Rolled back")]) == 1


def test_a_pinned_digest_is_never_asked_for_again(endpoint: Endpoint) -> None:
    endpoint.host.docker("pull", "--quiet", NEXT_PILOT)
    found = json.loads(endpoint.host.docker("image", "inspect", "--format={{json .RepoDigests}}", NEXT_PILOT))
    endpoint.host.do("systemctl", "stop", "docker-registry.service")
    join(endpoint, OSPOOL_EP_IMAGE=found[0])
    assert "is pinned, and here" in update(endpoint)["text"]
    assert variant(endpoint) == "next"


def test_a_drain_by_hand_leads_to_what_was_asked_for(endpoint: Endpoint) -> None:
    join(endpoint)
    first = endpoint.container_id()
    job = endpoint.pool.submit("sleep 15")
    job.wait_for(Happening.EXECUTING, 60)
    done = endpoint.host.run(["ospool-ep", "drain", "--timeout", "2", "--then", "start"])
    assert done.returncode == 4
    assert f"{job.id} on slot1_1 for " in done.stdout
    again = endpoint.host.do("ospool-ep", "drain", "--then", "start", timeout=60)
    assert "the next pilot runs" in again
    assert job.wait_for(Happening.TERMINATED, 30).exit_code == 0
    assert job.happened(Happening.EVICTED) == 0
    endpoint.wait_until(lambda: endpoint.container_id() not in ("", first), "the next pilot has the name")
    endpoint.wait_for_summary(IN_POOL)
    assert "the service has ended" in endpoint.host.do("ospool-ep", "drain", "--then", "stop", timeout=60)
    # systemd notes it in a moment.
    endpoint.wait_until(lambda: endpoint.property("ActiveState") == "inactive", "the unit is inactive", 5)
    assert endpoint.property("Result") == "success"
