"""What is done to the service and not to the pilot: restarts, reloads, a new systemd; the pilot goes on, or drains."""

from collections.abc import Sequence

import pytest

from tests.host.scenes import (
    STUB,
    assert_stopped,
    inspect,
    offer_script,
    pilot_said,
    said,
    start_in_vain,
    wait_for_another,
    warned,
)
from tests.support.endpoint import FAILED_START, KILLED, SERVICE, Endpoint
from tests.support.tokens import Token

# A pilot that ends a moment after it was told to drain, and writes a line whenever it can.
DRAINS = """
case $0 in
    *condor_off) sleep 1 && kill -TERM 1 & exit 0 ;;
esac
trap 'exit 0' TERM
number=0
while :; do
    number=$((number + 1))
    echo "$number"
    usleep 20000
done
"""


# The stubs have no HTCondor to ask, and the process that adopts one does not know that it never was in a pool.
DID_NOT_SAY = r"Stopped\. The pilot did not say whether jobs ran"


def start(endpoint: Endpoint, **values: str) -> str:
    """Start with a pilot that drains, and that no other one takes over from; returns its container."""
    # The stubs are in no pool, where one would have to show that it works.
    values = {"OSPOOL_EP_HAND_OVER": "false", **values}
    endpoint.set_up(Token.GOOD, OSPOOL_EP_IMAGE=offer_script(endpoint, DRAINS), **values)
    endpoint.start()
    return endpoint.container_id()


def main_process_changes(endpoint: Endpoint, *command: str) -> None:
    """Do that, and wait until another process is up."""
    before = endpoint.property("MainPID")
    endpoint.host.do(*command)
    endpoint.wait_until(lambda: endpoint.property("MainPID") not in ("0", before), "the next process", 30)
    endpoint.wait_until_active()


