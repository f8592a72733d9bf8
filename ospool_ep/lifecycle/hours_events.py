"""What follows as the hours of OSPOOL_EP_HOURS begin and end.

Their end is a drain like an operator's: no new jobs, those that run finish, and no pilot follows. Their beginning is
like its end: the next pilot is made at once, beside one that still leaves. What an operator asks for counts more.
"""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import messages
from ospool_ep.lifecycle.actions import Outcome
from ospool_ep.lifecycle.state import Phase, State
from ospool_ep.lifecycle.transitions import go_on, look


def hours_seen(state: State, event: ev.HoursSeen, now: float) -> Outcome:
    """The hours have begun or ended, or another end of them is known: a clock was set, or the configuration changed."""
    turned = event.hours.are_open is not state.hours.are_open
    state = replace(state, hours=event.hours)
    if not turned or state.stop_asked or state.leaving or not state.want.runs_pilots:
        return state, ()
    return _begun(state, now) if event.hours.are_open else _ended(state, now)


def _begun(state: State, now: float) -> Outcome:
    # What the end of the hours has cut short says nothing of an image.
    state, said = replace(state, trial=None), messages.hours_turned(state.hours)
    if state.pilots:
        return go_on(replace(state, failures=0), now, said)
    idles = state.phase in (Phase.IDLE, Phase.WAITING)
    return look(replace(state, failures=0), said) if idles else (state, (said,))


def _ended(state: State, now: float) -> Outcome:
    said = messages.hours_turned(state.hours)
    if state.pilots:
        # Those that run finish: what had a limit has none now.
        pilots = tuple(replace(pilot, limited_since=None) for pilot in state.pilots)
        return go_on(replace(state, failures=0, pilots=pilots), now, said)
    if state.phase is Phase.LAUNCHING:
        return state, (said,)
    # That no pilot runs is said then. A pull goes on.
    waits = state.phase in (Phase.PULLING, Phase.WAITING)
    return look(replace(state, failures=0)) if waits else (state, ())
