"""OSPOOL_EP_HOURS: what each value says, minute by minute, in several zones; and what says no hours."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.configuration.day_hours import DayHours, parse
from ospool_ep.configuration.day_hours_checks import check_day_hours
from ospool_ep.configuration.findings import Severity

NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MINUTE = 60
DAY = 86400
# As zones are told without a database: each with the rules by which its clocks are set, and around which nights.
ZONES = {
    "UTC0": [datetime(2026, 3, 29)],
    "CET-1CEST,M3.5.0,M10.5.0/3": [datetime(2026, 3, 29), datetime(2026, 10, 25)],
    "CST6CDT,M3.2.0,M11.1.0": [datetime(2026, 3, 8), datetime(2026, 11, 1)],
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0": [datetime(2026, 4, 5), datetime(2026, 10, 4)],
    "IST-5:30": [datetime(2026, 1, 1)],
    # Two hours, as at Troll.
    "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3": [datetime(2026, 3, 29), datetime(2026, 10, 25)],
}


@pytest.fixture(autouse=True)
def _own_zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


def be_in(zone: str) -> None:
    os.environ["TZ"] = zone
    time.tzset()


def written(part: tuple[int, int, int, int]) -> str:
    """The part as a person writes it: days from the first to the last, and minutes of the day."""
    first, last, begin, end = part
    days = "" if (last - first) % 7 == 6 else f"{NAMES[first]}-{NAMES[last]} "
    return f"{days}{begin // 60}:{begin % 60:02}-{end // 60}:{end % 60:02}"


def says(part: tuple[int, int, int, int], weekday: int, minute: int) -> bool:
    """Whether that part lets jobs in at that minute: on one of its days, or in the night after one."""
    first, last, begin, end = part

    def is_day(day: int) -> bool:
        return (last - first) % 7 == 6 or (day - first) % 7 <= (last - first) % 7

    if begin < end:
        return is_day(weekday) and begin <= minute < end
    return (is_day(weekday) and minute >= begin) or (is_day((weekday - 1) % 7) and minute < end)


PART = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1440)).filter(
    lambda part: part[2] != part[3] and part[2:] != (0, 1440) and part[3] != 0
)
# Borders as people choose them, and around those by which clocks are set.
NIGHTLY = st.tuples(
    st.integers(0, 6), st.integers(0, 6), st.sampled_from([0, 60, 90, 120, 150, 180, 1080]),
    st.sampled_from([61, 119, 121, 135, 179, 181, 480]),
)  # fmt: skip


@given(st.lists(st.one_of(PART, NIGHTLY), min_size=1, max_size=4), st.sampled_from(sorted(ZONES)), st.data())
def test_each_minute_and_the_next_change_are_as_a_clock_on_the_wall_shows_them(
    drawn: list[tuple[int, int, int, int]], zone: str, data: st.DataObject
) -> None:
    be_in(zone)
    hours = parse(", ".join(map(written, drawn)))
    night = data.draw(st.sampled_from(ZONES[zone])).replace(tzinfo=timezone.utc)
    now = night.timestamp() + data.draw(st.integers(-DAY, DAY))

    def accepts(moment: float) -> bool:
        local = datetime.fromtimestamp(moment)
        return any(says(part, local.weekday(), local.hour * 60 + local.minute) for part in drawn)

    assert hours.accept(now) == accepts(now)
    later = (minute * MINUTE for minute in range(int(now) // MINUTE + 1, (int(now) + 9 * DAY) // MINUTE))
    change = next((moment for moment in later if accepts(moment) != accepts(now)), None)
    assert hours.next_change(now) == change


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("0-8", [(day * 1440, day * 1440 + 480) for day in range(7)]),
        ("Sat 18-8", [(5 * 1440 + 1080, 6 * 1440 + 480)]),
        ("Sun 18-8", [(0, 480), (6 * 1440 + 1080, 7 * 1440)]),
        ("sunday 0-24", [(6 * 1440, 7 * 1440)]),
        ("SAT - SUN 0 - 24", [(5 * 1440, 7 * 1440)]),
        ("Fri-Mon 0-24", [(0, 1440), (4 * 1440, 7 * 1440)]),
        ("Mon 8-12,Mon 11-13, Mon 13-14", [(480, 840)]),
        ("Mon 18:30-0", [(1110, 1440)]),
        ("Mon 18:30-07:45", [(1110, 1440 + 465)]),
        ("Thurs 1-2", [(3 * 1440 + 60, 3 * 1440 + 120)]),
        ("0-24", [(0, 10080)]),
        ("0-12, 12-24", [(0, 10080)]),
        ("18-8, 8-18", [(0, 10080)]),
    ],
)
def test_a_value_says_these_minutes_of_the_week(text: str, spans: list[tuple[int, int]]) -> None:
    assert parse(text) == DayHours(tuple(spans))
    assert not [found for found in check_day_hours(text) if found.severity is Severity.ERROR]


FORM = "Write 18-8, or 18:30-7:45; with days Mon-Fri 18-8, Sat-Sun 0-24."
DAYS = "Write the days as Mon, Tue, Wed, Thu, Fri, Sat and Sun."
WRONG = [
    ("25-3", "Write an hour from 0 to 24; from 18 to 8 of the next day is 18-8."),
    ("18-18", "Write 0-24 for all of a day, or another end."),
    ("0-0", "Write 0-24 for all of a day, or another end."),
    ("24-24", "Write OSPOOL_EP_HOURS=0-24"),
    ("24-8", "Write OSPOOL_EP_HOURS=0-8"),
    ("8:60-9", "Write minutes from 00 to 59."),
    ("18-24:30", "Write 0:30."),
    ("Xyz 1-2", DAYS),
    *((text, FORM) for text in ("18", "18-8-9", "Mo-Fr", "always", "6-8pm", "1 8-8", "-", "x" * 2000, " ", "1\x07-2")),
    ("Mo-Fr 18-8", "Write OSPOOL_EP_HOURS=Mon-Fri 18-8"),
    ("Montag-Freitag 18-8", "Write OSPOOL_EP_HOURS=Mon-Fri 18-8"),
    ("Sa 0-24, So 0-24", "Write OSPOOL_EP_HOURS=Sat 0-24, Sun 0-24"),
    ("lun-ven 18-8", "Write OSPOOL_EP_HOURS=Mon-Fri 18-8"),
    ("6pm-8am", "Write OSPOOL_EP_HOURS=18-8"),
    ("Mon-Fri 6:30 p.m.-12 am", "Write OSPOOL_EP_HOURS=Mon-Fri 18:30-0"),
    ("18-8,", "Write OSPOOL_EP_HOURS=18-8"),
    ("18-8,,9-10", "Write OSPOOL_EP_HOURS=18-8, 9-10"),
    ("18\u20138", "Write OSPOOL_EP_HOURS=18-8"),
    ("'18-8'", "Write OSPOOL_EP_HOURS=18-8"),
    ("18 to 8", "Write OSPOOL_EP_HOURS=18-8"),
    ("18.30-7.45", "Write OSPOOL_EP_HOURS=18:30-7:45"),
    ("1830-0745", "Write OSPOOL_EP_HOURS=18:30-07:45"),
    ("18h-8h", "Write OSPOOL_EP_HOURS=18-8"),
    ("18-8 Mon-Fri", "Write OSPOOL_EP_HOURS=Mon-Fri 18-8"),
    ("Mon, Wed 18-8", "Write OSPOOL_EP_HOURS=Mon 18-8, Wed 18-8"),
    ("weekdays 18-8; weekend 0-24", "Write OSPOOL_EP_HOURS=Mon-Fri 18-8, Sat-Sun 0-24"),
]


@pytest.mark.parametrize(("text", "hint"), WRONG)
def test_what_says_no_hours_is_an_error_whose_hint_mends_it(text: str, hint: str) -> None:
    found = list(check_day_hours(text))
    assert found
    assert {one.severity for one in found} == {Severity.ERROR}
    assert all(one.hint.startswith(hint) for one in found), found
    key, _, mended = found[0].hint.partition("=")
    assert key.startswith("Write ")
    assert not [one for one in check_day_hours(mended) if mended and one.severity is Severity.ERROR]


def test_each_part_that_is_wrong_is_told() -> None:
    assert len(list(check_day_hours("25-3, 18-8, Xyz 1-2"))) == 2
    assert len(list(check_day_hours("," * 100000))) == 5


def test_hours_that_are_all_of_the_week_are_good_to_know() -> None:
    assert [one.severity for one in check_day_hours("Mon-Fri 0-24, Sat-Sun 0-24")] == [Severity.INFO]
    assert parse("0-24").next_change(0.0) is None


@given(st.text(alphabet="0189:-, MonFrSatdaymp.\u2013'\n", max_size=20))
def test_no_text_says_hours_and_is_wrong_at_once(text: str) -> None:
    errors = [one for one in check_day_hours(text) if one.severity is Severity.ERROR]
    assert errors or parse(text).spans


def test_a_wait_over_the_whole_week_is_found() -> None:
    be_in("UTC0")
    monday = datetime(2026, 11, 30, 1, tzinfo=timezone.utc)
    assert parse("Mon 0-1").next_change(monday.timestamp()) == (monday + timedelta(days=7, hours=-1)).timestamp()