@pytest.mark.parametrize(
    "command",
    [
        ["systemctl", "restart", SERVICE],
        ["systemctl", "try-restart", SERVICE],
        ["systemctl", "kill", "--signal=TERM", "--kill-whom=main", SERVICE],
        ["sh", "-c", f"systemctl set-property {SERVICE} Markers=+needs-restart; systemctl reload-or-restart --marked"],
    ],
    ids=["restart", "try-restart", "SIGTERM", "marked"],
)
def test_the_pilot_outlives_what_ends_only_our_process(endpoint: Endpoint, command: Sequence[str]) -> None:
    container, before = start(endpoint), endpoint.host.cursor()
    main_process_changes(endpoint, *command)
    assert endpoint.container_id() == container
    assert f"The service restarts; the pilot in container {container[:12]} goes on." in said(endpoint, before)
    endpoint.wait_until(lambda: len(pilot_said(endpoint, before)) > 100, "lines on both sides of the gap")
    numbers = [int(line) for line in pilot_said(endpoint, before)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    endpoint.expect_message(DID_NOT_SAY)


@pytest.mark.parametrize("command", ["daemon-reexec", "daemon-reload"])
def test_a_new_systemd_manager_changes_nothing(endpoint: Endpoint, command: str) -> None:
    container, process = start(endpoint), endpoint.property("MainPID")
    endpoint.host.do("systemctl", command)
    assert (endpoint.container_id(), endpoint.property("MainPID")) == (container, process)
    main_process_changes(endpoint, "systemctl", "restart", SERVICE)
    assert endpoint.container_id() == container
    endpoint.expect_message(DID_NOT_SAY)
    endpoint.stop()
    assert_stopped(endpoint)


def test_a_stop_after_a_restart_ends_the_pilot(endpoint: Endpoint) -> None:
    start(endpoint)
    main_process_changes(endpoint, "systemctl", "restart", SERVICE)
    endpoint.expect_message(DID_NOT_SAY)
    endpoint.stop()
    assert_stopped(endpoint)


# Waits until systemd has noticed that the main process of before has ended.
ENDED = f"""
main() {{ systemctl show --property=MainPID --value {SERVICE}; }}
before=$(main)
$1
while [ "$(main)" = "$before" ]; do :; done
"""
KILL = f"systemctl kill --signal=KILL --kill-whom=main {SERVICE}"


@pytest.mark.parametrize(
    ("act", "moment", "warnings", "state"),
    [
        # Nothing follows a stop, and the end of the process was none in order.
        pytest.param(KILL, ENDED, KILLED, "failed", id="dead"),
        pytest.param(KILL, f"{ENDED}\nwhile [ $(main) = 0 ]; do :; done", KILLED, "inactive", id="just begun"),
        pytest.param(f"systemctl restart --no-block {SERVICE}", ENDED, (), "inactive", id="restarting"),
    ],
)
def test_a_stop_ends_the_pilot_also_while_no_process_looks_after_it(
    endpoint: Endpoint, act: str, moment: str, warnings: Sequence[str], state: str
) -> None:
    start(endpoint)
    endpoint.expect_message(*warnings, DID_NOT_SAY)
    endpoint.host.do("sh", "-c", f"{moment}\nsystemctl stop {SERVICE}", "stop", act, timeout=240)
    assert not endpoint.container_id()
    assert endpoint.property("ActiveState") == state
    endpoint.host.do("systemctl", "reset-failed")
    endpoint.start()
    assert inspect(endpoint)["State"]["Running"]


def test_a_restart_keeps_a_drain_and_a_stop_ends_it(endpoint: Endpoint) -> None:
    start(endpoint)
    endpoint.host.do("ospool-ep", "drain")
    assert not endpoint.container_id()
    endpoint.host.do("systemctl", "restart", SERVICE)
    endpoint.wait_for_summary("Idle: drained")
    assert not endpoint.container_id()
    endpoint.stop()
    endpoint.start()
    assert inspect(endpoint)["State"]["Running"]


def test_a_restart_with_a_changed_configuration_drains_into_it(endpoint: Endpoint) -> None:
    first = start(endpoint)
    endpoint.configure(MEMORY="512")
    endpoint.host.do("systemctl", "restart", SERVICE)
    wait_for_another(endpoint, first)
    assert inspect(endpoint)["HostConfig"]["Memory"] == 612 << 20
    assert any("Draining: the running pilot was made from another configuration" in line for line in said(endpoint))


def test_a_pilot_that_cannot_drain_and_may_have_jobs_is_never_ended_by_force(endpoint: Endpoint) -> None:
    endpoint.expect_message(*KILLED, "The pilot does not drain yet", DID_NOT_SAY)
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, OSPOOL_EP_HAND_OVER="false")
    endpoint.start()
    first = endpoint.container_id()
    endpoint.configure(MEMORY="512")
    endpoint.kill()
    endpoint.wait_for_summary("Draining, jobs not known: the running pilot was made from another configuration")
    # The first refusal is none where the pilot was not asked before: a pilot that was made just now is not up yet.
    endpoint.wait_until(
        lambda: any("The pilot does not drain yet" in text for text in warned(endpoint)), "a warning of it"
    )
    assert endpoint.container_id() == first


def test_a_restart_with_a_wrong_configuration_says_that_the_pilot_goes_on(endpoint: Endpoint) -> None:
    container = start(endpoint)
    endpoint.configure(MEMORY="much")
    endpoint.expect_failure()
    endpoint.expect_message(
        r"MEMORY: .*\[not-a-positive-integer\]", rf"The pilot in container {container[:12]} goes on with its jobs",
        "No pilot is started: mend the errors above", *FAILED_START,
    )  # fmt: skip
    assert endpoint.host.run(["systemctl", "restart", SERVICE]).returncode != 0
    assert endpoint.container_id() == container
    assert inspect(endpoint)["State"]["Running"]
    endpoint.configure(MEMORY="")
    endpoint.host.do("systemctl", "start", SERVICE)
    assert endpoint.container_id() == container
    endpoint.host.do("ospool-ep", "drain")
    endpoint.configure(MEMORY="much")
    endpoint.host.run(["systemctl", "restart", SERVICE])


# --- reload ------------------------------------------------------------------------------------------------


