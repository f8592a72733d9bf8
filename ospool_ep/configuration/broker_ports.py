"""The ports of connection brokers: the image draws one from a range, and puts it behind each of its central managers.

It does so where both ends are set, with Python's ``random.randrange(LOW, HIGH + 1)``, and ends where that fails.
"""

from collections.abc import Iterator
from typing import Optional

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.numbers import as_python
from ospool_ep.configuration.values import OSPOOL, OSPOOLS

_LOW, _HIGH = "CCB_RANGE_LOW", "CCB_RANGE_HIGH"
_LAST_PORT = 65535

_HINT = f"Write a number from 1 to {_LAST_PORT}, without a leading 0."


def check_broker_ports(configuration: Configuration) -> Iterator[Finding]:
    """What is wrong with the two ends of the range, together."""
    given = [key for key in (_LOW, _HIGH) if configuration.text(key)]
    numbers = {key: as_python(configuration.text(key)) for key in given}
    for key, number in numbers.items():
        yield from _check_end(configuration, key, number, alone=len(given) == 1)
    if len(given) == 1:
        other = _HIGH if given == [_LOW] else _LOW
        message = f"This has no effect: there is no {other}."
        yield warning("ccb-range-incomplete", message, f"Set {other}, too.", **configuration.place(given[0]))
    elif given:
        yield from _check_range(configuration, numbers[_LOW], numbers[_HIGH])


def _check_end(configuration: Configuration, key: str, number: Optional[int], *, alone: bool) -> Iterator[Finding]:
    shown = quoted(configuration.text(key))
    if number is None and not alone:
        message = f"{shown} is no whole number: the pilot ends at once."
        yield error("not-a-port", message, _HINT, **configuration.place(key))
    elif number is None or not 0 < number <= _LAST_PORT:
        yield warning("not-a-port", f"{shown} is no port.", _HINT, **configuration.place(key))


def _check_range(configuration: Configuration, low: Optional[int], high: Optional[int]) -> Iterator[Finding]:
    elsewhere = configuration.text("CONDOR_HOST") or (configuration.text("POOL") or OSPOOL) not in OSPOOLS
    if low is not None and high is not None and low > high:
        message = f"The range begins at {low} and ends at {high}: the pilot ends at once."
        yield error("ccb-range-empty", message, "Exchange the two.", **configuration.place(_HIGH))
    elif not elsewhere:
        message = "The pilot puts the port behind names of the OSPool that have another one: it finds no pool."
        hint = "Remove it, or name your central managers with CONDOR_HOST."
        yield error("ccb-range-without-host", message, hint, **configuration.place(_LOW))
