"""A host that is out of room or of processes, whose CVMFS dies, whose run-time directory goes: the service goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.host.scenes import STUB, said, warned
from tests.support.endpoint import SERVICE, Endpoint

NUDGE = f"kill -USR1 $(systemctl show --value --property=MainPID {SERVICE})"
FILL = "head -c 1G /dev/zero >{0}/filling 2>/dev/null || :"


# Where it is a thread that can't be started, the process makes room for the next one.
ENDED_BY_IT = "Failed with result 'exit-code'"
DID_NOT_SAY = r"Stopped\. The pilot did not say whether jobs ran"


def set_limit(endpoint: Endpoint, tasks: str) -> None:
    endpoint.host.do("systemctl", "set-property", "--runtime", SERVICE, f"TasksMax={tasks}")


@contextmanager
def full(endpoint: Endpoint, directory: str) -> Iterator[None]:
    """Whatever is written there finds no room, and there is a disk to blame."""
    host = endpoint.host
    host.do("sh", "-ec", f"cp -a {directory} /tmp/kept; mount -t tmpfs -o size=16k,mode=755 tmpfs {directory}")
    host.do("sh", "-c", f"cp -a /tmp/kept/. {directory}; rm -r /tmp/kept; {FILL.format(directory)}")
    try:
        yield
    finally:
        host.do("umount", "--lazy", directory)


def test_a_full_state_directory(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.host.do("rm", "-f", "/var/lib/ospool-ep/pulled")
    endpoint.expect_message(
        "What is known of the images was not kept: /var/lib/ospool-ep/images.json cannot be written"
    )
    with full(endpoint, "/var/lib/ospool-ep"):
        done = endpoint.host.run(["ospool-ep", "update"])
        assert done.returncode == 0
        assert (
            "/var/lib/ospool-ep/pulled cannot be written: the file system on /var/lib/ospool-ep is full." in done.stderr
        )
        found = endpoint.host.run(["ospool-ep", "check"]).stdout
        assert "warning: Hardly any space is free in /var/lib/ospool-ep" in found
        # Another image of that name is here.
        endpoint.host.shell(f"printf 'FROM {STUB}\\nLABEL a=b\\n' | docker build --quiet --tag {STUB} - && {NUDGE}")
        endpoint.wait_until(lambda: warned(endpoint), "it is told")
    assert "Traceback" not in "\n".join(said(endpoint))


_SHRINK = """
df --output=size /run | tail -1 >/tmp/size
mount -o remount,size=$(($(df --output=used /run | tail -1) + 64))k /run
cat /dev/zero >/run/filling 2>/dev/null || :
"""
_GROW = "rm /run/filling; mount -o remount,size=$(($(cat /tmp/size)))k /run"


def test_a_full_run(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.expect_message("Hardly any space is free in /run/ospool-ep")
    endpoint.host.do("sh", "-ec", _SHRINK)
    try:
        refused = endpoint.host.run(["ospool-ep", "drain", "--no-wait"])
        status = endpoint.status()
        reloaded = endpoint.host.run(["ospool-ep", "reload"])
    finally:
        endpoint.host.do("sh", "-c", _GROW)
    assert refused.returncode == 1
    assert "/run/ospool-ep/drain cannot be written: the file system on /run is full. Make room there:" in refused.stderr
    assert status["phase"] == "running"
    assert reloaded.returncode == 0, reloaded
    assert endpoint.property("NRestarts") == "0"
    endpoint.host.do("ospool-ep", "drain")
    assert endpoint.status()["phase"] == "idle"
    assert "Traceback" not in "\n".join(entry.message for entry in endpoint.journal())


def test_a_run_time_directory_that_is_removed_is_put_back_with_the_drain(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.host.do("ospool-ep", "drain")
    endpoint.expect_message("Somebody has removed /run/ospool-ep")
    endpoint.host.do("rm", "-rf", "/run/ospool-ep")
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "idle", "there is a report again", 60)
    endpoint.host.do("systemctl", "restart", SERVICE)
    endpoint.wait_for_summary("Idle: drained")
    assert not endpoint.container_id()


def test_a_limit_of_processes_is_told_in_one_line_and_costs_no_pilot(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    pilot = endpoint.container_id()
    endpoint.expect_message("No process can be started: a limit on their number is reached", ENDED_BY_IT, DID_NOT_SAY)
    set_limit(endpoint, endpoint.property("TasksCurrent"))
    try:
        endpoint.host.run(["sh", "-c", f"kill -HUP $(systemctl show --value -p MainPID {SERVICE})"])
        endpoint.wait_until(
            lambda: any("No process can be started" in text for text in warned(endpoint)), "it is told", 60
        )
    finally:
        set_limit(endpoint, "infinity")
    endpoint.wait_until_active(60)
    assert endpoint.container_id() == pilot
    lines = "\n".join(entry.message for entry in endpoint.journal())
    assert "Traceback" not in lines
    assert "systemctl set-property ospool-ep.service TasksMax=infinity" in lines


def test_a_drain_that_ends_the_service_returns_when_systemd_has_ended_it(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    # What a stop takes longer than the process, as where a drop-in has it do more.
    endpoint.host.write("/etc/systemd/system/ospool-ep.service.d/slow.conf", "[Service]\nExecStopPost=/bin/sleep 2\n")
    endpoint.host.do("systemctl", "daemon-reload")
    assert "Drained: no pilot runs any more, and the service has ended." in endpoint.host.do(
        "ospool-ep", "drain", "--then=stop"
    )
    assert endpoint.property("ActiveState") == "inactive"


def test_an_update_says_what_a_service_does_that_has_not_read_the_file_again(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    pilot = endpoint.container_id()
    other = STUB.replace("/stub:1", "/stub:other")
    endpoint.offer_image(STUB, other)
    endpoint.configure(OSPOOL_EP_IMAGE=other)
    told = endpoint.host.do("ospool-ep", "update")
    assert f"the service goes by OSPOOL_EP_IMAGE={STUB}, and uses this one when it has read the file again" in told
    assert endpoint.container_id() == pilot
    assert endpoint.status()["phase"] == "running"


_DEAD_MOUNT = """
mkdir -p "$1"
exec 9<>/dev/fuse
mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0,allow_other cvmfs2 "$1"
exec 9>&-
"""


def test_a_cvmfs_that_dies_while_a_pilot_runs_is_told_once(endpoint: Endpoint) -> None:
    host = endpoint.host
    repository = "/cvmfs/config-osg.opensciencegrid.org"
    host.do("sh", "-ec", f"mkdir -p /cvmfs && mount -t tmpfs tmpfs /cvmfs && mkdir {repository}")
    try:
        endpoint.set_up(OSPOOL_EP_IMAGE=STUB, BIND_MOUNT_CVMFS="true")
        endpoint.start()
        pilot = endpoint.container_id()
        endpoint.expect_message("CVMFS repository has died on this host")
        host.do("sh", "-ec", _DEAD_MOUNT, "sh", "/cvmfs/cms.cern.ch")
        told = "CVMFS repository has died on this host"
        endpoint.wait_until(lambda: told in endpoint.property("StatusText"), "it is told", 90)
        assert endpoint.container_id() == pilot
        assert "/cvmfs/cms.cern.ch: Transport endpoint is not connected" in host.run(["ospool-ep", "status"]).stdout
        assert len([text for text in warned(endpoint) if "CVMFS repository has died" in text]) == 1
        endpoint.stop()
    finally:
        host.do("sh", "-c", "umount --lazy /cvmfs/cms.cern.ch; umount --lazy /cvmfs")
