"""Which pilot may do what: how one follows the other on this host. Asked whenever anything has changed.

- At most one pilot is open: it takes jobs for all that the others do not hold.
- The next one is made beside the open one as soon as that has to make room, and begins closed: it takes no job.
- It has to be in the pool, and to take jobs as the open one does. One that fails is ended, and has cost nothing.
- Then the open one is told to drain; once its startd has confirmed it, the next one is told what it holds, and is open.
- With each job that ends there the next one is told, and takes what is free. At most two pilots leave at a time: a
  further reason to hand over waits.
- Where two can't run at once, the open one drains first, and the next one follows when it has ended.
- An operator's drain, the end of the hours, and that of a pilot's time take no next one into account: that pilot
  drains at once.
- One that takes jobs for what another one holds is ended with its first answer: its image does not do what it is told.
- What none needs any more is ended, as long as it has taken no job; what does not answer is left as it is.
"""

from dataclasses import replace

from ospool_ep.lifecycle import host_to_blame, replacement, sight, trial
from ospool_ep.lifecycle.actions import Action, Do, Outcome, Priority, Say, Verb
from ospool_ep.lifecycle.due import limit_at, timed
from ospool_ep.lifecycle.next_pilot import ask_again, end_wait, make_next, one_by_one
from ospool_ep.lifecycle.removals import remove_again
from ospool_ep.lifecycle.replacement import Ending
from ospool_ep.lifecycle.retries import wait
from ospool_ep.lifecycle.shares import held_by_others, ignores_others, is_closed
from ospool_ep.lifecycle.state import Obstacle, Phase, Pilot, Stage, State
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Pool, Startd
from ospool_ep.wording import short_id

_TOO_LONG = "its drain has lasted longer than OSPOOL_EP_DRAIN_HOURS allows, and the jobs that still run are evicted"
# A startd that has taken the order says so within seconds; one that has not by then is told again.
_DRAIN_UNCONFIRMED_SECONDS = 60.0


def settle(state: State, now: float, *before: Action) -> Outcome:
    """What follows for each pilot, and whether the next one is made now."""
    if state.phase in (Phase.LOOKING, Phase.STOPPING, Phase.ENDED) or state.stop_asked:
        return state, before
    actions: tuple[Action, ...] = before
    for rule in _RULES:
        state, more = rule(state, now)
        actions += more
    return timed(state, now), actions


# --- the rules, in the order in which they are asked ------------------------------------------------------------


def _end_the_dead(state: State, now: float) -> Outcome:
    actions: tuple[Action, ...] = ()
    for pilot in state.pilots:
        if dead := sight.death(state, pilot, now):
            state, more = stop(state.having(pilot, dead_because=dead), pilot, dead, priority=Priority.ERROR)
            actions += more
    return state, actions


def _recognize(state: State, now: float) -> Outcome:
    """A pilot that ran before our process says itself what it is; one that is alone need not."""
    found = [pilot for pilot in state.pilots if pilot.stage is Stage.FOUND]
    alone = len(state.pilots) == 1
    for pilot in found:
        if alone or (pilot.asked and not pilot.silent_because):
            # Had it lost its GPUs before, the next one may have them: that is tried once.
            state = state.having(pilot, stage=_stage_of(pilot, alone=alone), tried_since=None, had_gpus=True)
    return _only_one_open(state, now)


def _stage_of(pilot: Pilot, *, alone: bool) -> Stage:
    if pilot.draining_since is not None or pilot.confirmed:
        return Stage.LEAVING
    # The open one gets the known name before it is told anything; one that is not up does not say what it believes.
    begins = pilot.begins_closed and not (alone or pilot.named)
    says_so = is_closed(pilot) or ignores_others(pilot) or pilot.state.startd is not Startd.READY
    return Stage.CLOSED if begins and says_so else Stage.OPEN


def _only_one_open(state: State, now: float) -> Outcome:
    takers = [pilot for pilot in state.pilots if pilot.stage is Stage.OPEN]
    actions: tuple[Action, ...] = ()
    for pilot in sorted(takers, key=lambda pilot: (not pilot.named, -pilot.since))[1:]:
        state, more = _leaves(state, pilot, Ending("another pilot of this host takes jobs"), now)
        actions += more
    return state, actions


