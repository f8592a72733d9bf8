"""The tests' pilot is no kinder than the image that users run, so that the service is tested in earnest elsewhere.

Each of these pilots runs without the service.
"""

import re
import time
from collections.abc import Iterator

import pytest

from ospool_ep.pilot.commands import DRAIN_COMMAND, PROBE_COMMAND
from ospool_ep.pilot.state import Startd
from tests.support.endpoint import Endpoint
from tests.support.pilot import SCRATCH, Pilot, Pilots
from tests.support.pool import Happening

pytestmark = pytest.mark.container_host

CVMFS = {"CVMFSEXEC_REPOS": "oasis.opensciencegrid.org,singularity.opensciencegrid.org"}
AT_ONCE = {"TEST_VALIDATION_SECONDS": "0"}
REFUSED = (
    {"POOL": ""},
    {"POOL": "flock"},
    {"ACCEPT_JOBS_FOR_HOURS": ""},
    {"ACCEPT_JOBS_FOR_HOURS": "+62"},
    {"ACCEPT_JOBS_FOR_HOURS": "0"},
    {"RETIREMENT_HOURS": "08"},
    {"GLIDEIN_Site": ""},
    {"CVMFSEXEC_REPOS": "true"},
    {"CVMFSEXEC_REPOS": "oasis.opensciencegrid.org 'oasis'"},
)
# With these the pilot runs, and this is what it makes of them.
TAKEN: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "ACCEPT_IDLE_MINUTES = 30"),
    ({"POOL": "itb-ospool"}, r"START_EXTRA = True && (TARGET.ITB_Sites =?= True)"),
    ({"POOL": "cm.example.edu:9619"}, "START_EXTRA = True \n"),
    ({"CVMFSEXEC_REPOS": ",", "GLIDEIN_Start_Extra": "A || B"}, "START_EXTRA = A || B && (TARGET.ITB_Sites =!= True)"),
    ({"CVMFSEXEC_REPOS": '"oasis.opensciencegrid.org"'}, "START_EXTRA = True && (TARGET.ITB_Sites =!= True)"),
)


@pytest.fixture(scope="session")
def keep_images() -> bool:
    """Nothing here depends on what the engine has."""
    return True


@pytest.fixture
def pilots(endpoint: Endpoint) -> Iterator[Pilots]:
    """Starts pilots, and removes them; they find a token, and an empty scratch directory."""
    endpoint.put_token()
    endpoint.host.shell("rm -rf $1 && install -d -o 1000 -g 1000 $1", SCRATCH)
    pilots = Pilots(endpoint)
    yield pilots
    pilots.remove()


def settings(pilot: Pilot) -> str:
    return pilot.execute("sh", "-c", "cat /pilot/osgvo-pilot-*/condor_config.pilot")


def slot(pilots: Pilots, pilot: Pilot, key: str, value: object) -> dict[str, object]:
    """What the pool knows of the pilot, once it knows that."""

    def known() -> dict[str, object]:
        ad = pilots.endpoint.pool.pilots().get(pilot.id[:12], {})
        return ad if ad.get(key) == value else {}

    return pilots.endpoint.wait_until(known, f"{key} is {value}", 40)


def test_under_cvmfsexec_a_stop_cuts_the_jobs_off(pilots: Pilots) -> None:
    """It is over at once, the job gets no SIGTERM, and the pool is told nothing."""
    pilot, pool = pilots.run(**CVMFS, **AT_ONCE), pilots.endpoint.pool
    job = pool.submit("trap 'sleep 1; exit 3' TERM; sleep 600 & wait")
    job.wait_for(Happening.EXECUTING, 60)
    began = time.monotonic()
    pilot.host.docker("stop", "--time=120", pilot.id)
    # As a rule it takes less than a second, and SIGKILL comes after two minutes.
    assert time.monotonic() - began < 10 * pilot.host.patience
    assert pilot.state() == {"Status": "exited", "ExitCode": 143}
    job.wait_for(Happening.DISCONNECTED, 10)
    assert job.happened(Happening.EVICTED) + job.happened(Happening.TERMINATED) == 0
    assert pool.pilots()[pilot.id[:12]]
    # And what it had written stays.
    assert pilot.host.shell("ls $1/osgvo-pilot-*/execute", SCRATCH).strip()
    job.remove()


