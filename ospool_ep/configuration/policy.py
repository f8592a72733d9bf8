"""How the service replaces its pilots, and how long that may take, as the configuration says it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ospool_ep.configuration.values import UpdatePolicy

if TYPE_CHECKING:
    # The service needs the policy always, and the reading of a file for a moment only.
    from ospool_ep.configuration.contents import Configuration


@dataclass(frozen=True)
class Policy:
    """How pilots are replaced, and how long that may take; all times in seconds.

    ``drain_seconds`` bounds a drain that the service began by itself: after that the jobs that still run are evicted.
    None leaves it to the pilot's own end of life. ``retire_seconds`` is how long RETIRE waits for that end before it
    drains, and ``rollback_seconds`` in how much time the next pilot has to be in the pool. A pilot hands over
    ``longest_job_seconds`` before it ends. ``one_by_one``: why the next pilot can't run beside the one before, as a
    clause without a full stop; empty: it can. ``hold_shutdown``: a shutdown of the host is held back while jobs run.
    """

    update: UpdatePolicy = UpdatePolicy.DRAIN
    drain_seconds: Optional[float] = None
    retire_seconds: float = 72 * 3600.0
    rollback_seconds: float = 15 * 60.0
    longest_job_seconds: float = 20 * 3600.0
    one_by_one: str = ""
    hold_shutdown: bool = False


def policy(configuration: "Configuration") -> Policy:
    """How the service replaces its pilots. What is no such value counts as the default; the checks refuse it."""
    from ospool_ep.configuration.hand_over import one_by_one  # noqa: PLC0415 - for the reading of a file only

    return Policy(
        update=UpdatePolicy(configuration.choice("OSPOOL_EP_UPDATE")),
        drain_seconds=configuration.seconds("OSPOOL_EP_DRAIN_HOURS"),
        retire_seconds=configuration.seconds("OSPOOL_EP_RETIRE_HOURS") or Policy.retire_seconds,
        rollback_seconds=configuration.seconds("OSPOOL_EP_ROLLBACK_MINUTES") or Policy.rollback_seconds,
        longest_job_seconds=configuration.seconds("OSPOOL_EP_LONGEST_JOB_HOURS") or Policy.longest_job_seconds,
        one_by_one=one_by_one(configuration),
        hold_shutdown=configuration.truth("OSPOOL_EP_HOLD_SHUTDOWN"),
    )