def _end_the_heedless(state: State, _now: float) -> Outcome:
    """A pilot that takes jobs for what another one holds; alone it does no harm, and shows what its image is like."""
    actions: tuple[Action, ...] = ()
    for pilot in filter(ignores_others, state.pilots):
        state = replace(state, heedless=state.heedless | {pilot.image_id})
        beside = any(other.stage is Stage.LEAVING and other.holds != NOTHING for other in state.pilots)
        if pilot.stage is Stage.CLOSED or (pilot.stage is Stage.OPEN and beside):
            state, more = stop(state, pilot, "its image takes jobs for what another pilot holds")
            actions += more
    return state, actions


def _end_the_needless(state: State, now: float) -> Outcome:
    """A next pilot that none waits for, or that does not work: it has taken no job."""
    actions: tuple[Action, ...] = ()
    state = trial.begun(state, now)
    closed = [pilot for pilot in state.pilots if pilot.stage is Stage.CLOSED]
    for pilot in closed:
        why = "another one is the next" if pilot is not closed[-1] else _needless(state, pilot, now)
        if why and pilot.state.jobs:
            state, more = _leaves(state, pilot, Ending(why), now)
        elif why:
            state, more = stop(state, pilot, why, priority=Priority.INFO)
        else:
            state, more = _given_up(state, pilot, now)
        actions += more
    return state, actions


def _needless(state: State, pilot: Pilot, now: float) -> str:
    if not state.runs_pilots:
        return replacement.why_none_follows(state)
    if pilot.outdated_because:
        return pilot.outdated_because
    if replacement.lacks_token(state, pilot):
        return replacement.OF_A_TOKEN
    wanted, before = state.images.wanted, state.at(Stage.OPEN)
    if wanted and wanted.id != pilot.image_id:
        return f"the image {wanted.name} is used by now"
    if wanted is None or before is None or before.silent_because or before.standing is not Pool.ACCEPTS:
        return ""
    return "" if replacement.ending(state, before, now) else "the pilot before goes on"


def _given_up(state: State, pilot: Pilot, now: float) -> Outcome:
    before = state.at(Stage.OPEN)
    why = trial.failure_of_next(state, pilot, before, now) if before else ""
    if not why:
        return state, ()
    blamed, excused = trial.blames_image(state, pilot.image_id, before), trial.excuses_image(state, pilot, before)
    if blamed and (first := host_to_blame.look_first(state, now)):
        return first
    state, stopping = stop(state, pilot, why, priority=Priority.INFO)
    if blamed:
        state, said = trial.decided(state, trial.tried_since(state, pilot, now), now, why)
        return state, (*stopping, *said)
    if excused:
        state, said = trial.excused(state, why)
        stopping += said
    return wait(state, Obstacle.PILOT, f"The next pilot was given up, the one before goes on: {why}.", now, *stopping)


def _end_the_spared(state: State, now: float) -> Outcome:
    """A pilot that is alone and that a trouble of this host may have kept from the pool for good."""
    pilot = state.at(Stage.OPEN)
    is_spared = state.trial is not None and state.trial.spared_for and pilot and pilot.image_id == state.trial.image_id
    if pilot is None or not is_spared or pilot.silent_because or not pilot.asked:
        return state, ()
    state, why = replace(state, trial=None), "its image is tried again once this host is well"
    return stop(state, pilot, why) if pilot.has_no_jobs else _leaves(state, pilot, Ending(why), now)


def _make_room(state: State, now: float) -> Outcome:
    pilot = state.at(Stage.OPEN)
    ending = replacement.ending(state, pilot, now) if pilot else None
    if pilot is None or ending is None:
        return state, ()
    # An image that is not here yet is pulled beside the pilot first, and a host that is not ready is waited for.
    could = state.images.here and state.hindrance is None
    # One that never was in the pool has nothing to lose, and shows nothing that the next one could be measured by.
    is_of_no_use = could and pilot.has_no_jobs and not (ending.takes_none or ending.only_beside)
    if ending.evict or is_of_no_use:
        return stop(state, pilot, ending.why)
    following = state.at(Stage.CLOSED)
    if ending.takes_none or (following and trial.is_ready(following, pilot)):
        return _leaves(state, pilot, ending, now)
    waits = pilot.undrainable or following or state.phase is not Phase.RUNNING or (pilot.outdated_because and not could)
    # No next one is made before those that leave have gone, too.
    alone = all(other.stage is not Stage.LEAVING for other in state.pilots)
    drains = one_by_one(state) and alone and not ending.only_beside and not waits
    return _leaves(state, pilot, ending, now) if drains else (state, ())


