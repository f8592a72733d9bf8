"""A drain before a reboot: the service gives the order by itself, once, and only where nothing stands against it.

The host of these tests has no kernel of its own: in place of its reboot, what reboot.target starts writes a line.
"""

from collections.abc import Iterator

import pytest

from tests.host.test_restart import start
from tests.support.endpoint import KILLED, Endpoint
from tests.support.reboots import Reboots, recorded_reboots

# Another service of this host as the others see it: it has its lock, and reports a pilot that runs until it is told.
OTHER = """
import pathlib, signal, sys, time
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
sys.path.insert(0, "/usr/lib/ospool-ep")
from ospool_ep.system.run_directory import RunDirectory
directory = RunDirectory(pathlib.Path("/run/ospool-ep@other"))
directory.lock()
drained = pathlib.Path("/run/other-drained")
while True:
    phase = "idle" if drained.exists() else "running"
    report = {"phase": phase, "wanted": directory.want.value, "summary": "It runs.", "pilots": []}
    directory.write_status(report)
    time.sleep(0.1)
"""
HOLDS = ("systemd-inhibit", "--what=shutdown", "--mode=block", "--who=backup", "--why=It runs.", "sleep", "600")


@pytest.fixture
def reboots(endpoint: Endpoint) -> Iterator[Reboots]:
    with recorded_reboots(endpoint.host) as recorded:
        yield recorded
        endpoint.host.run(["systemctl", "stop", "other.service"])
        endpoint.host.run(["rm", "-rf", "/run/ospool-ep@other", "/run/other-drained"])


def other_runs(endpoint: Endpoint, *command: str) -> None:
    endpoint.host.do("systemd-run", "--quiet", "--unit=other", "--collect", *command)


def test_the_host_reboots_once_after_the_last_pilot_whoever_waits(endpoint: Endpoint, reboots: Reboots) -> None:
    start(endpoint)
    said = endpoint.host.do("ospool-ep", "drain", "--then", "reboot")
    assert "The host reboots now." in said
    assert reboots.count() == 1
    # The next process finds the request, and that the order was given.
    endpoint.expect_message(*KILLED)
    endpoint.kill()
    endpoint.wait_for_summary("Drained: no pilot runs, and the host reboots now")
    assert reboots.count() == 1
    done = endpoint.host.run(["ospool-ep", "resume"])
    assert "was given already" in done.stderr
    endpoint.wait_until(endpoint.container_id, "a pilot runs again")
    endpoint.host.do("ospool-ep", "drain", "--then", "reboot")
    assert reboots.count() == 2


def test_it_waits_for_another_service_and_is_taken_back_for_both(endpoint: Endpoint, reboots: Reboots) -> None:
    start(endpoint)
    other_runs(endpoint, "python3", "-c", OTHER)
    endpoint.wait_until(lambda: endpoint.host.run(["test", "-e", "/run/ospool-ep@other/status.json"]).returncode == 0,
                        "the other service is there")  # fmt: skip
    said = endpoint.host.do("ospool-ep", "drain", "--then", "reboot", "--no-wait")
    assert "Draining ospool-ep and ospool-ep@other" in said
    endpoint.wait_for_summary("ospool-ep@other is not drained yet")
    assert "ospool-ep@other" in endpoint.host.do("ospool-ep", "resume")
    endpoint.wait_until(endpoint.container_id, "a pilot runs again")
    endpoint.host.do("ospool-ep", "drain", "--then", "reboot", "--no-wait")
    endpoint.wait_for_summary("ospool-ep@other is not drained yet")
    assert reboots.count() == 0
    endpoint.host.do("touch", "/run/other-drained")
    endpoint.wait_for_summary("the host reboots now")
    assert reboots.count() == 1


def test_who_holds_a_shutdown_back_is_named_and_waited_for(endpoint: Endpoint, reboots: Reboots) -> None:
    start(endpoint)
    other_runs(endpoint, *HOLDS)
    endpoint.wait_until(lambda: "backup" in endpoint.host.do("systemd-inhibit", "--list"), "the lock is held")
    done = endpoint.host.run(["ospool-ep", "drain", "--then", "reboot", "--timeout", "5"])
    assert done.returncode == 4
    assert "Somebody holds a shutdown of this host back. backup (process " in done.stdout
    endpoint.expect_message("Somebody holds a shutdown of this host back")
    assert reboots.count() == 0
    endpoint.host.do("systemctl", "stop", "other.service")
    endpoint.host.do("ospool-ep", "drain", "--then", "reboot", "--timeout", "10")
    assert reboots.count() == 1