def test_under_cvmfsexec_it_is_asked_and_told_from_outside(pilots: Pilots) -> None:
    pilot = pilots.run(**CVMFS)
    pilots.endpoint.wait_until(lambda: 'STARTD_State = "Ready"' in pilot.execute(*PROBE_COMMAND), "it is ready", 30)
    assert "[slots]\nslot1@" in pilot.execute(*PROBE_COMMAND)
    pilot.execute(*DRAIN_COMMAND)
    pilots.endpoint.wait_until(
        lambda: pilot.state() == {"Status": "exited", "ExitCode": 0}, "it has ended in order", 20
    )


def test_an_order_to_drain_that_comes_again_as_it_ends_is_not_refused(pilots: Pilots) -> None:
    """HTCondor ends a moment before what started it, and that before the container."""
    pilot = pilots.run(**AT_ONCE)
    pilots.endpoint.wait_until(lambda: 'STARTD_State = "Ready"' in pilot.execute(*PROBE_COMMAND), "it is ready", 30)
    # In the container, where nothing is missed between two of them.
    script = f"while :; do ({DRAIN_COMMAND[2]}) || echo refused; done"
    said = pilot.execute("sh", "-c", script)
    assert pilot.exit_code() == 0
    assert 'Sent "Kill-Daemon-Peacefully" command to local master' in said
    assert "refused" not in said, said


def test_an_order_to_drain_that_finds_a_startd_that_broke_down_is_taken_by_its_master(pilots: Pilots) -> None:
    """Its address is still there: what is sent to it fails, and the master would start the next one."""
    pilot = pilots.run(**AT_ONCE)
    pilots.endpoint.wait_until(lambda: 'STARTD_State = "Ready"' in pilot.execute(*PROBE_COMMAND), "it is ready", 30)
    pilots.endpoint.host.shell("pkill -KILL -x condor_startd")
    code, said = pilot.order(DRAIN_COMMAND)
    assert code == 0, said
    assert "local startd" in said
    assert pilot.exit_code() == 0


def test_start_is_false_without_a_job_and_for_one_without_a_project(pilots: Pilots) -> None:
    pilot, pool = pilots.run(**AT_ONCE), pilots.endpoint.pool
    assert slot(pilots, pilot, "OSG_NODE_VALIDATED", True)["OSPool"] is True
    ask = 'condor_status -direct "$(head -n1 /pilot/log/.startd_address)" -af Start'
    assert pilot.execute("sh", "-c", ask) == "false\n"
    nobodys, somebodys = pool.submit("exit 5", project=""), pool.submit("exit 5")
    assert somebodys.wait_for(Happening.TERMINATED, 30).exit_code == 5
    assert nobodys.happened(Happening.EXECUTING) == 0
    nobodys.remove()


def test_no_job_comes_before_the_node_is_validated(pilots: Pilots) -> None:
    pilot, pool = pilots.run(TEST_VALIDATION_SECONDS="600"), pilots.endpoint.pool
    job = pool.submit("exit 5")
    assert "OSG_NODE_VALIDATED" not in pool.wait_for_pilot(pilot.id)
    rejected = f"grep 'Rejected {job.id} .*no match found' /var/log/condor/NegotiatorLog || true"
    pilots.endpoint.wait_until(lambda: pool.command("sh", "-c", rejected), "it does not match", 20)
    pilot.execute("pkill", "sleep")
    # An access point takes up to 20 s to offer a job again that was refused.
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 5


def test_a_left_over_stamp_keeps_every_job_away(pilots: Pilots) -> None:
    pilots.endpoint.host.write(f"{SCRATCH}/stop-glidein.stamp", "")
    pilot = pilots.run(**AT_ONCE, TEST_BASE_SECONDS="1")
    assert "stop-glidein" in str(slot(pilots, pilot, "OSG_NODE_VALIDATED", False)["OSG_NODE_WARNINGS"])
    pilots.endpoint.host.do("rm", f"{SCRATCH}/stop-glidein.stamp")
    slot(pilots, pilot, "OSG_NODE_VALIDATED", True)


