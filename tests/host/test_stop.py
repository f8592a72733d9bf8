"""Stopping is bounded and in order, at every moment."""

import time

from tests.host.scenes import STUB, assert_stopped, begin_start, offer_script
from tests.support.endpoint import SERVICE, Endpoint

# Two minutes of grace are too many for a test: a copy of the package has less.
GRACE_SECONDS = 4
COPY = "/srv/short-grace"
COPY_PACKAGE = f"""
rm -rf {COPY}
cp -r /usr/lib/ospool-ep {COPY}
sed 's|/usr/lib/ospool-ep|{COPY}|' /usr/bin/ospool-ep >{COPY}/command
cd {COPY}/ospool_ep
sed -i 's/^STOP_TIMEOUT_SECONDS = .*/STOP_TIMEOUT_SECONDS = {GRACE_SECONDS}/' container/specification.py
"""


def run_a_copy(endpoint: Endpoint, more: str = ":") -> None:
    """Have the unit run a copy of the package with that grace; ``more`` is a shell command that edits it further."""
    endpoint.host.do("sh", "-ec", f"{COPY_PACKAGE}{more}\nfind . -name __pycache__ -exec rm -r '{{}}' +")
    override = f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -IB {COPY}/command run\n"
    endpoint.host.write(f"/etc/systemd/system/{SERVICE}.d/short-grace.conf", override)
    endpoint.host.do("systemctl", "daemon-reload")


def test_a_pilot_that_ignores_sigterm_is_killed_by_the_engine_and_not_by_systemd(endpoint: Endpoint) -> None:
    run_a_copy(endpoint)
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_IGNORE_SIGTERM="1")
    endpoint.start()
    before, began = endpoint.host.cursor(), time.monotonic()
    endpoint.stop()
    assert GRACE_SECONDS <= time.monotonic() - began < GRACE_SECONDS + 15
    assert_stopped(endpoint)
    said = (entry.message for entry in endpoint.journal(before) if entry.identifier != "pilot")
    # What it has used is told by one systemd and not by the other.
    messages = [message for message in said if ": Consumed " not in message]
    assert messages[0].startswith("Stopping ospool-ep.service")
    assert messages[1:] == [
        "Stopped. No job was running.",
        "ospool-ep.service: Deactivated successfully.",
        messages[-1],
    ]
    assert messages[-1].startswith("Stopped ospool-ep.service")


def test_the_last_lines_of_the_pilot_come_before_the_end_of_the_service(endpoint: Endpoint) -> None:
    script = "trap 'seq 5000; echo bye; exit 0' TERM; echo hello; while :; do usleep 10000; done"
    endpoint.set_up(OSPOOL_EP_IMAGE=offer_script(endpoint, script))
    endpoint.start()
    before = endpoint.host.cursor()
    endpoint.stop()
    messages = [entry.message for entry in endpoint.journal(before)]
    at = messages.index("1")
    assert messages[at : at + 5001] == [*map(str, range(1, 5001)), "bye"]
    assert messages[at + 5001] == "Stopped. No job was running."
    assert_stopped(endpoint)


def test_a_stop_at_any_moment_of_the_start_leaves_nothing(endpoint: Endpoint) -> None:
    """The delays are spread over the whole start; each moment must do, so it does not matter which they meet."""
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    for delay in (0.1, 0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2.2):
        begin_start(endpoint)
        time.sleep(delay)
        endpoint.stop()
        assert_stopped(endpoint)


def test_a_stop_during_the_wait_after_a_failed_pilot_is_quick(endpoint: Endpoint) -> None:
    endpoint.expect_message("The pilot ended after")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_DIE_AFTER_SECONDS="0")
    begin_start(endpoint)
    endpoint.wait_for_summary("Waiting to retry")
    began = time.monotonic()
    endpoint.stop()
    assert time.monotonic() - began < 10
    assert_stopped(endpoint)


def test_a_stop_that_takes_too_long_is_finished_by_another_process(endpoint: Endpoint) -> None:
    run_a_copy(endpoint, "echo LONGEST_STOP_SECONDS = 2.0 >>service/stop_time.py")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_IGNORE_SIGTERM="1")
    endpoint.expect_message(
        r"The stop was not through after 2 s\. If a pilot runs, it goes on\.",
        # The stub has no HTCondor to ask, and the other process does not know that it never was in a pool.
        r"Stopped\. The pilot did not say whether jobs ran",
        r"Failed with result 'exit-code'",
    )
    endpoint.expected.failed_units.add(SERVICE)
    endpoint.start()
    endpoint.stop()
    assert not endpoint.container_id()
    assert endpoint.property("ActiveState") == "failed"
