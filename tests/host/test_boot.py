"""A start, and so a boot, on a host where something comes late: it fails and says so, goes on trying, and heals."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.host.scenes import STUB, assert_stopped, inspect, offer_script, said, wait_for_another
from tests.host.test_restart import DRAINS
from tests.support import claims
from tests.support.endpoint import CONFIG, FAILED_START, KILLED, SERVICE, TOKEN, Endpoint
from tests.support.tokens import make_token

SCRATCH = "/srv/late/scratch"
CVMFS = "/cvmfs/config-osg.opensciencegrid.org"
DOCKER = ("docker.socket", "docker.service")
BROKEN = "/etc/systemd/system/docker.service.d/broken.conf"
# Somebody waits for a start no longer than this where nothing moves.
LONGEST_SECONDS = 60
# A token that is valid from a few seconds on, by a clock that may be wrong by five minutes.
SKEW_SECONDS, SOON_SECONDS = 300, 12


@dataclass(frozen=True)
class Late:
    """What comes late: how it is missing, and how it comes. ``reason``: what is said of it, in journal and status."""

    goes: Callable[[Endpoint], object]
    comes: Callable[[Endpoint], object]
    reason: str


def scratch(endpoint: Endpoint) -> None:
    endpoint.configure(WORKER_TEMP_DIR=SCRATCH)


def mount_point(endpoint: Endpoint) -> None:
    """That of a mount with nofail, which is root's."""
    scratch(endpoint)
    endpoint.host.do("mkdir", "--parents", SCRATCH)


def mount_scratch(endpoint: Endpoint) -> None:
    endpoint.host.do("mkdir", "--parents", SCRATCH)
    endpoint.host.do("mount", "-t", "tmpfs", "-o", "uid=1000,gid=1000,mode=755", "tmpfs", SCRATCH)


def write_token(text: str) -> Callable[[Endpoint], None]:
    return lambda endpoint: endpoint.host.write(TOKEN, text, 0o400, "1000:1000")


def token_for_later(endpoint: Endpoint) -> None:
    """The clock of this host is not set yet."""
    not_before = int(time.time()) + SKEW_SECONDS + SOON_SECONDS
    write_token(claims.token(nbf=not_before, exp=not_before + 30 * 86400))(endpoint)


def mount_cvmfs(endpoint: Endpoint) -> None:
    endpoint.host.do("mkdir", "--parents", CVMFS)
    endpoint.host.do("mount", "-t", "tmpfs", "tmpfs", CVMFS)


def mask_docker(endpoint: Endpoint) -> None:
    endpoint.configure(OSPOOL_EP_ENGINE="docker")
    endpoint.host.do("systemctl", "stop", *DOCKER)
    endpoint.host.do("systemctl", "--quiet", "mask", "--runtime", *DOCKER)


def unmask_docker(endpoint: Endpoint) -> None:
    endpoint.host.do("systemctl", "--quiet", "unmask", "--runtime", *DOCKER)


def break_docker(endpoint: Endpoint) -> None:
    endpoint.configure(OSPOOL_EP_ENGINE="docker")
    endpoint.host.do("systemctl", "stop", *DOCKER)
    endpoint.host.write(BROKEN, "[Service]\nExecStart=\nExecStart=/bin/false\n")
    endpoint.host.do("systemctl", "daemon-reload")
    # systemd says so, each time.
    endpoint.expect_message(
        r"docker\.(service|socket): Failed with result", r"Failed to start docker\.service", r"\[engine-unreachable\]",
        r"docker\.service: Start request repeated too quickly",
    )  # fmt: skip


def mend_docker(endpoint: Endpoint) -> None:
    """Nobody starts it but our service."""
    endpoint.host.do("rm", BROKEN)
    endpoint.host.do("systemctl", "daemon-reload")