def test_a_reload_with_nothing_changed_changes_nothing(endpoint: Endpoint) -> None:
    container, process = start(endpoint), endpoint.property("MainPID")
    endpoint.host.do("systemctl", "reload", SERVICE)
    assert (endpoint.container_id(), endpoint.property("MainPID")) == (container, process)
    assert "The configuration says the same as before." in said(endpoint)


def test_a_reload_of_a_wrong_configuration_is_refused_and_the_service_goes_on(endpoint: Endpoint) -> None:
    container, process = start(endpoint), endpoint.property("MainPID")
    endpoint.configure(MEMORY="much", NUM_CPUS="many")
    endpoint.expect_message(
        r"MEMORY: .*\[not-a-positive-integer\]", r"NUM_CPUS: .*\[not-a-positive-integer\]",
        "The configuration has errors: the service goes on with the one before",
        r"Reload failed for ospool-ep\.service",
    )  # fmt: skip
    assert endpoint.host.run(["systemctl", "reload", SERVICE]).returncode != 0
    assert (endpoint.container_id(), endpoint.property("MainPID")) == (container, process)
    assert endpoint.property("ActiveState") == "active"
    done = endpoint.host.run(["ospool-ep", "reload"])
    assert done.returncode == 78
    assert "MEMORY: " in done.stdout


def test_a_reload_says_what_needs_a_new_pilot_and_drains_into_it(endpoint: Endpoint) -> None:
    first, process = start(endpoint), endpoint.property("MainPID")
    endpoint.configure(MEMORY="512", OSPOOL_EP_DRAIN_HOURS="5")
    told = endpoint.host.do("ospool-ep", "reload")
    assert "MEMORY" in told
    assert "needs a new pilot" in told
    assert "OSPOOL_EP_DRAIN_HOURS" in told
    wait_for_another(endpoint, first)
    assert inspect(endpoint)["HostConfig"]["Memory"] == 612 << 20
    assert endpoint.property("MainPID") == process
    assert any("the configuration has changed: MEMORY" in line for line in said(endpoint))


def test_a_reload_to_an_image_that_cannot_be_pulled_leaves_the_pilot_alone(endpoint: Endpoint) -> None:
    first = start(endpoint)
    endpoint.expect_message("Cannot pull .*no-such-image.* What runs goes on meanwhile")
    endpoint.configure(OSPOOL_EP_IMAGE=STUB.replace("stub:1", "no-such-image:1"))
    endpoint.host.do("systemctl", "reload", SERVICE)
    endpoint.wait_until(lambda: any("goes on meanwhile" in line for line in said(endpoint)), "the failure is said")
    assert endpoint.container_id() == first
    endpoint.configure(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.do("systemctl", "reload", SERVICE)
    wait_for_another(endpoint, first)
    assert inspect(endpoint)["Config"]["Image"] == STUB


def test_a_reload_ends_a_wait_at_once(endpoint: Endpoint) -> None:
    endpoint.expect_message("Cannot pull .*no-such-image")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB.replace("stub:1", "no-such-image:1"))
    start_in_vain(endpoint)
    endpoint.wait_for_summary("(attempt 2 failed)")
    endpoint.configure(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.do("ospool-ep", "reload")
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "a pilot runs", 8)


def test_a_restart_that_fails_because_of_a_wrong_configuration_keeps_the_drain(endpoint: Endpoint) -> None:
    start(endpoint)
    endpoint.host.do("ospool-ep", "drain")
    endpoint.configure(MEMORY="much")
    endpoint.expect_message(
        r"MEMORY: .*\[not-a-positive-integer\]", "No pilot is started: mend the errors above", *FAILED_START
    )
    assert endpoint.host.run(["systemctl", "restart", SERVICE]).returncode != 0
    assert endpoint.property("ActiveState") == "failed"
    endpoint.configure(MEMORY="512")
    endpoint.start()
    endpoint.wait_for_summary("Idle: drained")
    assert not endpoint.container_id()
    # It is kept for one start, and ends with a stop as any drain.
    endpoint.stop()
    endpoint.start()
    assert inspect(endpoint)["State"]["Running"]
