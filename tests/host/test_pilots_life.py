"""Pilots that die young, and our process killed while one runs: the service goes on, and no line is lost."""

from ospool_ep.container.specification import TOKEN_TARGET
from tests.host.scenes import STUB, asleep, offer_script, pilot_said, said, send, wait_for_another
from tests.support.endpoint import CONTAINER, KILLED, TOKEN, Endpoint

COUNTS_FOR_EVER = """
trap 'echo "ended at $number"; exit 0' TERM
number=0
while :; do
    number=$((number + 1))
    echo "$number"
    [ $((number % 100)) != 0 ] || usleep 200000
done
"""


# What the host can still change for a pilot that is to come: the mode of the file that each has from it.
HAS_NO_LUCK = f"[ -x {TOKEN_TARGET} ] && exec /usr/local/bin/stub; echo 'stub: it has no luck today' >&2; exit 3"


def test_a_pilot_that_dies_young_is_retried_later_each_time_until_the_cause_is_gone(endpoint: Endpoint) -> None:
    endpoint.expect_message(
        r"The pilot ended after \d s with exit code 3 and was never in the pool; .* Next try in 5 s\.",
        r"The pilot ended after \d s with exit code 3 and was never in the pool; .* Next try in 10 s\.",
        r"stub: it has no luck today",
    )
    endpoint.set_up(OSPOOL_EP_IMAGE=offer_script(endpoint, HAS_NO_LUCK))
    before = endpoint.host.cursor()
    endpoint.start()
    process = endpoint.property("MainPID")
    endpoint.wait_for_summary("(attempt 2 failed): The pilot ended after")
    assert endpoint.property("ActiveState") == "active"
    assert endpoint.host.run(["ospool-ep", "status"]).returncode == 1
    assert not endpoint.container_id()
    assert pilot_said(endpoint, before).count("stub: it has no luck today") == 2
    endpoint.host.do("chmod", "u+x", TOKEN)
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "a pilot that lives", 30)
    assert (endpoint.property("MainPID"), endpoint.property("NRestarts")) == (process, "0")


def test_a_container_that_somebody_removed_is_followed_by_the_next(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"Somebody else removed the pilot's container\. Next try in 5 s\.")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    first = endpoint.container_id()
    endpoint.host.docker("rm", "--force", CONTAINER)
    wait_for_another(endpoint, first)


# The stubs have no HTCondor to ask, and the process that adopts one does not know that it never was in a pool.
DID_NOT_SAY = r"Stopped\. The pilot did not say whether jobs ran"


def test_our_process_killed_twice_costs_no_pilot_and_no_line(endpoint: Endpoint) -> None:
    endpoint.expect_message(*KILLED, DID_NOT_SAY)
    endpoint.set_up(OSPOOL_EP_IMAGE=offer_script(endpoint, COUNTS_FOR_EVER))
    before = endpoint.host.cursor()
    endpoint.start()
    container = endpoint.container_id()
    for _ in range(2):
        endpoint.kill()
        assert endpoint.container_id() == container
    endpoint.stop()
    lines = pilot_said(endpoint, before)
    numbers = [int(line) for line in lines[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert lines[-1] == f"ended at {len(numbers)}"
    assert said(endpoint, before).count(f"Went on with the pilot in container {container[:12]}.") == 2


def test_a_pilot_that_ends_while_nobody_watches_is_told_with_its_last_lines(endpoint: Endpoint) -> None:
    endpoint.expect_message(
        *KILLED,
        r"The pilot ended after \d+ s with exit code 0\. The next one starts at once\.",
    )
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    before = endpoint.host.cursor()
    endpoint.start()
    first = endpoint.container_id()
    send(endpoint, "STOP")
    endpoint.host.docker("stop", CONTAINER)
    send(endpoint, "KILL")
    wait_for_another(endpoint, first)
    assert pilot_said(endpoint, before)[:2] == ["stub: started", "stub: ended by SIGTERM"]
    assert f"Found the end of the pilot in container {first[:12]}." in said(endpoint, before)


def test_a_container_that_somebody_restarted_goes_on_and_loses_no_line(endpoint: Endpoint) -> None:
    endpoint.expect_message("Somebody else restarted the pilot's container", DID_NOT_SAY)
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    first, before = endpoint.container_id(), endpoint.host.cursor()
    # The engine tells of the end a moment before it starts the container again; here that is over when we look.
    with asleep(endpoint):
        endpoint.host.docker("restart", CONTAINER)
    endpoint.wait_until(
        lambda: pilot_said(endpoint, before) == ["stub: ended by SIGTERM", "stub: started"], "both lines"
    )
    assert endpoint.container_id() == first
    text = f"Went on with the pilot in container {first[:12]}."
    endpoint.wait_until(lambda: text in said(endpoint, before), "the service goes on with it")
