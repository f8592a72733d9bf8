"""Slot-hours delivered in 30 simulated days: the pure lifecycle on a simulated host, beside the plain unit's rules.

What is delivered is the run time of the jobs that came to their end; a job that is cut off has delivered nothing.
"""

from collections.abc import Callable, Iterator
from typing import Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from tests.bench.figures import Figure, Goal
from tests.bench.month import (
    END_OF_LIFE,
    FIRST_START,
    NEXT_JOB,
    Account,
    Assumptions,
    Fault,
    Host,
    Pilot,
    schedule,
)
from tests.bench.ours import Ours

SEEDS = range(20)


class Plain:
    """The plain unit: it pulls at each start, and what happens to its main process happens to the pilot."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._new = True
        host.ended = self._ended
        self._start()

    def _ended(self, _pilot: Pilot) -> None:
        self._start()

    def _start(self) -> None:
        if not self.host.registry_up:
            # Three failed starts within seconds, and systemd gives it up.
            self.host.why_none = "the registry was down at a start"
            self.host.after(self.host.assumed.a_person_comes, self._start)
            return
        pull, self._new = self.host.assumed.pull if self._new else 1.0, False
        self.host.after(pull + self.host.assumed.launch, self._begin)

    def _begin(self) -> None:
        if not self.host.pilots:
            self.host.begin_pilot()

    def suffer(self, fault: Fault) -> None:
        """What that fault means for this service."""
        if fault.kind == "image":
            # In use from the next start on, as its documentation has it; nobody restarts it for that.
            self._new = True
        elif fault.kind in ("crash", "engine restart"):
            self._end(fault.kind)
        elif fault.kind == "reboot":
            self.host.ended = lambda _pilot: None
            self._end(fault.kind)
            self.host.ended = self._ended
            self.host.after(self.host.assumed.boot, self._start)

    def _end(self, why: str) -> None:
        for pilot in tuple(self.host.pilots):
            self.host.end_pilot(pilot, why)


def simulate(make: Callable[[Host], "Ours | Plain"], assumed: Assumptions, faults: list[Fault], seed: int) -> Account:
    """One month of one host."""
    host = Host(assumed, seed)
    service = make(host)

    def registry(up: bool) -> None:
        host.registry_up = up

    for fault in faults:
        if fault.kind == "registry outage":
            host.after(fault.at, lambda: registry(False))
            host.after(fault.at + fault.seconds, lambda: registry(True))
        else:
            host.after(fault.at, lambda fault=fault: service.suffer(fault))  # type: ignore[misc]
    return host.run()


_ONE_BY_ONE = Policy(one_by_one="OSPOOL_EP_HAND_OVER is false")
OURS, PLAIN, RETIRE, ONE_BY_ONE = "ours", "plain", "ours, OSPOOL_EP_UPDATE=retire", "ours, OSPOOL_EP_HAND_OVER=false"
SIDES: dict[str, Callable[[Host], "Ours | Plain"]] = {
    OURS: lambda host: Ours(host, Policy()),
    RETIRE: lambda host: Ours(host, Policy(update=UpdatePolicy.RETIRE)),
    ONE_BY_ONE: lambda host: Ours(host, _ONE_BY_ONE),
    PLAIN: Plain,
}
# Nobody's fault, or the reboot's.
_NOT_BY_US = frozenset(f"empty: {why}" for why in (FIRST_START, NEXT_JOB, "reboot"))


def accounts(assumed: Optional[Assumptions] = None, *, reboot: bool = True) -> dict[str, list[Account]]:
    """Of each side, one for each seed; without the reboot that nobody prepared, if so wished."""
    faults = [fault for fault in schedule() if reboot or fault.kind != "reboot"]
    return {
        name: [simulate(make, assumed or Assumptions(), faults, seed) for seed in SEEDS] for name, make in SIDES.items()
    }


def empty_by_us(account: Account) -> float:
    """Slot-hours in which a core was empty because of what the service did."""
    return sum(hours for why, hours in account.lost.items() if why.startswith("empty: ") and why not in _NOT_BY_US)


def figures() -> Iterator[Figure]:
    """The shares of what was possible, for each policy; and what of the default's loss is the service's own."""
    found, without = accounts(), accounts(reboot=False)
    yield _share("goodput of 30 simulated days, as installed", found, OURS, Goal(least=99.3))
    yield _share("the same without the reboot that nobody prepared", without, OURS, Goal(least=99.7))
    yield _share("goodput of 30 simulated days, OSPOOL_EP_UPDATE=retire", found, RETIRE, Goal())
    yield _share("goodput of 30 simulated days, OSPOOL_EP_HAND_OVER=false", found, ONE_BY_ONE, Goal())
    empty = Figure("empty in 30 simulated days because of what the service does", "slot-hours", Goal(most=12.0))
    cut = Figure(f"cut off there at a pilot's end of life, the most of {len(SEEDS)}", "slot-hours", Goal(most=0.0))
    for side, name in ((OURS, "ours"), (PLAIN, "plain")):
        for account in found[side]:
            empty.add(name, empty_by_us(account))
        cut.add(name, max(account.lost[f"cut off: {END_OF_LIFE}"] for account in found[side]))
    asked = Figure("questions and orders to pilots while one of them hands over", "1/min", Goal())
    for account in found[OURS]:
        asked.add("ours", account.asked / (60 * account.beside))
    yield from (empty, cut, asked)


def _share(name: str, found: dict[str, list[Account]], ours: str, goal: Goal) -> Figure:
    figure = Figure(name, "% of slot-hours", goal)
    for side, column in ((ours, "ours"), (PLAIN, "plain")):
        for account in found[side]:
            figure.add(column, 100 * account.share)
    return figure


def by_cause(found: dict[str, list[Account]]) -> str:
    """What was lost, by cause, in slot-hours of a month, as a table in Markdown."""
    causes = sorted({cause for each in found.values() for account in each for cause in account.lost})
    lines = [f"| lost slot-hours | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for cause in causes:
        means = [sum(account.lost[cause] for account in each) / len(each) for each in found.values()]
        if max(means) >= 0.05:
            lines.append(f"| {cause} | {' | '.join(f'{mean:.1f}' for mean in means)} |")
    return "\n".join(lines) + "\n"
