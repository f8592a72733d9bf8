"""The engine away, coming, restarted, or with somebody else's container under our name."""

from collections.abc import Iterator

import pytest

from tests.host.scenes import STUB, asleep, inspect, start_in_vain, wait_for_another
from tests.support.endpoint import CONTAINER, Endpoint

ENGINE_UNITS = ("docker.socket", "docker.service")
# What keeps a unit from starting, as a thing that it needs and that comes later does.
LATE = "/etc/systemd/system/{}.d/late.conf"


# Docker is what is stopped here.
pytestmark = pytest.mark.container_host


@pytest.fixture
def pool_afterwards(endpoint: Endpoint) -> Iterator[None]:
    """The pool is a container of this engine, too."""
    yield
    endpoint.stop()
    endpoint.host.do("rm", "--force", "/run/docker-may-start", *map(LATE.format, ENGINE_UNITS))
    endpoint.host.do("systemctl", "daemon-reload")
    endpoint.host.do("systemctl", "start", *ENGINE_UNITS)
    endpoint.pool.start()


@pytest.mark.usefixtures("pool_afterwards")
def test_a_start_with_the_engine_stopped_starts_the_engine(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.do("systemctl", "stop", *ENGINE_UNITS)
    endpoint.start()
    assert inspect(endpoint)["State"]["Running"]


@pytest.mark.usefixtures("pool_afterwards")
def test_an_engine_that_comes_later_is_waited_for(endpoint: Endpoint) -> None:
    endpoint.expect_message(
        r"\[engine-unreachable\]", r"The container engine does not answer on /run/docker\.sock: .* Next try in 5 s\."
    )
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, OSPOOL_EP_ENGINE="docker")
    endpoint.host.do("systemctl", "stop", *ENGINE_UNITS)
    for unit in ENGINE_UNITS:
        endpoint.host.write(LATE.format(unit), "[Unit]\nConditionPathExists=/run/docker-may-start\n")
    endpoint.host.do("systemctl", "daemon-reload")
    start_in_vain(endpoint)
    endpoint.wait_for_summary("The container engine does not answer on /run/docker.sock")
    process = endpoint.property("MainPID")
    endpoint.host.do("touch", "/run/docker-may-start")
    endpoint.host.do("systemctl", "start", *ENGINE_UNITS)
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "a pilot runs")
    assert (endpoint.property("MainPID"), endpoint.property("NRestarts")) == (process, "1")


@pytest.mark.usefixtures("pool_afterwards")
def test_an_engine_that_is_restarted_costs_the_pilot_and_not_the_service(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"The pilot ended after \d+ s with exit code 0 .* Next try in 5 s\.")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    process, first = endpoint.property("MainPID"), endpoint.container_id()
    with asleep(endpoint):
        endpoint.host.do("systemctl", "restart", "docker.service")
    wait_for_another(endpoint, first)
    assert endpoint.property("ActiveState") == "active"
    assert (endpoint.property("MainPID"), endpoint.property("NRestarts")) == (process, "0")


@pytest.mark.usefixtures("pool_afterwards")
def test_an_engine_that_is_away_for_a_while_costs_the_pilot_and_not_the_service(endpoint: Endpoint) -> None:
    endpoint.expect_message(
        r"The container engine does not answer on /run/docker\.sock: .* Next try in 5 s\.",
        r"The pilot ended after \d+ s with exit code 0\. The next one starts at once\.",
    )
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    process, first = endpoint.property("MainPID"), endpoint.container_id()
    with asleep(endpoint):
        endpoint.host.do("systemctl", "stop", *ENGINE_UNITS)
    endpoint.wait_for_summary("The container engine does not answer on /run/docker.sock")
    endpoint.host.do("systemctl", "start", *ENGINE_UNITS)
    wait_for_another(endpoint, first)
    assert endpoint.property("ActiveState") == "active"
    assert (endpoint.property("MainPID"), endpoint.property("NRestarts")) == (process, "0")


@pytest.mark.parametrize("state", ["run", "create"])
def test_a_container_of_our_name_that_is_not_ours_stays_until_somebody_removes_it(
    endpoint: Endpoint, state: str
) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    detached = ["--detach"] if state == "run" else []
    foreign = endpoint.host.docker(state, *detached, f"--name={CONTAINER}", STUB).split()[-1]
    mend = "docker rm -f ospool-ep-container"
    endpoint.expect_message(rf"A container of our name is not ours: {foreign[:12]}\. .*'{mend}'\. Next try in 5 s\.")
    start_in_vain(endpoint)
    endpoint.wait_for_summary(f"A container of our name is not ours: {foreign[:12]}.")
    assert endpoint.container_id() == foreign
    assert inspect(endpoint)["State"]["Running"] == (state == "run")
    endpoint.host.do("sh", "-c", mend)
    wait_for_another(endpoint, foreign)


def test_a_stop_leaves_a_container_that_is_not_ours_alone(endpoint: Endpoint) -> None:
    endpoint.expect_message("A container of our name is not ours")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.docker("run", "--detach", f"--name={CONTAINER}", STUB)
    start_in_vain(endpoint)
    endpoint.wait_for_summary("A container of our name is not ours")
    endpoint.stop()
    assert inspect(endpoint)["State"]["Running"]
    endpoint.host.docker("rm", "--force", CONTAINER)


def test_a_second_service_is_refused(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.expect_message("The service runs already, as process")
    assert endpoint.host.run(["ospool-ep", "run"]).returncode == 1
    assert endpoint.container_id()
    assert endpoint.property("ActiveState") == "active"
