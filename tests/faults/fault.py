"""What a fault is: a name, what brings it about, and what is promised of our service when it comes.

The catalogue consists of functions with the decorator ``fault``. The function does the harm, from the first blow to
where nothing is wrong any more but what the fault has left behind; who heals that is measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from tests.faults.scene import Scene

Act = Callable[["Scene"], None]


def nothing(_scene: "Scene") -> None:
    """No preparation."""


def restarted(scene: "Scene") -> None:
    """A new start."""
    scene.hand()


@dataclass(frozen=True)
class Promise:
    """What is promised of ours. The defaults are those of a fault that is no business of the pilot's.

    ``jobs_lost``, ``lines_lost``: at most so many, None where nobody can promise anything. ``seconds_away``: for how
    long a core is free and no pilot would take a job for it, at most. ``pilots``: at most so many run at the same time.
    ``hand``: an administrator has to do something, and is told what.
    """

    same_pilot: bool = True
    jobs_lost: int = 0
    lines_lost: Optional[int] = 0
    seconds_away: float = 0.0
    pilots: int = 1
    hand: bool = False


# Promises that several faults share: a pilot from which another one takes core by core, without losing a job,
HANDED_OVER = Promise(same_pilot=False, seconds_away=5.0, pilots=2)
# one that is drained first, as no second one can run beside it,
REPLACED = Promise(same_pilot=False, seconds_away=60.0)
# and one that somebody else has ended, with its jobs and what it had just said.
KILLED = Promise(same_pilot=False, jobs_lost=2, lines_lost=None, seconds_away=60.0)
# No pilot runs until an administrator has done what the service asks for.
NOTHING_RUNS = Promise(same_pilot=False, lines_lost=None, seconds_away=120.0, hand=True)


@dataclass(frozen=True)
class Fault:
    """One row. ``settings``: keys of the configuration file; ``patience``: seconds until nobody waits any longer.

    ``mend`` is what an administrator then does. ``ours_alone``: the plain unit has nothing that it could happen to.
    """

    name: str
    title: str
    act: Act = field(repr=False)
    promise: Promise = Promise()
    prepare: Act = field(default=nothing, repr=False)
    mend: Act = field(default=restarted, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 2
    slow: bool = True
    ours_alone: bool = False
    patience: float = 90.0


CATALOGUE: list[Fault] = []


def fault(title: str, **more: object) -> Callable[[Act], Act]:
    """Put a function into the catalogue, under that title; ``more`` are the other fields of Fault."""

    def enter(act: Act) -> Act:
        named = {"name": act.__name__.replace("_", "-"), **more}
        CATALOGUE.append(Fault(title=title, act=act, **named))  # type: ignore[arg-type]
        return act

    return enter
