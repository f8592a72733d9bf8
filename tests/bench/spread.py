"""1,000 hosts that pull once a day: how even the load on the registry is, with the timer's own settings.

systemd.timer(5): RandomizedDelaySec= adds a delay that is evenly distributed between 0 and that; with FixedRandomDelay=
it is the same every day, and made of the machine's id. So each host has a moment of the day for good.
"""

import random
import re
from collections.abc import Iterator
from statistics import mean

from tests.bench.figures import Figure, Goal
from tests.world import ROOT

HOSTS = 1000
_SEEDS = range(20)
# For so long a host counts as one that pulls: 2 GB at 27 Mbit/s.
PULL_SECONDS = 600
_DAY = 86_400
_UNITS = {"h": 3600, "min": 60, "s": 1}


def settings(text: str) -> tuple[float, float]:
    """RandomizedDelaySec and AccuracySec of a timer, in seconds; it must fire daily, at the same moment each day."""
    assert "OnCalendar=daily\n" in text
    assert "FixedRandomDelay=yes\n" in text
    delay, accuracy = (
        re.search(rf"^{key}=(\d+)(h|min|s)$", text, re.MULTILINE) for key in ("RandomizedDelaySec", "AccuracySec")
    )
    assert delay
    assert accuracy
    return int(delay[1]) * _UNITS[delay[2]], int(accuracy[1]) * _UNITS[accuracy[2]]


def peak_to_mean(seed: int, delay_seconds: float, accuracy_seconds: float) -> float:
    """How many hosts pull at the busiest moment, to how many do on average. All boot long before the first day."""
    chance = random.Random(seed)
    moments = [0] * (_DAY // 60)
    for _ in range(HOSTS):
        # Within the accuracy systemd takes the moment that suits it, the same one for all timers of a host.
        begin = chance.uniform(0, delay_seconds) + chance.uniform(0, accuracy_seconds)
        for minute in range(int(begin // 60), int((begin + PULL_SECONDS) // 60)):
            moments[minute % len(moments)] += 1
    return max(moments) / mean(moments)


def figures() -> Iterator[Figure]:
    """The worst of all seeds counts."""
    delay, accuracy = settings((ROOT / "systemd" / "ospool-ep-image.timer").read_text())
    figure = Figure(f"{HOSTS} hosts pull once a day: peak to mean", "times", Goal(most=3.0))
    figure.add("ours", max(peak_to_mean(seed, delay, accuracy) for seed in _SEEDS))
    yield figure
