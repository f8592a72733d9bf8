"""How long this host has no pilot when a large new image comes: the swap alone, and not the download."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from ospool_ep.options import DEFAULT_IMAGE
from tests.faults.rows import RESULTS
from tests.faults.scene import Ground
from tests.support import plain_unit
from tests.support.endpoint import CONTAINER, SERVICE
from tests.support.host import Host
from tests.support.waiting import wait_until
from tests.world.images import FIRST_PILOT

MEGABYTES = 400
MOST_OF_THE_PLAIN_UNIT = 0.1

# Pushes the pilot's image with so much more in it that can't be compressed, under another tag of the repository.
_OFFER = """
directory=$(mktemp -d /var/tmp/large.XXXXXX)
head -c "$3"M /dev/urandom >"$directory/large"
printf '%s\\n' "FROM $2" 'COPY large /large' | docker build --quiet --tag "$1" --file - "$directory" >/dev/null
docker push --quiet "$1" >/dev/null
docker image rm "$1" >/dev/null
rm -r "$directory"
"""


def large(number: int) -> str:
    """The reference of the image of that number."""
    return f"{DEFAULT_IMAGE.rpartition(':')[0]}:large-{number}"


@pytest.fixture(scope="module")
def large_images(ground: Ground) -> None:
    """Three of them in the registry: one for each update."""
    ground.endpoint.reset()
    ground.endpoint.host.do("docker", "pull", "--quiet", FIRST_PILOT)
    for number in range(3):
        ground.endpoint.host.do("sh", "-ec", _OFFER, "offer", large(number), FIRST_PILOT, str(MEGABYTES), timeout=300)


def seconds_without(host: Host, act: Callable[[], object]) -> float:
    """From the end of the container that runs to the start of the next one, by the engine's own account."""
    since = host.do("date", "+%s.%N").strip()
    first = host.do("docker", "container", "inspect", "--format={{.Id}}", CONTAINER).strip()
    act()
    template = "--format={{.Id}} {{.State.Running}}"

    def next_one() -> bool:
        answer = host.run(["docker", "container", "inspect", template, CONTAINER]).stdout.split()
        return len(answer) == 2 and answer[0] != first and answer[1] == "true"

    wait_until(next_one, "the next pilot", 120)
    now = host.do("date", "+%s.%N").strip()
    filters = [
        "--filter=type=container",
        f"--filter=container={CONTAINER}",
        "--filter=event=die",
        "--filter=event=start",
    ]
    told = host.do("docker", "events", f"--since={since}", f"--until={now}", "--format={{json .}}", *filters)
    events = [json.loads(line) for line in told.splitlines()]
    died = next(event["timeNano"] for event in events if event["Action"] == "die")
    started = next(event["timeNano"] for event in reversed(events) if event["Action"] == "start")
    return float(started - died) / 1e9


@pytest.mark.slow
@pytest.mark.usefixtures("large_images")
def test_an_update_to_a_large_image_costs_the_swap_alone(ground: Ground) -> None:
    endpoint, host = ground.endpoint, ground.endpoint.host
    plain_unit.install(host)
    endpoint.offer_image(large(0))
    endpoint.set_up()
    endpoint.start()
    endpoint.wait_for_summary("In the pool")
    endpoint.offer_image(large(1))
    ours = seconds_without(host, lambda: host.do("ospool-ep", "update", timeout=300))
    # In its first second a pilot takes no notice of SIGTERM.
    endpoint.wait_for_summary("In the pool")
    endpoint.stop()
    endpoint.offer_image(large(1))
    host.do("systemctl", "start", plain_unit.UNIT, timeout=300)
    wait_until(endpoint.container_id, "the pilot of the plain unit", 60)
    wait_until(lambda: "condor_startd" in host.run(["docker", "top", CONTAINER]).stdout, "HTCondor runs", 60)
    endpoint.offer_image(large(2))
    plain = seconds_without(host, lambda: host.do("systemctl", "restart", plain_unit.UNIT, timeout=300))
    host.do("systemctl", "stop", plain_unit.UNIT, timeout=240)
    RESULTS.mkdir(parents=True, exist_ok=True)
    measured = {"megabytes": MEGABYTES, "ours": ours, "plain": plain, "at": datetime.now().isoformat(), "unit": SERVICE}
    (RESULTS / "swap.json").write_text(json.dumps(measured))
    print(f"without a pilot: ours {ours:.2f} s, plain unit {plain:.2f} s, ratio {ours / plain:.3f}")
    assert ours <= MOST_OF_THE_PLAIN_UNIT * plain
