"""What the journal says of a pilot: how it stands with the pool, how it ended, and what that cost."""

from dataclasses import replace

from ospool_ep.lifecycle.actions import Priority, Say
from ospool_ep.lifecycle.events import PilotEnded
from ospool_ep.lifecycle.state import Hours, Pilot, Stage
from ospool_ep.pilot.state import Offer, Pool
from ospool_ep.wording import short_id, weekday_and_time

OUTDATED = "the running pilot was made from another configuration"
LEGACY = "the running pilot was started by the package's earlier service"


def restarted(container_id: str) -> Say:
    """Somebody has started the container anew, while it ran or after its end."""
    text = "Somebody else restarted the pilot's container; the jobs that ran are lost."
    return Say(Priority.WARNING, text, container_id)


def news(before: Pilot, pilot: Pilot, advice: str) -> tuple[Say, ...]:
    """What an operator has to know of how the pool takes the pilot, and whether it takes jobs, where that is new.

    ``advice`` is what to do where the pool refuses it, or does not answer; empty for none.
    """
    return (*_of_pool(before, pilot, advice), *_of_gpus(before, pilot))


def _of_pool(before: Pilot, pilot: Pilot, advice: str) -> tuple[Say, ...]:
    # The reason may come in other words each time.
    heard = (pilot.standing, pilot.offer, pilot.unmet, pilot.mute)
    if heard == (before.standing, before.offer, before.unmet, before.mute):
        return ()
    if pilot.standing is Pool.ACCEPTS:
        return tuple(_about(pilot, say) for say in _in_pool(pilot))
    said = _outside(pilot, advice) if pilot.standing is not before.standing else ()
    return tuple(_about(pilot, say) for say in said)


def _of_gpus(before: Pilot, pilot: Pilot) -> tuple[Say, ...]:
    if bool(pilot.gpus_trouble) is bool(before.gpus_trouble):
        return ()
    if not pilot.gpus_trouble:
        return (Say(Priority.NOTICE, "The pilot can use its GPUs again.", pilot.container_id),)
    then = _AFTER_A_LOSS if pilot.lost_gpus else "No job for a GPU can run. What this host has: ospool-ep check"
    return (Say(Priority.WARNING, f"The pilot has no GPUs: {pilot.gpus_trouble}. {then}", pilot.container_id),)


_AFTER_A_LOSS = (
    "As a rule systemd was told to reload (systemctl daemon-reload), or the driver was replaced. The pilot drains, and"
    " the next one follows."
)


def _about(pilot: Pilot, say: Say) -> Say:
    return replace(say, container_id=pilot.container_id)


def _in_pool(pilot: Pilot) -> tuple[Say, ...]:
    who = f"In the pool as {pilot.state.identity or 'a pilot'}"
    if pilot.mute:
        text = f"{who}, but the pilot's startd does not answer: no new job may come, and which ones run is not known."
        return (Say(Priority.WARNING, text),)
    if pilot.offer is Offer.CLOSED:
        return (Say(Priority.WARNING, f"{who}, but the pilot takes no jobs: {pilot.closed_because}."),)
    if pilot.closed_because:
        return (Say(Priority.NOTICE, f"{who}{_READY_FOR[pilot.offer]}, but {pilot.closed_because}."),)
    waits = pilot.stage is Stage.CLOSED and pilot.offer in (Offer.OPEN, Offer.OWN)
    ready = ": ready to take over" if waits else _READY_FOR[pilot.offer]
    return (Say(Priority.INFO, f"{who}{ready}."),)


_READY_FOR = {
    Offer.OPEN: ": ready for jobs",
    Offer.OWN: ": ready for the jobs that GLIDEIN_Start_Extra and OSG_PROJECT_NAME let in",
    Offer.UNVALIDATED: ": the pilot takes jobs once its own tests of this host have ended",
    Offer.RETIRED: ": the pilot takes no new jobs, its ACCEPT_JOBS_FOR_HOURS are over",
    Offer.UNKNOWN: "",
}


def _outside(pilot: Pilot, advice: str) -> tuple[Say, ...]:
    if pilot.standing is Pool.REFUSES:
        return (Say(Priority.ERROR, f"The pool refuses this pilot, no job will come: {pilot.state.refusal}. {advice}"),)
    if pilot.standing is Pool.UNREACHABLE:
        text = (
            f"The pool's collector does not answer, no new job can come. Is the network out of this host open? {advice}"
        )
        return (Say(Priority.WARNING, text.rstrip()),)
    return ()


def drained(event: PilotEnded, how: str) -> Say:
    """The end of a drain. ``how``: how the pilot ended, as ``how_it_ended`` says it."""
    if event.removed or event.oom_killed or event.exit_code:
        text = f"{how} while it drained; the jobs that still ran are lost."
        return Say(Priority.WARNING, text, event.container_id)
    return Say(Priority.INFO, f"Drained. {how}, when no job ran any more.", event.container_id)


def how_it_ended(event: PilotEnded) -> str:
    """A sentence without its full stop."""
    if event.removed:
        return "Somebody else removed the pilot's container"
    memory = ", killed because the memory limit was reached (raise MEMORY)" if event.oom_killed else ""
    return f"The pilot ended after {event.lived_seconds:.0f} s with exit code {event.exit_code}{memory}"


def evicted(pilot: Pilot, *, final: bool, follows: bool = True) -> Say:
    """The end of a stop, with the jobs that ran when it began.

    ``final``: the service ends as well, because somebody stopped it. ``follows``: else the next pilot starts.
    """
    jobs, container = pilot.evicting, pilot.container_id
    then = " The next pilot starts." if follows and not final else ""
    if jobs is None:
        text = "Stopped. The pilot did not say whether jobs ran; those that did were evicted."
        return Say(Priority.WARNING, text + then, container)
    if not jobs:
        return Say(Priority.INFO, "Stopped. No job was running." + then, container)
    ids = ", ".join(job.id for job in jobs)
    noun = "job was" if len(jobs) == 1 else "jobs were"
    hint = " To lose none, first run: ospool-ep drain" if final else then
    return Say(Priority.WARNING, f"Stopped. {len(jobs)} running {noun} evicted: {ids}.{hint}", container)


ANOTHER_ENGINE = (
    "OSPOOL_EP_ENGINE stands for another engine now, and no pilot runs in this one: it is used from now on."
)

AN_ENGINE = "There is a container engine now: it is used."


def out_of_hours(hours: Hours) -> str:
    """No pilot runs now, and when the next one starts."""
    starts = "" if hours.until is None else f"; the next one starts on {weekday_and_time(hours.until)}"
    return f"No pilot runs outside of OSPOOL_EP_HOURS{starts}."


def hours_turned(hours: Hours) -> Say:
    """The hours have begun, or have ended."""
    until = "" if hours.until is None else f", until {weekday_and_time(hours.until)}"
    begun = f"The hours of OSPOOL_EP_HOURS have begun: jobs are accepted{until}."
    over = (
        f"The hours of OSPOOL_EP_HOURS are over: no new jobs start{until}. Those that run go on, and have only what"
        " this host leaves idle."
    )
    return Say(Priority.NOTICE, begun if hours.are_open else over)


def foreign(container_id: str, command: str) -> str:
    """Somebody else's container has our name. ``command`` is the engine's."""
    return (
        f"A container of our name is not ours: {short_id(container_id)}."
        f" Look at it, and remove it with '{command} rm -f ospool-ep-container'."
    )
