"""The hours of the day in which jobs are accepted: OSPOOL_EP_HOURS, as ``18-8`` or ``Mon-Fri 18-8, Sat-Sun 0-24``.

They are what the clock on the wall shows, by this host's time zone: in the night in which clocks go back, an hour that
is shown twice counts twice, and what the clock passes over as it goes ahead does not come.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional, Union

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOUR = 60
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_MINUTE_SECONDS = 60

_PART = re.compile(
    "(?:(?P<first>[A-Za-z]+)(?: ?- ?(?P<last>[A-Za-z]+))? )?"
    "(?P<begin>[0-9]{1,2})(?::(?P<begin_minute>[0-9]{2}))? ?- ?(?P<end>[0-9]{1,2})(?::(?P<end_minute>[0-9]{2}))?"
)
_SHORTEST_NAME = 3
# A zone sets its clocks ahead or back by no more (two hours at Troll); and a border is not farther away than a week.
_LONGEST_SHIFT = 3 * _HOUR
_LONGEST_WAIT_SECONDS = 9 * _DAY * _MINUTE_SECONDS


@dataclass(frozen=True)
class DayHours:
    """Minutes of the week in which jobs are accepted, from Monday 0:00 on: each span from its first to before its end.

    The spans neither overlap nor touch each other, and follow each other.
    """

    spans: tuple[tuple[int, int], ...]

    @property
    def are_always(self) -> bool:
        """Whether they are all of the week."""
        return self.spans == ((0, _WEEK),)

    def accept(self, moment: float) -> bool:
        """Whether jobs are accepted then: in seconds since the epoch, by the time zone of this process."""
        minute = _minute_of_week(moment)
        return any(begin <= minute < end for begin, end in self.spans)

    def next_change(self, moment: float) -> Optional[float]:
        """When that ends which holds then, both in seconds since the epoch; None: it does not, within a week."""
        accepts = self.accept(moment)
        latest = moment + _LONGEST_WAIT_SECONDS
        # The clocks of all zones show full minutes at the same time.
        later = moment // _MINUTE_SECONDS * _MINUTE_SECONDS
        while not self.are_always and later < latest:
            later += self._without_change(later) * _MINUTE_SECONDS
            if self.accept(later) is not accepts:
                return later
        return None

    def _without_change(self, moment: float) -> int:
        """For how many minutes nothing can change, even where the clocks are set meanwhile; at least one."""
        minute = _minute_of_week(moment)
        borders = {border % _WEEK for span in self.spans for border in span}
        behind = min((minute - border) % _WEEK for border in borders)
        ahead = min((border - minute) % _WEEK for border in borders)
        return 1 if behind <= _LONGEST_SHIFT else max(1, ahead - _LONGEST_SHIFT)


def _minute_of_week(moment: float) -> int:
    local = time.localtime(moment)
    return local.tm_wday * _DAY + local.tm_hour * _HOUR + local.tm_min


@dataclass(frozen=True)
class WrongPart:
    """What stands between two commas and says no hours; ``problem`` is a clause, ``mend`` a sentence, or empty."""

    text: str
    problem: str
    mend: str = ""


def parse(text: str) -> DayHours:
    """The hours that the text stands for: those of all its parts; what is wrong counts as nothing."""
    minutes = set[int]()
    for part in parts(text):
        if not isinstance(part, WrongPart):
            minutes |= part
    begins = sorted(minute for minute in minutes if minute - 1 not in minutes)
    ends = sorted(minute + 1 for minute in minutes if minute + 1 not in minutes)
    return DayHours(tuple(zip(begins, ends)))


def parts(text: str) -> Iterator[Union[frozenset[int], WrongPart]]:
    """The minutes of the week that each part stands for, or what is wrong with it."""
    return (_part(" ".join(part.split())) for part in text.split(","))


def _part(text: str) -> Union[frozenset[int], WrongPart]:
    if not text:
        return WrongPart(text, "there is nothing before a comma, or after one")
    found = _PART.fullmatch(text)
    if found is None:
        return WrongPart(text, "it does not say from when to when, as 18-8 does")
    problem = _problem_of_days(found["first"], found["last"]) or _problem_of_times(found)
    if problem:
        return WrongPart(text, *problem)
    first, last = _day(found["first"], 0), _day(found["last"] or found["first"], 6)
    days = [(first + number) % 7 for number in range((last - first) % 7 + 1)]
    begin, end = _minute(found["begin"], found["begin_minute"]), _minute(found["end"], found["end_minute"])
    length = (end - begin) % _DAY or _DAY
    return frozenset((day * _DAY + begin + minute) % _WEEK for day in days for minute in range(length))


def _problem_of_days(*names: Optional[str]) -> Optional[tuple[str, str]]:
    for name in names:
        if name and _day(name, None) is None:
            return f"{name} is no day", "Write the days as Mon, Tue, Wed, Thu, Fri, Sat and Sun."
    return None


def _problem_of_times(found: "re.Match[str]") -> Optional[tuple[str, str]]:
    times = [(found["begin"], found["begin_minute"]), (found["end"], found["end_minute"])]
    for hour, minute in times:
        if int(hour) > 24:
            return f"{hour} is no hour", "Write an hour from 0 to 24; from 18 to 8 of the next day is 18-8."
        if minute and int(minute) > 59:
            return f"{hour}:{minute} has no such minute", "Write minutes from 00 to 59."
        if int(hour) == 24 and int(minute or 0):
            return f"{hour}:{minute} is on the next day", f"Write 0:{minute}."
    (begin, end) = (_minute(*one) for one in times)
    if begin % _DAY == end % _DAY and (begin, end) != (0, _DAY):
        return (
            "it ends as it begins",
            "Write 0-24 for all of a day, or another end.",
        )
    if begin == _DAY:
        return "no day begins at 24", "Write 0 in its place."
    return None


def _day(name: Optional[str], default: Any) -> Any:
    """Its number, from Monday on; the default where there is no name, or where it is none."""
    known = [day for day in DAYS if name and len(name) >= _SHORTEST_NAME and day.startswith(name.lower())]
    return DAYS.index(known[0]) if known else default


def _minute(hour: str, minute: Optional[str]) -> int:
    return int(hour) * _HOUR + int(minute or 0)
