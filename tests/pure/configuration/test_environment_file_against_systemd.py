"""Our reading of an environment file and that of systemd's own code are the same, for any file."""

import functools
import re
from typing import Optional

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ospool_ep.configuration import environment_file
from tests.support.environment_files import FRAGMENTS, REFUSED_FRAGMENTS, WRITTEN, generated
from tests.support.systemd_library import SystemdReader

systemd = functools.cache(SystemdReader)

# Since this release a backslash ends no differently than any other character in a comment; we read as 252 does.
COMMENTS_END_WITH_THEIR_LINE = 254

fragments = st.one_of(
    st.sampled_from(FRAGMENTS), st.sampled_from(FRAGMENTS), st.sampled_from(FRAGMENTS),
    st.sampled_from(REFUSED_FRAGMENTS), st.binary(min_size=1, max_size=3),
)  # fmt: skip
files_of_fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join)
any_files = st.lists(fragments, max_size=30).map(b"".join)


def ours(data: bytes) -> Optional[dict[str, str]]:
    """What we read; None where we say that systemd refuses the file."""
    file = environment_file.parse(data)
    if any("systemd refuses the whole file" in finding.message for finding in file.findings):
        return None
    return {key: assignment.value for key, assignment in file.effective.items()}


def read_alike_by_every_release(data: bytes) -> bool:
    return re.search(rb"[#;][^\n\r]*\\[\n\r]", data) is None


@pytest.mark.parametrize("data", WRITTEN.values(), ids=WRITTEN)
def test_a_written_file_is_read_alike(data: bytes) -> None:
    if systemd().version < COMMENTS_END_WITH_THEIR_LINE or read_alike_by_every_release(data):
        assert ours(data) == systemd().read(data)


@settings(max_examples=1000)
@given(files_of_fragments)
def test_a_file_of_readable_fragments_is_read_alike(data: bytes) -> None:
    assume(systemd().version < COMMENTS_END_WITH_THEIR_LINE or read_alike_by_every_release(data))
    assert ours(data) == systemd().read(data)


@settings(max_examples=1000)
@given(any_files)
@example(b"A=\xc3\\\xa9")
def test_any_file_is_read_alike(data: bytes) -> None:
    assume(systemd().version < COMMENTS_END_WITH_THEIR_LINE or read_alike_by_every_release(data))
    assert ours(data) == systemd().read(data)


def test_the_generated_files_are_worth_reading() -> None:
    """A generator whose files set nothing, or are all refused, would show nothing."""
    read = [systemd().read(data) for data in generated(seed=1, count=500)]
    assert sum(bool(variables) for variables in read) > 150
    assert sum(variables is None for variables in read) > 10