def test_apptainer_is_tried_and_can_be_lost(pilots: Pilots) -> None:
    pilot = pilots.run(**AT_ONCE, TEST_BASE_SECONDS="1")
    assert slot(pilots, pilot, "OSG_NODE_VALIDATED", True)["HAS_SINGULARITY"] is True
    pilots.endpoint.host.write(f"{SCRATCH}/test.no-singularity", "")
    assert slot(pilots, pilot, "HAS_SINGULARITY", False)["OSG_NODE_VALIDATED"] is True


def test_a_clause_of_ones_own_is_joined_without_parentheses(pilots: Pilots) -> None:
    """So the job comes although it wants ITB sites only; and its word "owner" takes the slot out of the common pool."""
    pilot = pilots.run(**AT_ONCE, GLIDEIN_Start_Extra='TARGET.Owner == "alice" || TARGET.Never')
    job = pilots.endpoint.pool.submit("exit 5", more=["+ITB_Sites = True"])
    assert job.wait_for(Happening.TERMINATED, 30).exit_code == 5
    slot(pilots, pilot, "OSPool", False)


def test_values_that_production_refuses_end_the_pilot(pilots: Pilots) -> None:
    refused = pilots.run_apart(REFUSED)
    assert {pilot.exit_code() for pilot in refused} == {1}, [pilot.log() for pilot in refused if not pilot.exit_code()]


def test_values_that_production_takes(pilots: Pilots) -> None:
    for pilot, (values, made) in zip(pilots.run_apart([values for values, _ in TAKEN]), TAKEN):
        pilots.endpoint.wait_until(lambda: made in settings(pilot), f"{made} for {values}", 10)  # noqa: B023
        assert pilot.state()["Status"] == "running"


def test_hours_are_counted_as_the_shell_does_and_the_images_own_where_there_are_none(pilots: Pilots) -> None:
    pilot = pilots.run(ACCEPT_JOBS_FOR_HOURS="062")
    text = pilots.endpoint.wait_until(lambda: settings(pilot), "its settings", 10)
    retire, die = (int(moment) for moment in re.findall(r"GLIDEIN_To(?:Retire|Die) = (\d+)", text))
    assert round((retire - time.time()) / 3600) == 50
    assert die - retire == 24 * 3600


def test_an_empty_value_beats_the_images_own(pilots: Pilots) -> None:
    pilot = pilots.run(ACCEPT_IDLE_MINUTES="")
    said = "Invalid expression for STARTD_NOCLAIM_SHUTDOWN"
    pilots.endpoint.wait_until(lambda: said in pilot.log(), said, 20)
    assert pilot.state()["Status"] == "running"


def test_a_master_that_dies_young_is_given_up_and_the_container_stays(pilots: Pilots) -> None:
    pilot = pilots.run(TEST_MASTER_DIES_AFTER_SECONDS="0")
    pilots.endpoint.wait_until(lambda: "gave up: condor_master entered FATAL" in pilot.log(), "it is given up", 30)
    assert pilot.log().count("INFO spawned: 'condor_master'") == 4
    assert pilot.state()["Status"] == "running"
    assert "condor" not in pilot.execute("ps", "-A", "-o", "comm=")


def test_a_startd_that_never_comes_up(pilots: Pilots) -> None:
    pilot = pilots.run(TEST_STARTD="hangs")
    pilots.endpoint.wait_until(lambda: 'MASTER = "Alive"' in pilot.execute(*PROBE_COMMAND), "the master is up", 20)
    assert "STARTD_State" not in pilot.execute(*PROBE_COMMAND)


