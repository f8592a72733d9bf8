"""Whether the chosen engine answers, and what its administrator is told."""

import socket
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks import engine_facts
from ospool_ep.checks.engine_checks import check_engine
from ospool_ep.checks.engine_facts import EngineFacts, ask
from ospool_ep.configuration.findings import Place, Severity
from ospool_ep.engine import ping
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.choice import Choice, Undecided
from ospool_ep.engine.ping import Answer
from tests.pure.checks.played_engine import serving

NOWHERE: Place = {"key": None, "line": None}
KEY: Place = {"key": "OSPOOL_EP_ENGINE", "line": 7}


def facts(directory: Path) -> EngineFacts:
    return ask(Choice(EngineAddress("docker", f"{directory}/sock"), "auto"))


ENGINES = [
    (b"HTTP/1.0 200 OK\r\n\r\nOK", Answer.WELL),
    (b"HTTP/1.0 500 Internal Server Error\r\n\r\n", Answer.WRONG),
    (b"220 mail.example.org ESMTP\r\n", Answer.WRONG),
    (None, Answer.SILENT),
]


@pytest.mark.parametrize(
    ("answer", "expected"), ENGINES, ids=[case[1].value for case in ENGINES[:1]] + ["500", "mail", "silent"]
)
def test_the_engine_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Optional[bytes], expected: Answer
) -> None:
    monkeypatch.setattr(engine_facts, "ENGINE_SECONDS", 0.2)
    monkeypatch.setattr(ping, "ENGINE_SECONDS", 0.2)
    with serving(tmp_path / "sock", answer):
        assert facts(tmp_path).answer is expected


@pytest.mark.parametrize(
    ("server", "warned"),
    [
        ("Docker/20.10.5+dfsg1 (linux)", "20.10.5"),
        ("Docker/19.03.15 (linux)", "19.3.15"),
        ("Docker/20.10.13 (linux)", ""),
        ("Docker/29.0.2 (linux)", ""),
        ("Libpod/4.3.1 (linux)", ""),
    ],
)
def test_a_docker_that_loses_lines_is_told_of(tmp_path: Path, server: str, warned: str) -> None:
    with serving(tmp_path / "sock", f"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\nServer: {server}\r\n\r\nOK".encode()):
        findings = list(check_engine(facts(tmp_path), True, NOWHERE))
        assert [(finding.code, warned in finding.message) for finding in findings] == [("engine-old", True)] * bool(
            warned
        )


def test_no_engine_is_there(tmp_path: Path) -> None:
    assert facts(tmp_path).answer is Answer.NO_SOCKET
    unused = socket.socket(socket.AF_UNIX)
    unused.bind(str(tmp_path / "sock"))
    assert facts(tmp_path).answer is Answer.REFUSED
    unused.close()


ELSEWHERE = EngineAddress("podman", "/srv/podman.sock")
VERDICTS = [
    (DOCKER, Answer.NO_SOCKET, True, "engine-unreachable", "Start it: systemctl enable --now docker.service"),
    (PODMAN, Answer.NO_SOCKET, True, "engine-unreachable", "Start it: systemctl enable --now podman.socket"),
    (ELSEWHERE, Answer.NO_SOCKET, True, "engine-unreachable", "Start what listens on /srv/podman.sock"),
    (DOCKER, Answer.REFUSED, True, "engine-unreachable", "Start it: systemctl enable --now docker.service"),
    (DOCKER, Answer.DENIED, False, "engine-not-examined", "as root"),
    (PODMAN, Answer.DENIED, True, "engine-unreachable", "ausearch"),
    (DOCKER, Answer.SILENT, True, "engine-unreachable", "journalctl -u docker"),
    (PODMAN, Answer.WRONG, True, "engine-unreachable", "journalctl -u podman"),
]


@pytest.mark.parametrize(("address", "answer", "root", "code", "hint"), VERDICTS)
def test_what_an_engine_needs(address: EngineAddress, answer: Answer, root: bool, code: str, hint: str) -> None:
    (finding,) = check_engine(EngineFacts(Choice(address, "auto"), answer), root, KEY)
    assert finding.code == code
    assert (finding.severity is Severity.ERROR) == (code != "engine-not-examined")
    assert hint in finding.hint
    assert address.name in finding.message or answer is Answer.WRONG or not root


