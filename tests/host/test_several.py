"""Commands for all services of a host, beside the real systemd, engine and registry: each image is pulled once."""

import json
from collections.abc import Iterator, Sequence

import pytest

from tests.host.scenes import offer_script
from tests.host.test_restart import DRAINS
from tests.support.endpoint import Endpoint

UNITS = ("ospool-ep@one.service", "ospool-ep@two.service")
FILES = "/etc/osg/ospool-ep.d"


@pytest.fixture
def image(endpoint: Endpoint) -> Iterator[str]:
    """Two instances are set up for that image, which is not here yet, and ospool-ep itself does not run."""
    reference = offer_script(endpoint, DRAINS)
    endpoint.set_up(OSPOOL_EP_IMAGE=reference, NUM_CPUS="1", MEMORY="512", OSPOOL_EP_HAND_OVER="false")
    endpoint.host.do("mkdir", "-p", FILES)
    for name in ("one", "two"):
        endpoint.host.write(f"{FILES}/{name}.cfg", f"GLIDEIN_ResourceName={name}\n")
    yield reference
    endpoint.host.do("systemctl", "stop", *UNITS, timeout=240)
    endpoint.host.do("rm", "-r", FILES)


def _now(endpoint: Endpoint) -> str:
    return endpoint.host.do("date", "+%s.%N").strip()


def pulls(endpoint: Endpoint, began: str, reference: str) -> Sequence[str]:
    """What the engine says that it has pulled since then."""
    filters = ["--filter=type=image", "--filter=event=pull", f"--since={began}", f"--until={_now(endpoint)}"]
    return [one for one in endpoint.host.docker("events", *filters, "--format={{.ID}}").split() if one == reference]


def test_services_pull_an_image_once_and_drain_together(endpoint: Endpoint, image: str) -> None:
    host = endpoint.host
    began = _now(endpoint)
    host.do("systemctl", "start", *UNITS, timeout=120)
    assert len(pulls(endpoint, began, image)) == 1, "both have started with one pull"
    assert "pull-" not in host.do("ls", "/var/lib/ospool-ep"), "no lock is left"
    told = host.run(["ospool-ep", "status"])
    assert (told.returncode, "ospool-ep@one and ospool-ep@two do: --instance NAME" in told.stdout) == (3, True)

    told = host.run(["ospool-ep", "update", "--all"])
    assert told.returncode == 0
    assert [line.split(": ")[0] for line in told.stdout.splitlines()] == ["ospool-ep@one", "ospool-ep@two"]
    assert len(pulls(endpoint, began, image)) == 2
    cursor = host.cursor()
    host.do("systemctl", "start", "ospool-ep-image.service")
    assert len(pulls(endpoint, began, image)) == 3, "the timer's update is one for all, in its sandbox"
    said = [entry.message for entry in host.journal(after=cursor, unit="ospool-ep-image.service")]
    assert len([line for line in said if "is up to date" in line]) == 2
    assert not [line for line in said if "cannot be written" in line or "not kept" in line]

    told = host.run(["ospool-ep", "drain", "--all", "--timeout=60"])
    assert told.returncode == 0, told.stderr
    for name in ("one", "two"):
        assert f"ospool-ep@{name}: Drained: no pilot runs any more." in told.stdout
    reports = json.loads(host.run(["ospool-ep", "status", "--all", "--json"]).stdout)
    assert {name: report["phase"] for name, report in reports.items()} == {
        "ospool-ep@one": "idle",
        "ospool-ep@two": "idle",
    }
