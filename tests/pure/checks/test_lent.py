"""Whether this host has what OSPOOL_EP_BIND, OSPOOL_EP_NETWORK and SINGULARITY_BIND_EXTRA ask for."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.checks.bind_checks import check_bind_mounts
from ospool_ep.checks.check import check_all, look_at_host
from ospool_ep.checks.engine_facts import EngineFacts, ask
from ospool_ep.checks.job_bind_checks import check_job_binds
from ospool_ep.checks.lent_places import Lent
from ospool_ep.checks.mount_table import MountPoint, awaited, mounted_under
from ospool_ep.checks.network_checks import check_network_of
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.findings import Finding
from ospool_ep.configuration.job_binds import in_no_mount
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.ping import Answer
from ospool_ep.pilot.paths import missing_command, read_missing
from tests.pure.checks.played_engine import serving
from tests.pure.checks.test_host_checks import Host
from tests.pure.checks.test_path_probe import mount

DATA = "OSPOOL_EP_BIND={path}/data:/srv/data"


def codes(host: Host, *lines: str) -> list[tuple[str, str]]:
    found = host.check(*(line.format(path=host.path) for line in lines)).findings
    for finding in found:
        assert finding.message.endswith(".")
        assert finding.line in (5, 6)
    return [(finding.severity.value, finding.code) for finding in found]


def make(host: Host, mode: int = 0o755) -> Path:
    """The directory that is lent."""
    data = host.path / "data"
    data.mkdir()
    data.chmod(mode)
    return data


def test_a_directory_that_jobs_can_read_is_well(host: Host) -> None:
    make(host)
    assert codes(host, DATA) == []


def test_a_directory_that_jobs_can_write_is_well(host: Host) -> None:
    make(host, 0o777)
    assert codes(host, f"{DATA}:rw") == []


def test_without_a_source_the_host_is_not_ready(host: Host) -> None:
    assert codes(host, DATA) == [("error", "bind-missing")]


def test_a_file_is_no_directory(host: Host) -> None:
    (host.path / "data").touch()
    assert codes(host, DATA) == [("error", "bind-not-a-directory")]


def test_a_pipe_is_no_directory_and_is_not_opened(host: Host) -> None:
    os.mkfifo(host.path / "data")
    assert codes(host, DATA) == [("error", "bind-not-a-directory")]


@pytest.mark.parametrize(
    ("mode", "option", "code"),
    [
        (0o750, "", "bind-not-readable"),
        (0o754, "", "bind-not-readable"),
        (0o751, ":ro", "bind-not-readable"),
        (0o755, ":rw", "bind-not-writable"),
    ],
)
def test_a_directory_that_is_closed_to_jobs_is_told_and_the_hint_opens_it(
    host: Host, mode: int, option: str, code: str
) -> None:
    make(host, mode)
    (found,) = host.check(f"{DATA.format(path=host.path)}{option}").findings
    assert (found.severity.value, found.code) == ("warning", code)
    subprocess.run(re.sub(r"^[^:]*: ", "", found.hint), shell=True, check=True)
    assert codes(host, f"{DATA}{option}") == []


def test_a_directory_above_that_is_closed_keeps_nobody_out_as_the_engine_mounts_past_it(host: Host) -> None:
    data = host.path / "closed/data"
    data.mkdir(parents=True)
    (host.path / "closed").chmod(0o700)
    assert codes(host, "OSPOOL_EP_BIND={path}/closed/data:/srv/data") == []


def test_what_a_link_leads_to_counts(host: Host) -> None:
    (host.path / "data").symlink_to("/etc")
    # In a container some files there are mounts of their own, which is told as well.
    assert ("error", "bind-refused") in codes(host, DATA)
    (host.path / "data").unlink()
    (host.path / "data").symlink_to(host.scratch)
    assert codes(host, DATA) == [("warning", "bind-of-scratch")]
    (host.path / "data").unlink()
    (host.path / "real").mkdir()
    (host.path / "data").symlink_to(host.path / "real")
    assert codes(host, DATA) == []
    (host.path / "data").unlink()
    (host.path / "data").symlink_to(host.path / "nowhere")
    assert codes(host, DATA) == [("error", "bind-missing")]


def test_a_file_system_that_hangs_is_told(host: Host) -> None:
    configuration = read_configuration(str(host.write(DATA.format(path="/nfs"))))[0]
    lent = Lent({"/nfs/data": Sight("/nfs/data", hangs=True)})
    assert [finding.code for finding in check_bind_mounts(configuration, lent, ())] == ["bind-hangs"]


def test_what_is_mounted_later_is_waited_for(host: Host) -> None:
    """An empty directory is there before its file system is."""
    data = make(host)
    fstab = host.path / "fstab"
    fstab.write_text(f"# a comment\nserver:/data {data} nfs nofail 0 0\nserver:/b {host.path}/b nfs noauto 0 0\n")
    host.places = replace(host.places, fstab=str(fstab))
    assert codes(host, DATA) == [("error", "bind-missing")]
    data.rmdir()
    mount(data, "mode=755")
    assert codes(host, DATA) == []


def test_a_mount_in_another_one_needs_its_directory(host: Host) -> None:
    make(host)
    both = f"{DATA},{{path}}/vendors:/srv/data/inner"
    assert codes(host, both) == [("error", "bind-no-mount-point")]
    (host.path / "data/inner").mkdir()
    assert codes(host, both) == []


@pytest.mark.parametrize(("docker", "count"), [((24, 0, 9), 1), ((), 1), ((25, 0, 0), 0)])
def test_what_is_mounted_below_is_told_where_it_stays_open(host: Host, docker: tuple[int, ...], count: int) -> None:
    configuration = read_configuration(str(host.write("OSPOOL_EP_BIND=/data")))[0]
    seen = {"/data": Sight("/data", item_error=0, error=0)}
    mounted = (MountPoint("/data/nfs", "nfs"), MountPoint("/data/ro", "nfs", read_only=True), MountPoint("/data2", "x"))
    found = list(check_bind_mounts(configuration, Lent(seen, mounted=mounted), docker))
    assert [finding.code for finding in found if finding.code == "bind-open-below"] == ["bind-open-below"] * count


def test_the_tables_of_mounts_are_read(open_path: Path) -> None:
    mount(open_path / "with a blank", "ro")
    points = {point.path: point.read_only for point in mounted_under(str(open_path))}
    assert points == {f"{open_path}/with a blank": True}
    assert "/proc" in {point.path for point in mounted_under("/")}
    fstab = open_path / "fstab"
    fstab.write_text("UUID=1 / ext4 defaults 0 1\nUUID=2 none swap sw 0 0\n\na:/b /a\\040b nfs defaults\nx\n")
    assert awaited(str(fstab)) == ("none", "/a b")
    assert awaited(f"{open_path}/none") == ()


# --- SINGULARITY_BIND_EXTRA


def job_binds(host: Host, missing: object, *lines: str) -> list[Finding]:
    configuration = read_configuration(str(host.write("SINGULARITY_BIND_EXTRA=/data", *lines)))[0]
    here = {"/data": Sight("/data", error=0 if (host.path / "data").exists() else 2)}
    return list(check_job_binds(configuration, here, missing))  # type: ignore[arg-type]


def test_before_a_pilot_runs_it_is_said_what_is_known(host: Host) -> None:
    (found,) = job_binds(host, None)
    assert (found.severity.value, found.code) == ("info", "job-bind-unknown")
    make(host)
    (found,) = job_binds(host, None)
    assert (found.severity.value, found.code) == ("warning", "job-bind-missing")
    assert found.hint.endswith("OSPOOL_EP_BIND=/data")


def test_what_a_pilot_says_counts(host: Host) -> None:
    make(host)
    assert job_binds(host, frozenset()) == []
    (found,) = job_binds(host, frozenset({"/data"}))
    assert (found.severity.value, found.key, found.line) == ("warning", "SINGULARITY_BIND_EXTRA", 5)


def test_a_path_of_the_host_is_told_by_its_name_in_the_pilot(host: Host) -> None:
    (found,) = job_binds(host, frozenset({"/data"}), "OSPOOL_EP_BIND=/data:/srv/data")
    assert found.hint == "In the pilot it is /srv/data: write that."


def test_what_can_only_be_mounted_elsewhere_has_a_mend_that_works(host: Host) -> None:
    configuration = read_configuration(str(host.write("SINGULARITY_BIND_EXTRA=/etc/grid-security")))[0]
    path = "/etc/grid-security"
    (found,) = check_job_binds(configuration, {path: Sight(path)}, None)
    assert found.hint == f"Mount it elsewhere, OSPOOL_EP_BIND={path}:/srv{path}, and write /srv{path}:{path} here."
    mended = (f"OSPOOL_EP_BIND={path}:/srv{path}", f"SINGULARITY_BIND_EXTRA=/srv{path}:{path}")
    assert read_configuration(str(host.write(*mended)))[1] == ()
    assert in_no_mount(read_configuration(str(host.write(*mended)))[0]) == ()


def test_the_whole_check_tells_of_a_directory_in_no_mount(host: Host) -> None:
    make(host, 0o755)
    assert codes(host, "SINGULARITY_BIND_EXTRA={path}/data") == [("warning", "job-bind-missing")]
    assert codes(host, "SINGULARITY_BIND_EXTRA=/srv/data", DATA) == []


def test_a_look_at_the_host_tells_it_too_and_asks_nothing_without_the_key(host: Host) -> None:
    make(host)
    asked: list[str] = []

    def ask_engine(wanted: str) -> EngineFacts:
        asked.append(wanted)
        return ask(host.choice)

    def looked(*lines: str) -> str:
        return look_at_host(read_configuration(str(host.write(*lines)))[0], host.places, ask_engine)

    assert looked() == ""
    assert looked(DATA.format(path=host.path), "SINGULARITY_BIND_EXTRA=/srv/data") == ""
    assert asked == []
    assert f"{host.path}/data is on this host" in looked(f"SINGULARITY_BIND_EXTRA={host.path}/data")
    assert looked("SINGULARITY_BIND_EXTRA=/nowhere") == "", "what nobody knows is no trouble"


def test_a_pilot_is_watched_for_it_only_with_the_key(host: Host) -> None:
    def may_fail(*lines: str) -> bool:
        configuration, found = read_configuration(str(host.write("WORKER_TEMP_DIR=", *lines)))
        return check_all(configuration, found, host.places, host.engine, lambda _wanted: ask(host.choice)).may_fail

    assert [may_fail(), may_fail("SINGULARITY_BIND_EXTRA=/etc/hosts"), may_fail("SINGULARITY_BIND_EXTRA=/data")] == [
        False, False, True,
    ]  # fmt: skip


def test_a_pilot_is_asked_with_paths_of_any_kind(open_path: Path) -> None:
    paths = [f"{open_path}/{name}" for name in ("a b", "$(false)", "'\"", "-e", "none", "dangling")]
    for path in paths[:4]:
        Path(path).mkdir()
    Path(paths[5]).symlink_to(open_path / "nowhere")
    done = subprocess.run(missing_command(paths), check=True, capture_output=True, text=True)
    assert read_missing(done.stdout, paths) == frozenset(paths[4:])


@pytest.mark.parametrize("output", ["", "0\n", "7\nlooked\n", "x\nlooked\n", "sh: not found"])
def test_an_answer_that_is_none_says_nothing(output: str) -> None:
    assert read_missing(output, ["/a", "/b"]) is None


# --- OSPOOL_EP_NETWORK


def networks(host: Host, answer: bytes, *lines: str, docker: tuple[int, ...] = (29, 1, 0)) -> list[Finding]:
    """What is found where an engine that was examined answers so, to whatever it is asked."""
    socket = host.path / "networks.sock"
    with serving(socket, answer):
        choice = Choice(EngineAddress("docker", str(socket), "docker.service"), "auto")
        configuration = read_configuration(str(host.write(*lines)))[0]
        facts = EngineFacts(choice, Answer.WELL, docker=docker, layers="/var/lib/docker")
        found = list(check_network_of(configuration, facts))
    socket.unlink()
    return found


def answer(status: str, **said: object) -> bytes:
    return f"HTTP/1.0 {status}\r\n\r\n{json.dumps(said)}".encode()


@pytest.mark.parametrize(
    ("line", "said", "found"),
    [
        ("OSPOOL_EP_NETWORK=ospool", answer("200 OK", Name="ospool"), []),
        ("OSPOOL_EP_NETWORK=ospool", answer("404 Not Found", message="none"), [("error", "network-missing")]),
        ("OSPOOL_EP_NETWORK=ospool", answer("500 Internal Server Error", message="x"), []),
        ("OSPOOL_EP_NETWORK=ospool", answer("200 OK", Internal=True), [("warning", "network-internal")]),
        ("OSPOOL_EP_NETWORK=ospool", answer("200 OK", Scope="swarm", Attachable=False), [("error", "network-refused")]),
        ("OSPOOL_EP_NETWORK=ospool", answer("200 OK", Scope="swarm", Attachable=True), []),
        ("OSPOOL_EP_NETWORK=host", answer("404 Not Found", message="none"), []),
        ("OSPOOL_EP_NETWORK=bridge", answer("404 Not Found", message="none"), [("error", "network-missing")]),
        ("", answer("404 Not Found", message="none"), [("error", "network-missing")]),
        ("", answer("200 OK", Name="bridge"), []),
        ("OSPOOL_EP_NETWORK=../info", answer("404 Not Found", message="none"), []),
    ],
)
def test_the_engine_has_the_network(host: Host, line: str, said: bytes, found: list[tuple[str, str]]) -> None:
    assert [(one.severity.value, one.code) for one in networks(host, said, line)] == found


def test_podman_is_not_asked_for_its_own_network(host: Host) -> None:
    assert networks(host, answer("404 Not Found", message="none"), "", docker=()) == []


@pytest.mark.parametrize("text", ["", "OSPOOL_EP_NETWORK=bridge"])
def test_a_start_does_not_ask_for_the_usual_network(host: Host, text: str) -> None:
    """The answer to an engine that was not examined has no layers."""
    configuration = read_configuration(str(host.write(text)))[0]
    nobody = EngineAddress("docker", f"{host.path}/nobody.sock")
    facts = EngineFacts(Choice(nobody, "auto"), Answer.WELL, docker=(29, 1, 0))
    assert list(check_network_of(configuration, facts)) == []