def test_what_dead_pilots_left_goes_once_it_is_old(pilots: Pilots) -> None:
    pilots.endpoint.host.shell(
        """cd $1
        mkdir osgvo-pilot-old-lease osgvo-pilot-lease osgvo-pilot-young osgvo-pilot-old other-old osgvo-pilot-roots
        touch -d '-61 minutes' osgvo-pilot-old-lease/_GLIDE_LEASE_FILE
        touch -d '-59 minutes' osgvo-pilot-lease/_GLIDE_LEASE_FILE
        chown -R 1000:1000 .
        touch -d '-9 days' osgvo-pilot-young
        touch -d '-11 days' osgvo-pilot-old other-old osgvo-pilot-roots
        chown -h root:root osgvo-pilot-roots
        """,
        SCRATCH,
    )
    pilot = pilots.run()
    pilots.endpoint.wait_until(lambda: pilot.execute("sh", "-c", "ls /pilot/*/base.said"), "it has looked", 20)
    left = set(pilots.endpoint.host.do("ls", SCRATCH).split())
    own = {name for name in left if re.fullmatch(r"osgvo-pilot-\w{6}", name)}
    assert left - own == {"log", "other-old", "osgvo-pilot-lease", "osgvo-pilot-young", "osgvo-pilot-roots"}
    assert "_GLIDE_LEASE_FILE" in pilots.endpoint.host.do("ls", f"{SCRATCH}/{own.pop()}")


def test_a_cold_start_can_take_its_time_with_the_old_logs_gone(pilots: Pilots) -> None:
    pilots.endpoint.host.shell("cd $1; mkdir log; touch log/.startd_address; chown -R 1000:1000 log", SCRATCH)
    pilot = pilots.run(TEST_SET_UP_SECONDS="600")
    pilots.endpoint.wait_until(lambda: pilot.execute("pgrep", "-x", "sleep"), "it sleeps", 10)
    assert (
        pilots.endpoint.host.do("find", SCRATCH, "-name", "condor_config.pilot", "-o", "-name", ".startd_address") == ""
    )
    assert pilot.state()["Status"] == "running"


# What the file says, and what becomes of it.
ATTRIBUTES = """\
# More of this host

 Rack = "b = 7"
Colour = 1
no attribute
2nd = 2
Two Words = 3
Colour =4
"""
MADE = """\
Colour = 4
Rack = "b = 7"
Two Words = 3
STARTD_ATTRS = $(STARTD_ATTRS) Colour Rack Two Words
"""


def test_a_file_of_attributes_is_read_as_it_is(pilots: Pilots) -> None:
    path = "/var/lib/attributes.cfg"
    pilots.endpoint.host.write(path, ATTRIBUTES, 0o644)
    pilot = pilots.run_with_attributes(path, AT_ONCE)
    pilots.endpoint.wait_until(lambda: settings(pilot), "its settings", 10)
    assert settings(pilot).endswith(MADE)
    slot(pilots, pilot, "Rack", "b = 7")


def test_it_leaves_an_image_behind(pilots: Pilots) -> None:
    pilot = pilots.run(**AT_ONCE, TEST_IMAGE_MB="3", TEST_BASE_SECONDS="1")
    slot(pilots, pilot, "OSG_NODE_VALIDATED", True)
    pilot.execute(*DRAIN_COMMAND)
    assert pilot.exit_code() == 0
    (size,) = pilots.endpoint.host.shell("stat -c %s $1/osgvo-pilot-*/images-*/*.sif", SCRATCH).split()
    assert int(size) == 3 << 20


def test_one_that_drains_lets_its_lease_end(pilots: Pilots) -> None:
    """So a pilot that starts in the same directory an hour later removes what its jobs have there."""
    pilot = pilots.run(**AT_ONCE, TEST_BASE_SECONDS="1")
    job = pilots.endpoint.pool.submit("sleep 600")
    job.wait_for(Happening.EXECUTING, 60)

    def leased_at() -> str:
        return pilots.endpoint.host.shell("stat -c %y $1/osgvo-pilot-*/_GLIDE_LEASE_FILE", SCRATCH)

    first = leased_at()
    pilots.endpoint.wait_until(lambda: leased_at() != first, "it is renewed", 10)
    pilot.execute(*DRAIN_COMMAND)
    pilots.endpoint.wait_until(lambda: pilot.ask_what_it_holds().startd is Startd.DRAINING, "it drains", 10)
    last, began = leased_at(), time.monotonic()
    pilots.endpoint.wait_until(lambda: time.monotonic() > began + 5, "several renewals are due", 10)
    assert leased_at() == last
    assert pilot.state()["Status"] == "running"
    job.remove()
