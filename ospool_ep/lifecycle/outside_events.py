"""What people, files and the timer ask for while the service runs, and what follows from it."""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import host_to_blame
from ospool_ep.lifecycle.actions import Action, Order, Outcome, Priority, Say
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.retries import not_ready
from ospool_ep.lifecycle.state import Phase, State, Want
from ospool_ep.lifecycle.succession import settle
from ospool_ep.lifecycle.transitions import end, go_on, idle, leave, look, stop_all


def asked(state: State, event: ev.Asked, now: float) -> Outcome:
    """A drain, its end, or an update: where a pilot runs, or nothing new is asked for, the image is looked at, too."""
    if event.want is Want.START and not state.pilots and state.phase in (Phase.PULLING, Phase.LAUNCHING):
        # No pilot runs that could make room, and the next one is on its way.
        return replace(state, want=Want.PILOTS), (Order.FORGET_DRAIN,)
    changed = event.want is not state.want
    if event.want.runs_pilots and not state.want.runs_pilots:
        # What a drain has cut short says nothing of an image.
        state = replace(state, trial=None)
    state = replace(state, want=event.want, want_since=event.since)
    if not event.want.runs_pilots:
        # What an operator asks for has no limit.
        state = replace(state, pilots=tuple(replace(pilot, limited_since=None) for pilot in state.pilots))
    if state.pilots:
        state = replace(state, failures=0) if changed else state
        settled, actions = go_on(state, now) if changed else settle(state, now)
        return settled, (*actions, Order.FIND_IMAGE)
    if not changed:
        return state, (Order.FIND_IMAGE,)
    if state.phase is Phase.PULLING and not event.want.runs_pilots:
        return idle(state)
    return look(replace(state, failures=0)) if state.phase in (Phase.WAITING, Phase.IDLE) else (state, ())


def reconfigured(state: State, event: ev.Reconfigured, now: float) -> Outcome:
    """The configuration was read again, and is sound."""
    if event.reference != state.images.reference:
        # What is known of one image says nothing of another one that an operator has chosen.
        state = replace(state, images=ImageRecord(event.reference), trial=None, pulled_at=None)
    pilots = tuple(
        replace(pilot, outdated_because="" if pilot.fingerprint == event.fingerprint else event.change)
        for pilot in state.pilots
    )
    state = host_to_blame.found(state, event.hindrance, now)
    state = replace(state, policy=event.policy, fingerprint=event.fingerprint, no_room="", pilots=pilots)
    if state.pilots:
        settled, actions = go_on(replace(state, failures=0), now)
        return settled, (*actions, Order.FIND_IMAGE)
    if state.phase in (Phase.WAITING, Phase.PULLING):
        # What failed, or is being done, may be another thing now.
        return look(replace(state, failures=0))
    return state, ()


def host_checked(state: State, event: ev.HostChecked, now: float) -> Outcome:
    """Where something keeps the next pilot from being made, it is waited for, with those that run."""
    is_for_verdict = bool(state.pilots) and host_to_blame.is_looked_at(state, now)
    state = replace(host_to_blame.found(state, event.hindrance, now), checked_at=now)
    if state.hindrance is None and not is_for_verdict:
        # Else it would stand in the status until the next look of the one who watches.
        state = replace(state, host_note="")
    if event.no_room and (is_for_verdict or state.phase is Phase.LAUNCHING):
        state = replace(state, no_room=event.no_room, no_room_since=now)
    if state.phase is not Phase.LAUNCHING or not (event.hindrance or event.no_room):
        return settle(state, now)
    if state.leaving:
        return leave(state)
    if state.stop_asked:
        return stop_all(replace(state, phase=Phase.STOPPING))
    if state.pilots:
        return settle(replace(state, phase=Phase.RUNNING), now)
    return not_ready(state, state.hindrance, now) if state.hindrance else look(state)


def token_seen(state: State, event: ev.TokenSeen, now: float) -> Outcome:
    """The token on disk was looked at."""
    first, said = state.token is None, list[Action]()
    came = not first and event.token not in ("", state.token)
    if came and not (state.pilots and state.pilots[-1].token == event.token):
        said.append(Say(Priority.NOTICE, "The token on disk has changed: the next pilot uses it."))
    # What stood in the way at the start of the service was said there.
    if event.note and not first and (event.remind or event.note != state.token_note):
        said.append(Say(Priority.WARNING, event.note))
    state = replace(state, token=event.token, token_note=event.note)
    if came and state.phase is Phase.WAITING:
        return go_on(replace(state, failures=0), now, *said)
    return settle(state, now, *said)


def host_seen(state: State, event: ev.HostSeen, now: float) -> Outcome:
    """This host was looked at: what has gone wrong is said once, and so is that it is mended."""
    before = state.host_note
    # Without a pilot, what keeps one from running says it.
    if event.note == before or not state.pilots:
        return state, ()
    said = Say(Priority.WARNING, event.note) if event.note else Say(Priority.NOTICE, f"This is mended: {before}")
    state = host_to_blame.ailed(state, before, now) if before else state
    return replace(state, host_note=event.note), (said,)


def stop_asked(state: State, event: ev.StopAsked, _now: float) -> Outcome:
    """The service ends, and all pilots with it; or our process makes room for the next one, and the pilots go on."""
    if state.stop_asked or state.leaving:
        return state, ()
    if event.leaving:
        leaving = replace(state, leaving=True)
        # A container that is being made belongs to nobody before it is known.
        return (leaving, ()) if state.phase is Phase.LAUNCHING else leave(leaving)
    state = replace(state, stop_asked=True)
    if state.pilots or state.phase is Phase.LAUNCHING:
        return stop_all(state)
    if state.phase is Phase.WAITING:
        # A pilot may have come back together with its engine.
        return look(state)
    return end(state) if state.phase in (Phase.PULLING, Phase.IDLE) else (state, ())
