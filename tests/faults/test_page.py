"""FAULTS.md has rows of faults that exist, in their order."""

import re

from tests.faults.catalogue import TITLES
from tests.faults.rows import PAGE


def test_the_page_has_only_faults_that_exist() -> None:
    rows = re.findall(r"^\| ([^*|][^|]*) \| \d+ \|", PAGE.read_text(), re.MULTILINE)
    assert rows
    assert rows == [title for _, title in TITLES if title in rows]


def test_no_two_faults_have_the_same_name_or_title() -> None:
    for words in zip(*TITLES):
        assert len(set(words)) == len(words)
