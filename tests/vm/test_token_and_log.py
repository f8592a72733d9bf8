"""What the pool refuses is said, and what the pilot says is kept, as with Docker."""

import re

import pytest

from tests.host.scenes import inspect, offer_script, pilot_said
from tests.host.test_journal import DID_NOT_SAY
from tests.support.endpoint import KILLED, Endpoint
from tests.support.tokens import Token

# With Docker tests/pool/test_jobs sees the one, and tests/host/test_pilots_life the other.
pytestmark = pytest.mark.slow


def test_a_token_that_the_pool_refuses(endpoint: Endpoint) -> None:
    endpoint.expect_message("The pool refuses this pilot, no job will come: .*it may be for another pool.*new token")
    endpoint.set_up(Token.WRONG_KEY)
    endpoint.start()
    endpoint.wait_for_summary("Refused by the pool, no job will come", seconds=30)
    assert endpoint.host.run(["ospool-ep", "status"]).returncode == 1


LINES = 8_000
PRINTS = f"""
trap 'exit 0' TERM
i=0
while [ $i -lt {LINES} ]; do i=$((i+1)); echo "line $i"; [ $((i % 1000)) -ne 0 ] || sleep 1; done
printf 'odd \\377 \\001 bytes'; echo
while :; do sleep 1; done
"""


def test_no_line_of_the_pilot_is_lost_although_our_process_is_killed(endpoint: Endpoint) -> None:
    endpoint.expect_message(*KILLED, DID_NOT_SAY)
    endpoint.set_up(OSPOOL_EP_IMAGE=offer_script(endpoint, PRINTS))
    endpoint.start()

    def last_line() -> str:
        return endpoint.host.do("journalctl", "--identifier=pilot", "--output=cat", "--all", "--lines=1")

    endpoint.wait_until(lambda: last_line().startswith("line "), "the first lines")
    endpoint.kill()
    endpoint.wait_until(lambda: last_line().startswith("odd "), "the last line", 60)
    lines = pilot_said(endpoint)
    assert lines[:-1] == [f"line {number}" for number in range(1, LINES + 1)]
    assert re.fullmatch("odd . \x01 bytes", lines[-1])
    assert inspect(endpoint)["HostConfig"]["LogConfig"]["Type"] == "k8s-file"
