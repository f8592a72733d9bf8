"""A planned reboot of a machine, with a job that runs as it is asked for: systemd 257 holds root back, too."""

import re

from tests.pool.test_jobs import join
from tests.support.endpoint import SERVICE, Endpoint
from tests.support.pool import Happening
from tests.support.virtual_machine import VirtualMachine
from tests.vm.test_hand_over import UNTIL_TOLD, finish
from tests.vm.test_life import BEFORE_THE_REBOOT
from tests.world.images import MANAGER


def test_a_planned_reboot_loses_no_job_and_a_plain_one_is_refused_meanwhile(endpoint: Endpoint) -> None:
    host = endpoint.host
    assert isinstance(host, VirtualMachine)
    # Another host has the pool, as a rule: it is there until the last one.
    endpoint.pool.remove()
    endpoint.pool.start(MANAGER, options=["--cgroup-parent=system.slice"])
    join(endpoint, OSPOOL_EP_HOLD_SHUTDOWN="true")
    host.do("systemctl", "enable", SERVICE)
    assert "shutdown" not in host.do("ospool-ep", "check")
    # It is there until all that has been seen.
    job = endpoint.pool.submit(f"{UNTIL_TOLD.format(0)}; echo finished")
    endpoint.wait_for_summary("In the pool, running 1 job", 60)
    endpoint.wait_until(lambda: "ospool-ep" in host.do("systemd-inhibit", "--list"), "the shutdown is held back")
    assert host.run(["systemctl", "reboot"]).returncode != 0
    # Without a terminal systemctl itself does not look who holds it, and prints what logind says: "Access denied".
    refused = host.run(["systemctl", "--check-inhibitors=yes", "reboot"])
    assert refused.returncode != 0
    assert "ospool-ep drain --then reboot" in refused.stdout + refused.stderr
    container = endpoint.container_id()
    assert "Then the host reboots" in host.do("ospool-ep", "drain", "--then", "reboot", "--no-wait")
    endpoint.wait_for_summary("then the host reboots")
    finish(endpoint, container, 0)
    host.await_reboot()
    before = host.do(*BEFORE_THE_REBOOT)
    assert "The host reboots now, as asked by 'ospool-ep drain --then reboot'." in before, before
    assert not re.search("evicted", before)
    endpoint.wait_until_active(60)
    assert endpoint.status()["wanted"] == "pilots"
    endpoint.pool.start(MANAGER)
    assert (job.happened(Happening.TERMINATED), job.happened(Happening.EVICTED)) == (1, 0)
    assert job.output() == "finished\n"
    endpoint.wait_for_summary("In the pool", 90)
    assert endpoint.container_id() not in ("", container)
    host.do("systemctl", "disable", SERVICE)
    # What Debian's policy refuses the rest of the system at a boot is not ours.
    endpoint.expect_message(".*")
