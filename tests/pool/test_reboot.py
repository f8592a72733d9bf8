"""A shutdown that is held back while jobs run, and a planned reboot that loses none of them."""

from tests.pool.test_jobs import join, start
from tests.support.endpoint import KILLED, SERVICE, Endpoint
from tests.support.pool import Happening
from tests.support.reboots import recorded_reboots
from tests.support.tokens import Token

REFUSED = ("systemctl", "--check-inhibitors=yes", "reboot")


def held(endpoint: Endpoint) -> bool:
    return "ospool-ep" in endpoint.host.do("systemd-inhibit", "--list")


def test_a_shutdown_is_held_back_while_a_job_runs_and_a_planned_reboot_loses_none(endpoint: Endpoint) -> None:
    with recorded_reboots(endpoint.host) as reboots:
        start(endpoint, Token.GOOD, OSPOOL_EP_HOLD_SHUTDOWN="true")
        endpoint.wait_for_summary("In the pool, waiting for jobs")
        assert not held(endpoint)
        job = endpoint.pool.submit("while ! test -e /tmp/end; do sleep 0.2; done; echo finished")
        endpoint.wait_for_summary("running 1 job")
        endpoint.wait_until(lambda: held(endpoint), "the shutdown is held back")
        done = endpoint.host.run(REFUSED)
        assert done.returncode != 0
        assert "ospool-ep drain --then reboot" in done.stdout + done.stderr
        assert "[shutdown-of-root-not-held]" in endpoint.host.do("ospool-ep", "check")
        # It ends with the process that has taken it, however that ends.
        endpoint.expect_message(*KILLED)
        endpoint.kill()
        endpoint.wait_until(lambda: held(endpoint), "the next process holds it back")
        endpoint.configure(OSPOOL_EP_HOLD_SHUTDOWN="false")
        endpoint.host.do("systemctl", "reload", SERVICE)
        endpoint.wait_until(lambda: not held(endpoint), "the key is heeded")
        endpoint.configure(OSPOOL_EP_HOLD_SHUTDOWN="true")
        endpoint.host.do("systemctl", "reload", SERVICE)
        endpoint.wait_until(lambda: held(endpoint), "and heeded again")
        endpoint.host.do("ospool-ep", "drain", "--then", "reboot", "--no-wait")
        endpoint.wait_for_summary("Draining, 1 job left: an operator asked for it; then the host reboots")
        assert (held(endpoint), reboots.count()) == (True, 0)
        endpoint.host.docker("exec", endpoint.container_id(), "touch", "/tmp/end")  # noqa: S108 - the container's own
        assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
        endpoint.wait_for_summary("the host reboots now")
        assert (held(endpoint), reboots.count(), job.happened(Happening.EVICTED)) == (False, 1, 0)
        assert job.output() == "finished\n"


def test_a_stop_gives_the_lock_back_and_does_not_wait_for_it(endpoint: Endpoint) -> None:
    join(endpoint, OSPOOL_EP_HOLD_SHUTDOWN="true")
    job = endpoint.pool.submit("sleep 600")
    endpoint.wait_until(lambda: held(endpoint), "the shutdown is held back", 60)
    endpoint.expect_message(r"Stopped\. 1 running job was evicted")
    endpoint.stop()
    assert not held(endpoint)
    # No pilot of a later test is to run it.
    job.remove()