def _leaves(state: State, pilot: Pilot, ending: Ending, now: float) -> Outcome:
    # What a process before us has begun goes on.
    since = now if pilot.draining_since is None else pilot.draining_since
    limited_since = (now if pilot.limited_since is None else pilot.limited_since) if ending.limited else None
    state = state.having(
        pilot, stage=Stage.LEAVING, why=ending.why, draining_since=since, limited_since=limited_since, again_at=0.0
    )
    text = f"Draining: {ending.why}; no new jobs, running ones finish."
    return state, (Say(Priority.NOTICE, text, pilot.container_id),)


def _forget_what_is_done(state: State, _now: float) -> Outcome:
    """The pilots that an operator wanted to be followed make room, which the next process sees by themselves, too.

    An order that is not confirmed may not have been carried out: our process may end before it gives it.
    """
    before = state.at(Stage.OPEN)
    go = bool(state.pilots) and all(pilot.confirmed for pilot in state.pilots if pilot.stage is not Stage.CLOSED)
    done = not replacement.is_asked_for(state, before) if before else go
    return replacement.forget_drain(state) if done else (state, ())


def _drain(state: State, now: float) -> Outcome:
    """Give the order, and give it again where the pilot has not confirmed it, or has forgotten it."""
    actions: tuple[Action, ...] = ()
    for pilot in state.pilots:
        if pilot.stage is not Stage.LEAVING:
            continue
        if 0.0 < limit_at(state, pilot) <= now:
            state, more = stop(state, pilot, _TOO_LONG, priority=Priority.WARNING)
            actions += more
        elif not pilot.confirmed and pilot.again_at <= now:
            state = state.having(pilot, again_at=now + _DRAIN_UNCONFIRMED_SECONDS)
            actions += (Do(Verb.DRAIN, pilot.container_id),)
    return state, actions


def _tell(state: State, now: float) -> Outcome:
    """Open the next pilot where no other one takes jobs, and tell the open one what the others hold."""
    pilot, actions = state.at(Stage.OPEN) or state.at(Stage.CLOSED), list[Action]()
    if pilot is None or not pilot.begins_closed:
        return state, ()
    share = held_by_others(state, pilot)
    if share is None:
        return state, ()
    if pilot.stage is Stage.CLOSED and share != EVERYTHING:
        state = state.having(pilot, stage=Stage.OPEN)
        text = f"The pilot in container {short_id(pilot.container_id)} takes over."
        actions.append(Say(Priority.INFO, text, pilot.container_id))
        state, naming = _name(state, now)
        actions += naming
    listens = pilot.state.startd is Startd.READY and not pilot.silent_because and pilot.telling is None
    if listens and pilot.believes != share and pilot.again_at <= now:
        current = state.pilot(pilot.container_id) or pilot
        state = state.having(current, telling=share)
        actions.append(Do(Verb.TELL, pilot.container_id, share))
    return state, tuple(actions)


def _name(state: State, now: float) -> Outcome:
    """The open pilot bears the known name; the package's earlier service knows its own by nothing else."""
    pilot = state.at(Stage.OPEN)
    # One that has not said yet what it is may be the open one, and has the name for that.
    if pilot is None or pilot.named or now < pilot.name_again_at:
        return state, ()
    if any(other.legacy or other.stage is Stage.FOUND for other in state.pilots):
        return state, ()
    pilots = tuple(replace(other, named=other.container_id == pilot.container_id) for other in state.pilots)
    return replace(state, pilots=pilots), (Do(Verb.NAME, pilot.container_id),)


_RULES = (
    end_wait, _end_the_dead, trial.judge, _end_the_spared, _recognize, _end_the_heedless, _end_the_needless,
    _make_room, _drain, _forget_what_is_done, _tell, _name, make_next, ask_again, remove_again,
    host_to_blame.look_meanwhile,
)  # fmt: skip

# --- what the rules share ------------------------------------------------------------------------------------------


def stop(state: State, pilot: Pilot, why: str, *, priority: Priority = Priority.NOTICE) -> Outcome:
    """End that pilot now."""
    current = state.pilot(pilot.container_id) or pilot
    state = state.having(current, stage=Stage.STOPPING, why=why, again_at=0.0)
    then = "; the next one follows" if state.runs_pilots and not state.at(Stage.OPEN) else ""
    which = "next pilot" if current.stage is Stage.CLOSED else "pilot"
    said = Say(priority, f"Stopping the {which}: {why}{then}.", pilot.container_id)
    return state, (said, Do(Verb.STOP, pilot.container_id))
