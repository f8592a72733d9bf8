"""The playbook that reboots hosts, run by real Ansible: what it does to jobs needs a host with a kernel of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.pool.test_jobs import join_and_run
from tests.support.endpoint import SERVICE, Endpoint
from tests.support.playbooks import Site
from tests.support.pool import Happening
from tests.support.virtual_machine import VirtualMachine
from tests.world.images import MANAGER

# That the order itself loses none is seen by test_reboot.
pytestmark = pytest.mark.slow

BOOT = ("cat", "/proc/sys/kernel/random/boot_id")


def test_the_playbook_reboots_a_host_with_a_job_and_loses_none(endpoint: Endpoint, tmp_path: Path) -> None:
    host = endpoint.host
    assert isinstance(host, VirtualMachine)
    job = join_and_run(endpoint, "sleep 60; echo finished")
    host.do("systemctl", "enable", SERVICE)
    boot = host.do(*BOOT)
    with ThreadPoolExecutor() as pool:
        playing = pool.submit(Site(tmp_path, host).play, "reboot.yml", ospool_ep_drain_poll_seconds=5)
        endpoint.wait_until(lambda: playing.done() or host.run(BOOT).stdout not in ("", boot), "the next boot", 300)
        assert not playing.done(), playing.result().output
        host.set_clock()
        host.wait_until_booted()
        # It is there for this host only, and its administrator has not asked for it at a boot.
        endpoint.pool.start(MANAGER)
        played = playing.result()
    assert (played.code, played.counts["changed"]) == (0, 2), played.output
    assert job.wait_for(Happening.TERMINATED, 5).exit_code == 0
    assert job.output() == "finished\n"
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    endpoint.wait_for_summary("In the pool")
    host.do("systemctl", "disable", SERVICE)
    # What Debian's policy refuses the rest of the system at a boot is not ours.
    endpoint.expect_message(".*")
