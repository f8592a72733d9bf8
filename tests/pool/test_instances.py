"""Three services on one host, with real jobs in each: what is done to one of them costs the others nothing."""

from collections.abc import Iterator, Sequence

import pytest

from tests.support.endpoint import KILLED, Endpoint
from tests.support.pool import Happening, Job

NAMES = ("one", "two.2")
SCRATCH = "/srv/scratch-of"
CAPACITY = "/usr/lib/ospool-ep/ospool_ep/system/host_capacity.py"
# Three services want three cores; their jobs sleep, and this machine may have two.
_MORE_CORES = "sed -i.kept 's/return len(os.sched_getaffinity(.))/return 8/' " + CAPACITY
_AS_MANY_AS_THERE_ARE = f"mv {CAPACITY}.kept {CAPACITY}"


@pytest.fixture
def services(endpoint: Endpoint) -> Iterator[Sequence[Endpoint]]:
    """ospool-ep itself and two instances, whose pilots are in the pool."""
    host = endpoint.host
    host.shell(_MORE_CORES)
    found = [endpoint, *map(endpoint.instance, NAMES)]
    endpoint.put_token()
    for one in found:
        scratch = f"{SCRATCH}/{resource(one)}"
        host.do("install", "--directory", "--owner=1000", "--group=1000", scratch)
        more = {"GLIDEIN_Site": "Example-Site"} if one is endpoint else {}
        one.configure(
            GLIDEIN_ResourceName=resource(one), NUM_CPUS="1", MEMORY="600", WORKER_TEMP_DIR=scratch,
            OSPOOL_EP_HAND_OVER_GB="0.1", **more,
        )  # fmt: skip
    host.do("systemctl", "start", *(one.service.unit for one in found))
    for one in found:
        one.wait_for_summary("In the pool, waiting for jobs")
    yield found
    endpoint.pool.empty()
    for one in found:
        one.stop()
    host.shell(_AS_MANY_AS_THERE_ARE)
    host.do("rm", "-r", SCRATCH)


def resource(service: Endpoint) -> str:
    """What its pilots call themselves in the pool."""
    return service.service.name.replace("@", "-")


def submit(service: Endpoint, seconds: float) -> Job:
    """A job for the pilots of that service, which runs."""
    requirements = f'requirements = GLIDEIN_ResourceName == "{resource(service)}"'
    job = service.pool.submit(f"sleep {seconds * service.host.patience:g}", more=[requirements])
    job.wait_for(Happening.EXECUTING, 60)
    return job


def assert_not_disturbed(job: Job) -> None:
    assert job.wait_for(Happening.TERMINATED, 180).exit_code == 0
    assert job.happened(Happening.EXECUTING) == 1, job.log()
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0, job.log()


def test_each_has_its_own_and_the_hand_over_of_one_is_its_own(services: Sequence[Endpoint]) -> None:
    host = services[0].host
    jobs = [submit(one, 75) for one in services]
    pilots = [one.container_id() for one in services]
    assert len({*pilots} - {""}) == len(services)
    for one, job, pilot in zip(services, jobs, pilots):
        one.wait_for_summary("In the pool, running 1 job")
        assert [(shown["container"], [running["id"] for running in shown["jobs"]]) for shown in one.pilots()] == [
            (pilot, [job.id])
        ]
        # Its journal has the lines of its own pilot alone, and its scratch directory what its own pilot has made.
        now = ("--unit", one.service.unit, f"--after-cursor={one.began}")
        told = host.do("journalctl", *now, "--output=cat", "--output-fields=CONTAINER_ID_FULL")
        assert {*told.split()} == {pilot}
        (made,) = host.do("ls", f"{SCRATCH}/{resource(one)}").split()
        assert f"-{one.service.name}-" in made
        assert host.run(["test", "-d", str(one.service.state_directory)]).returncode == 0

    _, changed, _ = services
    changed.configure(MEMORY="640")
    host.do("systemctl", "reload", changed.service.unit)
    changed.wait_until(lambda: changed.container_id() != pilots[1], "the next pilot of one service is open", 90)
    stages = {shown["container"]: shown["stage"] for shown in changed.pilots()}
    assert (stages[pilots[1]], len(stages)) == ("leaving", 2)
    assert [one.container_id() for one in (services[0], services[2])] == [pilots[0], pilots[2]]
    assert all(len(one.pilots()) == 1 for one in (services[0], services[2]))

    for one, pilot in ((services[0], pilots[0]), (services[2], pilots[2])):
        one.expect_message(*(pattern.replace(r"ospool-ep\.", f"{one.service.name}.") for pattern in KILLED))
        one.host.do("systemctl", "restart", one.service.unit)
        one.kill()
        assert one.container_id() == pilot
    changed.expect_message(*(pattern.replace(r"ospool-ep\.", f"{changed.service.name}.") for pattern in KILLED))
    changed.kill()
    for job in jobs:
        assert_not_disturbed(job)
    changed.wait_until(lambda: len(changed.pilots()) == 1, "the pilot before has gone", 30)
    for one in services:
        one.wait_until(
            lambda one=one: len(host.do("ls", f"{SCRATCH}/{resource(one)}").split()) == 1,  # type: ignore[misc]
            "the scratch directory of the pilot before has gone",
        )


def test_the_stop_of_one_ends_its_own_jobs_alone(services: Sequence[Endpoint]) -> None:
    host, (itself, one, _) = services[0].host, services
    for stopped in (itself, one):
        others = [other for other in services if other is not stopped]
        # That of the one which is stopped must not have ended by then.
        jobs = {other.service.name: submit(other, 600 if other is stopped else 30) for other in services}
        kept = [other.container_id() for other in others]
        stopped.expect_message(rf"Stopped\. 1 running job was evicted: {jobs[stopped.service.name].id}")
        stopped.stop()
        assert stopped.container_id() == ""
        jobs[stopped.service.name].wait_for(Happening.EVICTED, 10)
        assert [other.container_id() for other in others] == kept
        for other in others:
            assert_not_disturbed(jobs[other.service.name])
            assert [shown["container"] for shown in other.pilots()] == [other.container_id()]
        itself.pool.empty()
        stopped.start()
        stopped.wait_for_summary("In the pool, waiting for jobs")
    assert host.run(["systemctl", "is-active", "ospool-ep-image.timer"]).stdout.strip() == "active"
