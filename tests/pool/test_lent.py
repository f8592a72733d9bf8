"""What a host lends beside cores and memory: its directories and its network, as jobs and the pool see them."""

import json

from tests.pool.test_hand_over import hold, join, pilots, wait_for_hand_over
from tests.pool.test_jobs import end_jobs
from tests.support.endpoint import SERVICE, Endpoint
from tests.support.pool import Happening

LENT, RESULTS = "/srv/lent", "/srv/results"
OF_THE_IMAGE = "/usr/local/libexec/logged"


def names_in_pool(endpoint: Endpoint) -> set[str]:
    """The names of the pilots' slots, but for those with a job; they are random ones."""
    slots = endpoint.pool.slots()
    return {slot["Name"] for slot in slots if slot.get("PartitionableSlot") and "@glidein_" in slot["Name"]}


def test_jobs_find_what_is_lent_and_two_pilots_share_the_hosts_network(endpoint: Endpoint) -> None:
    script = f"rm -rf {LENT} {RESULTS}; mkdir {LENT} {RESULTS}; echo content >{LENT}/file; chmod 777 {LENT} {RESULTS}"
    endpoint.host.shell(script)
    join(
        endpoint,
        OSPOOL_EP_NETWORK="host",
        OSPOOL_EP_BIND=f"{LENT}:/srv/data,{RESULTS}:{RESULTS}:rw",
        CONDOR_HOST=endpoint.pool.condor_host,
        SINGULARITY_BIND_EXTRA=f"{RESULTS},{OF_THE_IMAGE},/srv/nowhere",
    )
    first = endpoint.container_id()
    job = endpoint.pool.submit(f"cat /srv/data/file; touch /srv/data/mine || echo refused; echo done >{RESULTS}/file")
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert job.output() == "content\nrefused\n"
    assert endpoint.host.read(f"{RESULTS}/file") == "done\n"

    (long,) = hold(endpoint, 1)
    before = endpoint.wait_until(lambda: names_in_pool(endpoint), "the first one is in the pool")
    assert len(before) == 1
    endpoint.configure(OSPOOL_EP_BIND=f"{LENT}:/srv/other")
    endpoint.host.do("systemctl", "reload", SERVICE)
    endpoint.wait_until(lambda: len(names_in_pool(endpoint)) == 2, "both are in the pool", 60)
    assert before < names_in_pool(endpoint)
    following = wait_for_hand_over(endpoint, first)
    assert pilots(endpoint)[first] == "leaving"
    found = json.loads(endpoint.host.docker("container", "inspect", first, following))
    assert [container["HostConfig"]["NetworkMode"] for container in found] == ["host", "host"]
    end_jobs(endpoint, first)

    late = endpoint.pool.submit("cat /srv/other/file; [ -e /srv/data ] || echo none")
    assert late.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert late.output() == "content\nnone\n"
    assert long.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert long.happened(Happening.EXECUTING) == 1

    # Of the paths for containers of jobs the pilot that runs has been asked.
    missing = {path: f"{path} is not in the pilot" for path in (RESULTS, OF_THE_IMAGE, "/srv/nowhere")}
    # The one is said by the watch, the other one by the reload that has taken it out of the mounts.
    endpoint.expect_message(missing["/srv/nowhere"], missing[RESULTS])
    endpoint.wait_until(lambda: missing["/srv/nowhere"] in endpoint.status()["host"], "the status says so", 60)
    said = endpoint.host.run(["ospool-ep", "check"]).stdout
    assert [path for path, text in missing.items() if text in said] == [RESULTS, "/srv/nowhere"]
    assert OF_THE_IMAGE not in said
