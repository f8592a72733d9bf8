"""Large new images, and for how long a host has no pilot while one comes into use."""

import json
from collections.abc import Callable

from ospool_ep.configuration.options import DEFAULT_IMAGE
from tests.support.endpoint import CONTAINER
from tests.support.host import Host
from tests.support.waiting import wait_until
from tests.world.images import FIRST_PILOT

# Pushes the pilot's image with so much more in it that can't be compressed, under another tag of the repository.
_PUSH = """
directory=$(mktemp -d /var/tmp/large.XXXXXX)
head -c "$3"M /dev/urandom >"$directory/large"
printf '%s\\n' "FROM $2" 'COPY large /large' | docker build --quiet --tag "$1" --file - "$directory" >/dev/null
docker push --quiet "$1" >/dev/null
docker image rm "$1" >/dev/null
rm -r "$directory"
"""


def push_large(host: Host, name: str, megabytes: int) -> str:
    """Put such an image into the registry, and return its reference; the host has it no more."""
    reference = f"{DEFAULT_IMAGE.rpartition(':')[0]}:{name}"
    host.docker("pull", "--quiet", FIRST_PILOT)
    host.shell(_PUSH, reference, FIRST_PILOT, str(megabytes), timeout=900)
    return reference


def seconds_without(host: Host, act: Callable[[], object]) -> float:
    """From the end of the container that runs to the start of the next one, by the engine's own account."""
    since = host.do("date", "+%s.%N").strip()
    first = host.docker("container", "inspect", "--format={{.Id}}", CONTAINER).strip()
    act()
    template = "--format={{.Id}} {{.State.Running}}"

    def next_one() -> bool:
        answer = host.try_docker("container", "inspect", template, CONTAINER).stdout.split()
        return len(answer) == 2 and answer[0] != first and answer[1] == "true"

    wait_until(next_one, "the next pilot", 120)
    now = host.do("date", "+%s.%N").strip()
    filters = [f"--filter={name}" for name in ("type=container", f"container={CONTAINER}", "event=die", "event=start")]
    told = host.docker("events", f"--since={since}", f"--until={now}", "--format={{json .}}", *filters)
    events = [json.loads(line) for line in told.splitlines()]
    died = next(event["timeNano"] for event in events if event["Action"] == "die")
    started = next(event["timeNano"] for event in reversed(events) if event["Action"] == "start")
    return float(started - died) / 1e9