LATE = {
    "scratch": Late(scratch, mount_scratch, "scratch-missing"),
    "a mount on the scratch": Late(mount_point, mount_scratch, "scratch-not-writable-by-pilot"),
    "token": Late(lambda one: one.host.do("rm", TOKEN), Endpoint.put_token, "token-missing"),
    "what is in the token": Late(write_token(""), write_token(make_token()), "token-not-a-jwt"),
    "the token's owner": Late(
        lambda one: one.host.do("chown", "root:root", TOKEN), Endpoint.put_token, "token-unreadable-by-pilot"
    ),
    "the clock": Late(token_for_later, lambda _: None, "token-not-yet-valid"),
    "CVMFS": Late(lambda one: one.configure(BIND_MOUNT_CVMFS="true"), mount_cvmfs, "cvmfs-not-mounted"),
    "the registry": Late(
        lambda one: one.host.do("systemctl", "stop", "docker-registry"),
        lambda one: one.host.do("systemctl", "start", "docker-registry"),
        "Cannot pull",
    ),
    "the configuration": Late(
        lambda one: one.host.do("mv", CONFIG, f"{CONFIG}.away"),
        lambda one: one.host.do("mv", f"{CONFIG}.away", CONFIG),
        "config-unreadable",
    ),
    "a Docker that is masked": Late(mask_docker, unmask_docker, "engine-masked"),
    "a Docker whose disk comes late": Late(break_docker, mend_docker, "The container engine does not answer"),
}


@pytest.fixture
def late_host(endpoint: Endpoint) -> Endpoint:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.run(["umount", "--lazy", SCRATCH, CVMFS])
    endpoint.host.do("rm", "-rf", "/srv/late", "/cvmfs")
    return endpoint


def fail_to_start(endpoint: Endpoint, reason: str, *verb: str) -> None:
    """Start as an administrator does, or a boot; the start fails, with the reasons and not a hang."""
    before, began = endpoint.host.cursor(), time.monotonic()
    done = endpoint.host.run(["systemctl", *(verb or ("start",)), SERVICE])
    assert done.returncode != 0
    assert time.monotonic() - began < LONGEST_SECONDS
    messages = said(endpoint, before)
    assert any(reason in text for text in messages)
    assert any("The start has failed" in text for text in messages)


def waits(endpoint: Endpoint, reason: str) -> None:
    """The next process is there, and says for what it waits."""
    endpoint.wait_until_active()
    endpoint.wait_for_summary(reason)
    status = endpoint.host.run(["ospool-ep", "status"])
    assert status.returncode == 1
    assert reason in status.stdout
    assert endpoint.property("NRestarts") != "0"


def heals(endpoint: Endpoint) -> None:
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "a pilot runs", 120)
    assert inspect(endpoint)["State"]["Running"]


@pytest.mark.container_host
@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_what_comes_late_is_waited_for(late_host: Endpoint, late: Late) -> None:
    late_host.expect_message(late.reason, *FAILED_START)
    late.goes(late_host)
    fail_to_start(late_host, late.reason)
    waits(late_host, late.reason)
    late.comes(late_host)
    heals(late_host)
    assert late_host.property("ActiveState") == "active"


def test_each_start_by_hand_says_it_anew_and_a_stop_ends_the_wait(late_host: Endpoint) -> None:
    late_host.expect_message("scratch-missing", *FAILED_START, *KILLED)
    scratch(late_host)
    for verb in ("start", "restart", "try-restart"):
        fail_to_start(late_host, "scratch-missing", verb)
        waits(late_host, "scratch-missing")
    late_host.kill()
    waits(late_host, "scratch-missing")
    late_host.host.do("systemctl", "start", SERVICE)
    late_host.stop()
    assert_stopped(late_host)
    fail_to_start(late_host, "scratch-missing")
    waits(late_host, "scratch-missing")
    mount_scratch(late_host)
    heals(late_host)


def test_a_pilot_that_runs_is_taken_over_whatever_is_missing(late_host: Endpoint) -> None:
    late_host.start()
    first = late_host.container_id()
    late_host.expect_message(
        r"\[token-missing\]", "There is no file /etc/osg/ospool-ep.tkn", "did not say whether jobs ran"
    )
    late_host.host.do("rm", TOKEN)
    late_host.host.do("systemctl", "restart", SERVICE)
    assert late_host.container_id() == first
    assert late_host.property("NRestarts") == "0"


def test_a_reload_for_which_this_host_is_not_ready_is_taken_and_the_pilot_goes_on(late_host: Endpoint) -> None:
    late_host.configure(OSPOOL_EP_IMAGE=offer_script(late_host, DRAINS))
    late_host.start()
    first = late_host.container_id()
    late_host.expect_message(r"\[scratch-missing\]", "this host is not ready for the next pilot")
    scratch(late_host)
    told = late_host.host.do("ospool-ep", "reload")
    assert "WORKER_TEMP_DIR" in told
    assert "The configuration is in effect, and this host is not ready for the next pilot" in told
    late_host.wait_for_summary("planned: the next pilot follows once this host is ready for the next pilot")
    assert late_host.container_id() == first
    mount_scratch(late_host)
    wait_for_another(late_host, first, 90)
