"""What the host tests have in common: stubs in place of the pilot, and how the service's own messages are read."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.endpoint import CONTAINER, FAILED_START, SERVICE, Endpoint
from tests.support.journal_rules import WARNING
from tests.world.images import REGISTRY

STUB = f"{REGISTRY}/test/stub:1"

# Makes an image of the stub with another entry point, from standard input, and pushes it, unless the registry has it:
# to build one takes a slow host a minute.
_OFFER_SCRIPT = f"""
curl --silent "http://{REGISTRY}/v2/$1/tags/list" | grep --quiet "$2" && exit
set -- "{REGISTRY}/$1:$2"
directory=$(mktemp -d)
cat >"$directory/script"
chmod 755 "$directory/script"
printf '%s\\n' >"$directory/Dockerfile" 'FROM {STUB}' 'COPY script /script' 'COPY script /usr/local/bin/condor_off' \\
    'ENTRYPOINT ["/script"]'
docker build --quiet --tag "$1" "$directory" >/dev/null
docker push --quiet "$1" >/dev/null
docker image rm "$1" >/dev/null
rm -r "$directory"
"""


def offer_script(endpoint: Endpoint, script: str, name: str = "scripted") -> str:
    """Let the registry hand out an image that runs that script of busybox's shell; returns its reference.

    The script is also what a drain runs as condor_off; ``$0`` tells which.
    """
    content = f"#!/bin/sh\n{script}\n"
    repository, tag = f"test/{name}", hashlib.sha256(content.encode()).hexdigest()[:12]
    endpoint.host.shell(_OFFER_SCRIPT, repository, tag, input=content)
    reference = f"{REGISTRY}/{repository}:1"
    endpoint.offer_image(f"{REGISTRY}/{repository}:{tag}", reference)
    return reference


def begin_start(endpoint: Endpoint) -> None:
    """Start the service without waiting until it is up."""
    endpoint.host.do("systemctl", "start", "--no-block", SERVICE)


def start_in_vain(endpoint: Endpoint) -> None:
    """Start the service where no pilot can be started now: the start fails, and the next process waits."""
    endpoint.expect_message("The start has failed", *FAILED_START)
    assert endpoint.host.run(["systemctl", "start", SERVICE]).returncode != 0
    endpoint.wait_until_active()


def inspect(endpoint: Endpoint) -> dict[str, Any]:
    """What the engine says of the container of our name."""
    (found,) = json.loads(endpoint.host.docker("container", "inspect", CONTAINER))
    return dict(found)


def wait_for_another(endpoint: Endpoint, container: str, seconds: float = 40) -> None:
    """Wait until a container of our name runs that is not this one."""

    def runs() -> bool:
        template = "--format={{.Id}} {{.State.Running}}"
        answer = endpoint.host.try_docker("container", "inspect", template, CONTAINER).stdout.split()
        return len(answer) == 2 and answer[0] != container and answer[1] == "true"

    endpoint.wait_until(runs, "the next pilot", seconds)


def send(endpoint: Endpoint, signal: str) -> None:
    """Send our process a signal."""
    endpoint.host.do("systemctl", "kill", f"--signal={signal}", "--kill-whom=main", SERVICE)


@contextmanager
def asleep(endpoint: Endpoint) -> Iterator[None]:
    """Our process sees nothing of what happens meanwhile, and afterwards only what has come of it."""
    send(endpoint, "STOP")
    yield
    send(endpoint, "CONT")


def said(endpoint: Endpoint, after: str = "") -> list[str]:
    """The service's own messages since that cursor, or since the test began."""
    return [entry.message for entry in endpoint.journal(after) if entry.identifier == "ospool-ep"]


def warned(endpoint: Endpoint) -> list[str]:
    """The warnings and errors among the service's own messages since the test began."""
    entries = endpoint.journal()
    return [entry.message for entry in entries if entry.identifier == "ospool-ep" and entry.priority <= WARNING]


def pilot_said(endpoint: Endpoint, after: str = "") -> list[str]:
    """The pilot's lines since that cursor, or since the test began."""
    return [entry.message for entry in endpoint.journal(after) if entry.identifier == "pilot"]


def token_in_the_pilot(endpoint: Endpoint) -> str:
    """What the pilot's user reads."""
    script = "cat /etc/condor/tokens-orig.d/flock.opensciencegrid.org"
    return endpoint.host.docker("exec", CONTAINER, "sh", "-c", script)


def assert_stopped(endpoint: Endpoint) -> None:
    """The service has ended in order, and its pilot is gone."""
    assert endpoint.property("ActiveState") == "inactive"
    assert endpoint.property("Result") == "success"
    assert not endpoint.container_id()


def findings(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What ``ospool-ep check`` finds wrong, run by root in a shell; what may well be meant as it is is left out."""
    report = json.loads(endpoint.host.run(["ospool-ep", "check", "--json"]).stdout)
    return [finding for finding in report["findings"] if finding["severity"] != "info"]
