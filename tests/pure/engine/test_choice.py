"""Which engine is used, whatever of the two is installed, enabled, started, stopped or switched off."""

from collections.abc import Callable, Mapping
from typing import Optional

import pytest

from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.choice import Choice, Kept, Undecided, choose, rule
from ospool_ep.engine.presence import Presence

ABSENT = Presence()
THERE = Presence(installed=True)
ENABLED = Presence(installed=True, enabled=True)
IN_USE = Presence(installed=True, listens=True, in_use=True, awake=True)
MASKED = Presence(masked=True)
ON_CALL = Presence(installed=True, listens=True, enabled=True)

RULES = [
    # wanted, Docker, Podman, what is used
    ("auto", IN_USE, IN_USE, DOCKER),
    ("auto", THERE, IN_USE, PODMAN),
    ("auto", ENABLED, IN_USE, PODMAN),
    ("auto", ON_CALL, IN_USE, PODMAN),
    ("auto", ABSENT, IN_USE, PODMAN),
    ("auto", IN_USE, ABSENT, DOCKER),
    ("auto", ENABLED, ENABLED, DOCKER),
    ("auto", THERE, ENABLED, PODMAN),
    ("auto", ON_CALL, THERE, DOCKER),
    ("auto", ABSENT, ENABLED, PODMAN),
    ("auto", THERE, ABSENT, DOCKER),
    ("auto", ABSENT, THERE, PODMAN),
    ("auto", THERE, THERE, Undecided.NONE_IN_USE),
    ("auto", ABSENT, ABSENT, Undecided.NONE_INSTALLED),
    ("docker", THERE, IN_USE, DOCKER),
    ("podman", IN_USE, THERE, PODMAN),
    ("docker", ABSENT, IN_USE, Undecided.NOT_INSTALLED),
    ("podman", IN_USE, ABSENT, Undecided.NOT_INSTALLED),
    ("docker", MASKED, IN_USE, Undecided.MASKED),
    ("podman", IN_USE, MASKED, Undecided.MASKED),
    ("auto", MASKED, ABSENT, Undecided.MASKED),
    ("auto", ABSENT, MASKED, Undecided.MASKED),
    ("auto", MASKED, MASKED, Undecided.MASKED),
    ("auto", MASKED, THERE, PODMAN),
    ("unix:///run/docker.sock", THERE, IN_USE, DOCKER),
    ("unix:///run/docker.sock", ABSENT, IN_USE, Undecided.NOT_INSTALLED),
    ("unix:///var/run/docker.sock", MASKED, IN_USE, Undecided.MASKED),
    ("unix:///run/podman/podman.sock", IN_USE, MASKED, Undecided.MASKED),
    ("unix:///srv/e.sock", IN_USE, IN_USE, EngineAddress("docker", "/srv/e.sock")),
]


def here(docker: Presence, podman: Presence) -> Mapping[str, Presence]:
    return {"docker": docker, "podman": podman}


def pilots_in(*with_pilot: EngineAddress) -> Callable[[EngineAddress], bool]:
    return lambda address: address in with_pilot


@pytest.mark.parametrize(("wanted", "docker", "podman", "used"), RULES)
def test_where_no_pilot_runs_the_key_and_the_host_decide(
    wanted: str, docker: Presence, podman: Presence, used: object
) -> None:
    found = choose(wanted, here(docker, podman), None, pilots_in())
    assert found == rule(wanted, here(docker, podman))
    assert used in (found.address, found.undecided)
    assert found.basis == wanted


@pytest.mark.parametrize("wanted", ["auto", "docker", "podman", "unix:///srv/e.sock"])
@pytest.mark.parametrize("home", [DOCKER, PODMAN])
def test_the_engine_of_a_running_pilot_is_kept(wanted: str, home: EngineAddress) -> None:
    for docker, podman in ((IN_USE, IN_USE), (THERE, IN_USE), (IN_USE, ENABLED)):
        assert choose(wanted, here(docker, podman), None, pilots_in(home)).address == home


def test_what_is_kept_for_its_pilot_only_has_no_basis() -> None:
    assert choose("podman", here(IN_USE, IN_USE), None, pilots_in(DOCKER)) == Choice(DOCKER)
    assert choose("auto", here(IN_USE, IN_USE), None, pilots_in(DOCKER)) == Choice(DOCKER, "auto")


def test_what_is_masked_is_named_with_its_units() -> None:
    assert rule("docker", here(MASKED, THERE)).masked == "docker.service docker.socket"
    assert rule("auto", here(ABSENT, MASKED)).masked == "podman.service podman.socket"


@pytest.mark.parametrize(
    ("wanted", "docker", "undecided"),
    [
        ("docker", ABSENT, Undecided.NOT_INSTALLED),
        ("docker", MASKED, Undecided.MASKED),
        ("docker", IN_USE, None),
        # It may well be the same engine again.
        ("auto", ABSENT, None),
        ("auto", THERE, None),
    ],
)
def test_while_a_pilot_runs_the_key_is_judged_as_well(
    wanted: str, docker: Presence, undecided: Optional[Undecided]
) -> None:
    found = choose(wanted, here(docker, THERE), None, pilots_in(PODMAN))
    assert (found.address, found.undecided) == (PODMAN, undecided)


def test_where_both_have_a_pilot_the_configuration_decides() -> None:
    assert choose("podman", here(IN_USE, IN_USE), None, pilots_in(DOCKER, PODMAN)) == Choice(PODMAN, "podman")


@pytest.mark.parametrize(
    ("wanted", "kept", "used"),
    [
        # A service that runs has chosen: what was started or stopped meanwhile changes nothing for it.
        ("auto", Kept(PODMAN, "auto", True), PODMAN),
        # The key was changed under it.
        ("docker", Kept(PODMAN, "auto", True), DOCKER),
        # It has ended, and what it noted is no more than where a pilot may be.
        ("auto", Kept(PODMAN, "auto", False), DOCKER),
        ("auto", Kept(PODMAN, "", False), DOCKER),
        (None, None, DOCKER),
    ],
)
def test_the_commands_go_with_the_service(wanted: Optional[str], kept: Optional[Kept], used: EngineAddress) -> None:
    assert choose(wanted or "auto", here(IN_USE, IN_USE), kept, pilots_in()).address == used


def test_a_pilot_in_an_engine_that_is_named_by_its_socket_is_kept() -> None:
    named = EngineAddress("docker", "/srv/e.sock")
    assert choose("auto", here(IN_USE, IN_USE), Kept(named, "", False), pilots_in(named)) == Choice(named)


def test_with_one_engine_nothing_is_asked() -> None:
    def asked(address: EngineAddress) -> bool:
        raise AssertionError(address)

    assert choose("auto", here(ABSENT, THERE), None, asked).address == PODMAN
