"""A wrong configuration: the start fails once and says all there is to do. A wrong token: it is waited for."""

import re
from collections.abc import Callable

import pytest

from tests.host.scenes import STUB, begin_start, findings, said, token_in_the_pilot, warned
from tests.support.endpoint import CONFIG, FAILED_START, SERVICE, TOKEN, Endpoint
from tests.support.tokens import make_token


def fail_to_start(endpoint: Endpoint, *expected: str) -> list[str]:
    """Start in vain, once; returns what the service said. ``expected`` are patterns of its errors and warnings."""
    endpoint.expect_message(*expected, "No pilot is started: mend the errors above", *FAILED_START)
    before = endpoint.host.cursor()
    assert endpoint.host.run(["systemctl", "start", SERVICE]).returncode != 0
    assert endpoint.property("ExecMainStatus") == "78"
    assert endpoint.property("NRestarts") == "0"
    assert endpoint.property("ActiveState") == "failed"
    assert not endpoint.container_id()
    return said(endpoint, before)


def test_all_mistakes_are_told_at_once_and_the_start_fails_once(endpoint: Endpoint) -> None:
    endpoint.put_token()
    endpoint.configure(
        NUM_CPUS="many",
        PROVIDE_NVIDIA_GPU="perhaps",
        BIND_MOUNT_CVMFS="true",
        CVMFSEXEC_REPOS="oasis.opensciencegrid.org",
        OSG_SQUID_LOCATION="squid without a port",
        WORKER_TEMP_DIR="/no/such/scratch",
        GLIDEIN_Start_Extra="Owner ==",
        GLIDEIN_ResourceNam="Example-Resource",
    )
    found = findings(endpoint)
    assert {(finding["code"], finding["key"]) for finding in found} == {
        ("missing-required", "GLIDEIN_Site"),
        ("missing-required", "GLIDEIN_ResourceName"),
        ("unknown-key", "GLIDEIN_ResourceNam"),
        ("not-a-positive-integer", "NUM_CPUS"),
        ("not-a-truth-value", "PROVIDE_NVIDIA_GPU"),
        ("conflicting-cvmfs", "CVMFSEXEC_REPOS"),
        ("cvmfs-not-mounted", "BIND_MOUNT_CVMFS"),
        ("squid-invalid-url", "OSG_SQUID_LOCATION"),
        ("scratch-missing", "WORKER_TEMP_DIR"),
        ("start-expression-invalid", "GLIDEIN_Start_Extra"),
        ("not-in-common-pool", "GLIDEIN_Start_Extra"),
    }
    messages = fail_to_start(endpoint, *{rf"\[{finding['code']}\]$" for finding in found})
    lines = endpoint.host.read(CONFIG).splitlines()
    for finding in found:
        number = next(n for n, line in enumerate(lines, 1) if line.startswith(f"{finding['key']}="))
        where = f"{CONFIG}:{number}: {finding['severity']}: {finding['key']}: "
        assert f"{where}{finding['message']} {finding['hint']} [{finding['code']}]" in messages
    assert len(messages) == len(found) + 1
    endpoint.expect_failure()


def test_a_corrected_configuration_starts(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, MEMORY="plenty")
    fail_to_start(endpoint, r"MEMORY: .*\[not-a-positive-integer\]")
    endpoint.configure(MEMORY="512")
    endpoint.start()


def make_unreadable(endpoint: Endpoint) -> None:
    endpoint.put_token(mode=0o600, owner="root:root")


def put_behind_a_closed_directory(endpoint: Endpoint) -> None:
    endpoint.host.do("mkdir", "--parents", "--mode=700", "/srv/closed/below")
    endpoint.host.write("/srv/closed/below/the token", make_token(), 0o600, "1000:1000")
    endpoint.configure(TOKEN_LOCATION="/srv/closed/below/the token")  # noqa: S106 - a path


def name_one_that_is_not_there(endpoint: Endpoint) -> None:
    endpoint.configure(TOKEN_LOCATION="/etc/osg/no such place/ospool-ep.tkn")  # noqa: S106 - a path


def forget_it(endpoint: Endpoint) -> None:
    endpoint.host.do("rm", "--force", TOKEN)


def let_an_engine_make_a_directory(endpoint: Endpoint) -> None:
    forget_it(endpoint)
    endpoint.host.docker("run", "--rm", f"--volume={TOKEN}:/token", "--entrypoint=/bin/true", STUB)
    endpoint.host.do("test", "-d", TOKEN)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (make_unreadable, "token-unreadable-by-pilot"),
        (put_behind_a_closed_directory, "token-unreadable-by-pilot"),
        (name_one_that_is_not_there, "token-missing"),
        (forget_it, "token-missing"),
        # Podman makes none.
        pytest.param(let_an_engine_make_a_directory, "token-not-a-file", marks=pytest.mark.container_host),
    ],
)
def test_the_mend_for_a_token_is_a_command_that_mends_it(
    endpoint: Endpoint, spoil: Callable[[Endpoint], None], code: str
) -> None:
    """The administrator has the token at hand as the file TOKEN, as the README and the hints call it."""
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    spoil(endpoint)
    (finding,) = findings(endpoint)
    assert (finding["code"], finding["key"]) == (code, "TOKEN_LOCATION")
    endpoint.host.write("/root/TOKEN", make_token(), 0o600)
    endpoint.host.do("sh", "-ec", f"cd /root\n{finding['hint'].rpartition(': ')[2]}")
    assert not findings(endpoint)


def test_an_unreadable_token_fails_the_start_and_its_mend_lets_the_pilot_read_it(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    make_unreadable(endpoint)
    endpoint.expect_message(
        r"TOKEN_LOCATION: .*\[token-unreadable-by-pilot\]", "The start has failed", *FAILED_START,
        r"No pilot can run now: .* Next try in 5 s\.",
    )  # fmt: skip
    assert endpoint.host.run(["systemctl", "start", SERVICE]).returncode != 0
    endpoint.wait_for_summary("Waiting to retry")
    (finding,) = findings(endpoint)
    endpoint.host.do("sh", "-ec", finding["hint"].rpartition(": ")[2])
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "a pilot runs")
    assert token_in_the_pilot(endpoint) == endpoint.host.read(TOKEN)


def test_an_acl_is_enough_for_the_token(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    make_unreadable(endpoint)
    endpoint.host.do("setfacl", "--modify=user:1000:r", TOKEN)
    endpoint.start()
    assert token_in_the_pilot(endpoint) == endpoint.host.read(TOKEN)


def test_a_token_that_is_spoilt_later_keeps_the_next_pilot_waiting_until_it_is_mended(endpoint: Endpoint) -> None:
    # On a slow host a pilot still runs when its token is looked at.
    endpoint.expect_message("No pilot can run now: mend the errors above")
    endpoint.expect_message(r"never in the pool", r"The pilot \(uid 1000\) cannot read /etc/osg/ospool-ep\.tkn")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_DIE_AFTER_SECONDS="1")
    begin_start(endpoint)
    endpoint.wait_until_active()
    make_unreadable(endpoint)
    endpoint.wait_for_summary("No pilot can run now: The pilot (uid 1000) cannot read")
    assert re.search(r"No pilot can run now: .*\(token-unreadable-by-pilot\)", "\n".join(warned(endpoint)))
    endpoint.put_token()
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "the next pilot", 30)
    # A stop in the moment of its end would hear nothing of its jobs.
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "waiting", "its end", 30)
