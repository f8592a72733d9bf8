"""What a pilot says of its host in the pool: the operator's attributes and the host's name, in the startd's own ad."""

import re
from typing import Any

import pytest

from ospool_ep.configuration.attribute_names import refusal_of
from ospool_ep.pilot.state import HELD_CPUS, HELD_MEMORY
from tests.pool.test_jobs import join
from tests.support.endpoint import SERVICE, Endpoint
from tests.support.pool import Happening

pytestmark = pytest.mark.container_host

FILE = "/etc/osg/extra-attributes.cfg"
# What the tests' image has for itself, and the production image does not.
OF_THE_TESTS = re.compile("TEST_")


def ad(endpoint: Endpoint, container: str) -> dict[str, Any]:
    """The slot that the pool knows of the pilot in that container."""
    return endpoint.pool.wait_for_pilot(container)


def direct(endpoint: Endpoint, container: str, *attributes: str) -> list[list[str]]:
    """What the pilot's own startd says of these attributes, for each of its slots."""
    ask = 'condor_status -direct "$(head -n1 /pilot/log/.startd_address)" -af:r ' + " ".join(attributes)
    said = endpoint.host.docker("exec", "--user=1000", container, "sh", "-c", ask)
    return [line.split(" ") for line in said.splitlines()]


def test_the_operators_attributes_and_the_hosts_name_are_in_the_ads_of_all_its_pilots(endpoint: Endpoint) -> None:
    host = endpoint.host.do("uname", "-n").strip().partition(".")[0]
    endpoint.host.write(FILE, '# of the rack\nRack = "B 7"\nCores = Cpus * 2\n', 0o600)
    join(endpoint)
    first = endpoint.container_id()
    slot = ad(endpoint, first)
    assert (slot["Rack"], slot["OSPOOL_EP_HOST"]) == ("B 7", host)
    assert direct(endpoint, first, "OSPOOL_EP_HOST", "Cores") == [[f'"{host}"', "Cpus", "*", "2"]]
    assert HELD_CPUS not in slot
    # What the startd says by itself, nobody else may say.
    own = [name for name in slot if not OF_THE_TESTS.match(name)]
    passed = [name for name in own if refusal_of(name) is None]
    assert sorted(passed) == ["Cores", "OSPOOL_EP_HOST", "Rack"]
    # A slot that is carved for a job says it, too.
    job = endpoint.pool.submit("sleep 600")
    job.wait_for(Happening.EXECUTING, 60)
    assert direct(endpoint, first, "Rack", "OSPOOL_EP_HOST") == [['"B', '7"', f'"{host}"']] * 2
    # Another content outdates no pilot, and the next one takes it, beside what the hand-over has of its own.
    endpoint.host.write(FILE, "Rack = 8\n", 0o600)
    said = endpoint.host.do("ospool-ep", "reload")
    assert "each pilot that begins now takes it" in said
    endpoint.host.do("ospool-ep", "drain", "--no-wait", "--then", "start")
    following = endpoint.wait_until(
        lambda: next((pilot["container"] for pilot in endpoint.pilots() if pilot["container"] != first), ""),
        "the next pilot is made",
        30,
    )
    slot = ad(endpoint, following)
    given = endpoint.host.docker("exec", "--user=1000", following, "cat", FILE)
    assert given.splitlines() == ["Rack = 8", "HeldCpus = 100000", "HeldMemory = 100000000"]
    assert (slot["Rack"], slot["OSPOOL_EP_HOST"], HELD_CPUS in slot, HELD_MEMORY in slot) == (8, host, True, True)
    # Else the stop evicts it, or not, as it happens.
    job.remove()
    endpoint.wait_until(
        lambda: [pilot["container"] for pilot in endpoint.pilots()] == [following], "the first one has ended", 90
    )
    # A service that begins anew, without its run-time directory, puts the file there again.
    endpoint.host.do("systemctl", "stop", SERVICE, timeout=240)
    endpoint.host.do("rm", "-rf", "/run/ospool-ep")
    endpoint.host.write(FILE, "Rack = 9\n")
    endpoint.start()
    endpoint.wait_for_summary("In the pool", 60)
    assert ad(endpoint, endpoint.container_id())["Rack"] == 9