UNDECIDED = [
    (Undecided.NONE_INSTALLED, "auto", "engine-not-installed", ("dnf install podman",)),
    (Undecided.NONE_IN_USE, "auto", "engine-not-chosen",
     ("systemctl enable --now docker.service", "systemctl enable --now podman.socket", "OSPOOL_EP_ENGINE")),
    (Undecided.NOT_INSTALLED, "podman", "engine-not-installed", ("Install Podman", "OSPOOL_EP_ENGINE=auto")),
    (Undecided.NOT_INSTALLED, "unix:///run/docker.sock", "engine-not-installed", ("Install Docker",)),
    (Undecided.MASKED, "docker", "engine-masked", ("systemctl unmask docker.service docker.socket",)),
    (Undecided.NOT_KNOWN, "auto", "engine-unreachable", ("systemctl status",)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "wanted", "code", "hints"), UNDECIDED)
def test_an_engine_that_cannot_be_chosen_is_an_error(
    why: Undecided, wanted: str, code: str, hints: tuple[str, ...]
) -> None:
    masked = "docker.service docker.socket" if why is Undecided.MASKED else ""
    (finding,) = check_engine(EngineFacts(Choice(None, wanted, why, masked=masked), None), True, KEY)
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert all(hint in finding.hint for hint in hints)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (b'{"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}', ["engine-rootless"]),
        (b'{"Rootless": true, "SecurityOptions": null}', ["engine-rootless"]),
        (b'{"Rootless": false, "SecurityOptions": ["name=seccomp"]}', []),
        (b"[]", []),
        (b"no JSON", []),
    ],
)
def test_an_engine_of_some_other_user_is_an_error(tmp_path: Path, told: bytes, expected: list[str]) -> None:
    with serving(tmp_path / "sock", b"HTTP/1.0 200 OK\r\nServer: Docker/29.0.0 (linux)\r\n\r\n" + told):
        found = ask(Choice(EngineAddress("docker", f"{tmp_path}/sock"), "unix://"))
        assert [finding.code for finding in check_engine(found, True, KEY)] == expected


def test_an_engine_that_sleeps_is_neither_started_nor_a_fault(tmp_path: Path) -> None:
    with serving(tmp_path / "sock", b""):
        choice = Choice(EngineAddress("docker", f"{tmp_path}/sock"), "auto", to_start="docker.service")
        (finding,) = check_engine(ask(choice), True, KEY)
        assert (finding.code, finding.severity) == ("engine-sleeps", Severity.INFO)
        assert "the service starts docker.service" in finding.message


def test_an_engine_that_has_failed_is_told_with_its_log() -> None:
    choice = Choice(DOCKER, "auto", to_start="docker.service", failed=True)
    (finding,) = check_engine(EngineFacts(choice, None), True, KEY)
    assert (finding.code, finding.severity) == ("engine-failed", Severity.WARNING)
    assert "docker.service has failed" in finding.message
    assert "journalctl -u docker" in finding.hint


def test_what_was_masked_under_the_service_is_unmasked_before_it_can_start() -> None:
    choice = Choice(DOCKER, "auto", masked="docker.service docker.socket")
    (finding,) = check_engine(EngineFacts(choice, Answer.NO_SOCKET), True, KEY)
    assert "systemctl unmask docker.service docker.socket; then: systemctl start docker.service" in finding.hint


def test_a_docker_whose_restart_ends_the_pilot_is_worth_an_information() -> None:
    (finding,) = check_engine(EngineFacts(Choice(DOCKER, "auto"), Answer.WELL, (29, 0, 0), False), True, KEY)
    assert (finding.code, finding.severity) == ("live-restore-off", Severity.INFO)
    assert '"live-restore": true in /etc/docker/daemon.json' in finding.hint
    assert not list(check_engine(EngineFacts(Choice(DOCKER, "auto"), Answer.WELL, (29, 0, 0), True), True, KEY))


def test_the_engine_that_is_named_for_the_next_pilot_is_judged_while_one_runs_elsewhere() -> None:
    facts = EngineFacts(Choice(PODMAN, undecided=Undecided.NOT_INSTALLED), Answer.WELL)
    (finding,) = check_engine(facts, True, KEY)
    assert (finding.code, finding.message) == ("engine-not-installed", "Docker is not installed.")
