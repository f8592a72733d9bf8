"""When a line was written, to the nanosecond."""

import pytest

from ospool_ep.pilot.log import nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("1969-12-31T22:30:00-01:30", 0),
        ("2026-11-25T01:46:19.680135740Z", 1_795_571_179_680_135_740),
    ],
)
def test_timestamps_keep_their_nanoseconds(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "2026-99-02T03:04:05Z"])
def test_what_is_no_timestamp_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a timestamp|month"):
        nanoseconds(text)
