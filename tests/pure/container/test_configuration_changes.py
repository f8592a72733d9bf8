"""What differs between two readings of the configuration, and what it takes to put it into effect."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.options import DEFAULT_GPU_IMAGE, DEFAULT_IMAGE
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.configuration_changes import Change, as_sentences, changes
from ospool_ep.container.fingerprint import fingerprint
from ospool_ep.container.specification import ContainerSpec
from tests.support.tokens import make_token

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"
TOKEN = make_token().strip()
TOKEN_IN_A_FILE_OF_OURS = "/run/ospool-ep/token"  # noqa: S105 - a path


def read(text: str, directory: Path) -> Configuration:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text, encoding="utf-8")
    return read_configuration(str(path))[0]


def token_path(configuration: Configuration) -> str:
    return TOKEN_IN_A_FILE_OF_OURS if configuration.text("TOKEN") else configuration.text("TOKEN_LOCATION")


def container(configuration: Configuration) -> ContainerSpec:
    made = from_configuration.build(configuration, token_path(configuration), 16 << 30, 1 << 20)
    # In which order a pilot finds its environment is nothing that it could tell.
    return replace(made, labels=(), environment=tuple(sorted(made.environment)))


def between(old: Configuration, new: Configuration) -> tuple[Change, ...]:
    return changes(old, new)


def found(old: str, new: str, directory: Path) -> dict[str, bool]:
    """The changed keys, and whether they need a new pilot."""
    return {change.key: change.needs_new_pilot for change in between(read(old, directory), read(new, directory))}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("NUM_CPUS=2\nITB=true\n", "# moved\nITB=true\n\nNUM_CPUS='2'\n"),
        ("", "ITB=false\nRETIREMENT_HOURS=10\nOSPOOL_EP_RETIRE_HOURS=72\nTOKEN_LOCATION=/etc/osg/ospool-ep.tkn\n"),
        ("", "WORKER_TEMP_DIR=\nOSPOOL_EP_IMAGE=\nTOKEN_LOCATION=\nTOKEN=\nOSPOOL_EP_UPDATE=\n"),
        ("", "ALLOW_CPUJOB_ON_GPUSLOT=true\nOSPOOL_EP_NONSENSE=1\n"),
        ("", f"MINE={TOKEN}\n"),
    ],
    ids=["nothing", "another place", "a default by its value", "empty or not there", "no effect", "not passed on"],
)
def test_what_comes_to_the_same_is_no_change(old: str, new: str, tmp_path: Path) -> None:
    assert found(old, new, tmp_path) == {}
    assert found(new, old, tmp_path) == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "NUM_CPUS=2\n", {"NUM_CPUS": True}),
        ("MEMORY=2000\n", "MEMORY=3000\n", {"MEMORY": True}),
        ("", "WORKER_TEMP_DIR=/scratch\n", {"WORKER_TEMP_DIR": True}),
        ("", "OSPOOL_EP_IMAGE=hub.example.org/pilot:1\n", {"OSPOOL_EP_IMAGE": True}),
        ("", f"OSPOOL_EP_IMAGE={DEFAULT_IMAGE}\n", {"OSPOOL_EP_IMAGE": False}),
        ("", "ACCEPT_IDLE_MINUTES=5\n", {"ACCEPT_IDLE_MINUTES": True}),
        ("", "MINE=1\n", {"MINE": True}),
        ("", "OSPOOL_EP_PRIVILEGES=minimum\n", {"OSPOOL_EP_PRIVILEGES": True}),
        ("OSPOOL_EP_PRIVILEGES=Minimum\n", "OSPOOL_EP_PRIVILEGES=cvmfs-bind\n", {"OSPOOL_EP_PRIVILEGES": True}),
        ("", "POOL=\n", {"POOL": True}),
        ("MINE=1\n", f"MINE={TOKEN}\n", {"MINE": True}),
        ("", "OSPOOL_EP_UPDATE=off\n", {"OSPOOL_EP_UPDATE": False}),
        ("", "OSPOOL_EP_DRAIN_HOURS=5\n", {"OSPOOL_EP_DRAIN_HOURS": False}),
        ("OSPOOL_EP_RETIRE_HOURS=5\n", "", {"OSPOOL_EP_RETIRE_HOURS": False}),
        ("", "OSPOOL_EP_ROLLBACK_MINUTES=5\n", {"OSPOOL_EP_ROLLBACK_MINUTES": False}),
        ("", "NUM_CPUS=2\nOSPOOL_EP_UPDATE=now\n", {"NUM_CPUS": True, "OSPOOL_EP_UPDATE": False}),
        ("", "TOKEN_LOCATION=/srv/token\n", {"TOKEN_LOCATION": True}),
        (
            "",
            "TOKEN_LOCATION=/srv/token\nOSPOOL_EP_UPDATE=off\n",
            {"TOKEN_LOCATION": True, "OSPOOL_EP_UPDATE": False},
        ),
        ("", "TOKEN=one\n", {"TOKEN": True}),
        ("TOKEN_LOCATION=/srv/token\nTOKEN=one\n", "# moved\nTOKEN_LOCATION=/srv/token\n", {"TOKEN": True}),
        ("TOKEN=one\n", "TOKEN=other\n", {"TOKEN": False}),
    ],
)
def test_a_change_needs_a_new_pilot_or_not(old: str, new: str, expected: dict[str, bool], tmp_path: Path) -> None:
    assert found(old, new, tmp_path) == expected
    assert found(new, old, tmp_path) == expected


def test_what_a_gpu_hides_needs_a_new_pilot_too(tmp_path: Path) -> None:
    old = f"PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_IMAGE={DEFAULT_GPU_IMAGE}\nSINGULARITY_DISABLE_PID_NAMESPACES=False\n"
    keys = ("PROVIDE_NVIDIA_GPU", "OSPOOL_EP_IMAGE", "SINGULARITY_DISABLE_PID_NAMESPACES")
    assert found(old, "", tmp_path) == dict.fromkeys(keys, True)


def test_changes_come_in_the_order_of_the_lines_and_those_that_are_gone_come_last(tmp_path: Path) -> None:
    old, new = read("MEMORY=1000\nMINE=1\n", tmp_path), read("OTHER=1\nOSPOOL_EP_UPDATE=now\n\nITB=1\n", tmp_path)
    changed = between(old, new)
    assert changed[:3] == (Change("OTHER", 3, True), Change("OSPOOL_EP_UPDATE", 4, False), Change("ITB", 6, True))
    assert set(changed[3:]) == {Change("MEMORY", None, True), Change("MINE", None, True)}


@pytest.mark.parametrize(
    ("changed", "sentences"),
    [
        ([], ["The configuration says the same as before."]),
        ([Change("NUM_CPUS", 12, True)], ["NUM_CPUS (line 12) needs a new pilot."]),
        ([Change("TOKEN", 1, False)], ["TOKEN (line 1) is used by the next pilot."]),
        ([Change("OSPOOL_EP_ENGINE", 3, False)], ["OSPOOL_EP_ENGINE (line 3) is used by the next pilot."]),
        (
            [Change("A", 1, True), Change("OSPOOL_EP_UPDATE", 2, False), Change("B", 3, True), Change("C", None, True)],
            [
                "A (line 1), B (line 3) and C (removed) need a new pilot.",
                "OSPOOL_EP_UPDATE (line 2) takes effect at once.",
            ],
        ),
        (
            [Change("OSPOOL_EP_UPDATE", 1, False), Change("OSPOOL_EP_DRAIN_HOURS", None, False)],
            ["OSPOOL_EP_UPDATE (line 1) and OSPOOL_EP_DRAIN_HOURS (removed) take effect at once."],
        ),
    ],
)
def test_there_is_one_sentence_for_each_effect(changed: list[Change], sentences: list[str]) -> None:
    assert list(as_sentences(changed)) == sentences


# What one key can be set to, beside not at all.
SETTINGS = {
    "NUM_CPUS": ["", "1", "01"],
    "MEMORY": ["", "2000", "3000"],
    "BIND_MOUNT_CVMFS": ["", "yes", "no"],
    "NVIDIA_VISIBLE_DEVICES": ["", "0", "needle"],
    "OSPOOL_EP_IMAGE": ["", DEFAULT_IMAGE, DEFAULT_GPU_IMAGE, "hub.example.org/pilot:1"],
    "PROVIDE_NVIDIA_GPU": ["", "yes", "true", "no"],
    "SINGULARITY_DISABLE_PID_NAMESPACES": ["", "True", "False"],
    "TOKEN": ["", "needle-1", "needle-2"],
    "TOKEN_LOCATION": ["", "/etc/osg/ospool-ep.tkn", "/srv/needle"],
    "WORKER_TEMP_DIR": ["", "/needle"],
    "OSPOOL_EP_PRIVILEGES": ["", "recommended", "minimum", "cvmfs-bind"],
    "OSPOOL_EP_UPDATE": ["", "drain", "now"],
    "OSPOOL_EP_OTHER": ["", "needle"],
    "MINE": ["", "needle", "another needle", TOKEN],
}
FILES = st.lists(
    st.sampled_from([(key, value) for key, values in SETTINGS.items() for value in values]),
    unique_by=lambda setting: setting[0],
).map(lambda settings: "".join(f"{key}={value}\n" for key, value in settings))


@given(FILES, FILES)
@example("PROVIDE_NVIDIA_GPU=yes\n", "PROVIDE_NVIDIA_GPU=yes\nSINGULARITY_DISABLE_PID_NAMESPACES=\n")
def test_one_of_the_changes_needs_a_new_pilot_where_the_pilot_would_be_another(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str
) -> None:
    before, after = (read(text, tmp_path_factory.getbasetemp()) for text in (old, new))
    one, other = (container(each) for each in (before, after))
    assert (fingerprint(before) == fingerprint(after)) == (one == other)
    changed = between(before, after)
    assert any(change.needs_new_pilot for change in changed) == (one != other)
    assert {(change.key, change.needs_new_pilot) for change in changed} == {
        (change.key, change.needs_new_pilot) for change in between(after, before)
    }


@given(FILES, FILES)
def test_sentences_name_each_key_once_and_no_value(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str
) -> None:
    before, after = (read(text, tmp_path_factory.getbasetemp()) for text in (old, new))
    changed = between(before, after)
    said = " ".join(as_sentences(changed))
    assert [said.count(f"{change.key} (") for change in changed] == [1] * len(changed)
    assert "needle" not in said
    assert TOKEN not in said


def test_where_there_are_two_files_a_change_names_its_own(tmp_path: Path) -> None:
    common, own = tmp_path / "ospool-ep.cfg", tmp_path / "west.cfg"

    def both(common_text: str, own_text: str) -> Configuration:
        common.write_text(NAMES + common_text)
        own.write_text(own_text)
        return read_configuration(str(common), str(own))[0]

    before, after = both("MEMORY=2000\n", "NUM_CPUS=2\n"), both("\nMEMORY=3000\n", "NUM_CPUS=3\n")
    assert as_sentences(changes(before, after)) == (
        f"MEMORY (line 4 of {common}) and NUM_CPUS (line 1 of {own}) need a new pilot.",
    )
    # A key that only moves from one file into the other says what it said.
    assert changes(before, both("", "MEMORY=2000\nNUM_CPUS=2\n")) == ()
    assert fingerprint(before) == fingerprint(both("", "MEMORY=2000\nNUM_CPUS=2\n"))
