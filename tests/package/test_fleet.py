"""The playbooks for many hosts, run by real Ansible against a host without our package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.package.life import enabled, running
from tests.package.packages import package
from tests.support.endpoint import CONFIG, SERVICE, TOKEN, Endpoint
from tests.support.host import Host
from tests.support.playbooks import Played, Site
from tests.support.pool import Pool
from tests.support.tokens import Token, make_token
from tests.support.waiting import wait_until
from tests.world import ROOT

NAMES = {"GLIDEIN_Site": "Example-Site", "GLIDEIN_ResourceName": "Example-Resource"}
# The host has Docker.
HOST: dict[str, Any] = {"ospool_ep_engine_packages": []}


def lend(site: Site, *options: str, **keys: Any) -> Played:
    """Run the playbook with these keys and the two names."""
    return site.play("ospool-ep.yml", *options, ospool_ep_config={**NAMES, **keys}, **HOST)


@pytest.fixture
def token() -> str:
    """A good one."""
    return make_token().strip()


@pytest.fixture
def site(bare: Host, tmp_path: Path, token: str) -> Iterator[Site]:
    """A site with one host, which dnf can install the package on."""
    bare.publish_packages([package()])
    site = Site(tmp_path, bare)
    site.keep_token(token)
    yield site
    bare.do("rm", "-rf", "/tmp/ansible")  # noqa: S108 - the host's


def test_a_second_run_changes_nothing_and_a_changed_key_loses_no_pilot(bare: Host, site: Site, token: str) -> None:
    began = bare.cursor()
    first = lend(site, "--diff", "-vvv", NUM_CPUS=2)
    assert (first.code, first.counts["failed"]) == (0, 0), first.output
    assert first.counts["changed"] >= 4
    assert enabled(bare, SERVICE) == "enabled"
    assert bare.do("stat", "--format=%a %u:%g", TOKEN) == "600 1000:1000\n"
    assert bare.read(TOKEN) == f"{token}\n"
    values = {**NAMES, "NUM_CPUS": "2"}
    shipped = (ROOT / "etc/ospool-ep.cfg").read_text()
    for key, value in values.items():
        shipped = shipped.replace(f"\n{key}=\n", f"\n{key}={value}\n")
    assert bare.read(CONFIG) == shipped
    endpoint = Endpoint(bare, Pool(bare.run))
    endpoint.wait_for_summary("In the pool")
    process, pilot = running(bare)

    second = lend(site, "--diff", "-vvv", NUM_CPUS=2)
    assert (second.code, second.counts["changed"], running(bare)) == (0, 0, (process, pilot)), second.output

    dry = lend(site, "--check", "--diff", "-vvv", NUM_CPUS=1)
    assert (dry.code, dry.counts["changed"]) == (0, 1), dry.output
    assert "-NUM_CPUS=2\n+NUM_CPUS=1\n" in dry.output
    assert ("NUM_CPUS=2\n" in bare.read(CONFIG), running(bare)) == (True, (process, pilot))

    third = lend(site, "--diff", "-vvv", NUM_CPUS=1)
    # The file, and the reload.
    assert (third.code, third.counts["changed"]) == (0, 2), third.output
    # The key has gone to the next pilot, and the process is the same.
    endpoint.wait_until(lambda: running(bare)[1] not in ("", pilot), "the next pilot", 90)
    assert running(bare)[0] == process
    secret = token.rpartition(".")[2]
    assert not [played for played in (first, second, dry, third) if secret in played.output]
    assert not [entry for entry in bare.journal(after=began) if secret in str(entry.fields)]
    assert "NUM_CPUS=1" in third.output


def test_a_configuration_that_no_pilot_could_run_with_never_gets_into_place(bare: Host, site: Site) -> None:
    assert lend(site).code == 0
    before, text = running(bare), bare.read(CONFIG)
    played = lend(site, WORKER_TEMP_DIR="/no/such/directory", NUM_CPUS="many")
    assert played.counts["failed"] == 1
    assert "WORKER_TEMP_DIR" in played.output
    assert "NUM_CPUS" in played.output
    assert (bare.read(CONFIG), running(bare)) == (text, before)


def test_an_instance_that_is_taken_out_ends_after_its_last_job_and_its_file_goes(bare: Host, site: Site) -> None:
    instances = {name: {"NUM_CPUS": 1, "MEMORY": 512} for name in ("one", "two")}

    def play(*names: str) -> Played:
        chosen = {name: instances[name] for name in names}
        return site.play("ospool-ep.yml", ospool_ep_config=NAMES, ospool_ep_instances=chosen, **HOST)

    def container(name: str) -> str:
        return bare.try_docker("container", "inspect", "--format={{.Id}}", f"ospool-ep-{name}-container").stdout.strip()

    units = [SERVICE, "ospool-ep@one.service", "ospool-ep@two.service"]

    def states() -> list[str]:
        return bare.run(["systemctl", "is-active", *units]).stdout.split()

    first = play("one", "two")
    assert first.code == 0, first.output
    assert states() == ["inactive", "active", "active"]
    assert [enabled(bare, unit) for unit in units] == ["disabled", "enabled", "enabled"]
    pilot = container("one")
    second = play("one", "two")
    assert (second.code, second.counts["changed"]) == (0, 0), second.output

    third = play("one")
    # It is disabled and drained.
    assert (third.code, third.counts["changed"], enabled(bare, units[2])) == (0, 2, "disabled"), third.output
    wait_until(lambda: states() == ["inactive", "active", "inactive"], "the instance has ended", 60)
    fourth = play("one")
    assert (fourth.code, fourth.counts["changed"]) == (0, 1), fourth.output
    assert bare.do("ls", "/etc/osg/ospool-ep.d") == "one.cfg\n"
    fifth = play("one")
    assert (fifth.code, fifth.counts["changed"]) == (0, 0), fifth.output
    assert container("one") == pilot != ""


def test_a_wrong_token_is_told_and_nothing_is_started(bare: Host, site: Site) -> None:
    site.keep_token(make_token(Token.GARBAGE))
    played = lend(site)
    assert played.counts["failed"] == 1
    assert "[token-" in played.output, played.output
    assert bare.run(["systemctl", "is-active", SERVICE]).stdout == "inactive\n"
    assert make_token(Token.GARBAGE).strip() not in played.output


def test_all_mistakes_in_the_variables_are_told_at_once(bare: Host, site: Site) -> None:
    site.keep_token("")
    wrong = {"GLIDEIN_Site": "", "A KEY": 1, "CVMFSEXEC_REPOS": ["a", "b"]}
    played = site.play("ospool-ep.yml", ospool_ep_config=wrong, ospool_ep_instances={"a b": {}}, **HOST)
    assert played.counts["failed"] == 1
    told = [
        "no GLIDEIN_Site",
        "has no GLIDEIN_ResourceName",
        "ospool_ep_token is empty",
        "no keys of a configuration: A KEY",
        "write a list as text",
        "The name of an instance",
    ]
    assert not [words for words in told if words not in played.output], played.output
    assert bare.run(["rpm", "--query", "ospool-ep"]).returncode == 1


def test_a_dry_run_on_a_new_host_installs_nothing(bare: Host, site: Site) -> None:
    played = lend(site, "--check", "--diff")
    assert (played.code, played.counts["changed"]) == (0, 1), played.output
    assert bare.run(["rpm", "--query", "ospool-ep"]).returncode == 1
