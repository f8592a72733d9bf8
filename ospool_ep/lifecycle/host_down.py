"""This host reboots or powers off once no pilot runs any more, where an operator has asked for that.

Such an end is the end of the jobs of all services of this host: the service that is the last to have no pilot gives the
order. The others look by themselves now and then, as nobody tells them that a service was stopped.
"""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Action, Order, Outcome, Priority, Say
from ospool_ep.lifecycle.state import HostDown, Phase, State

OTHERS_SECONDS = 10.0
REFUSED_SECONDS = 60.0
# Other units of the host may take minutes for their stop. A host that is up by then has not gone down.
GIVEN_SECONDS = 600.0


def goes_down(state: State, _event: ev.HostGoesDown, now: float) -> Outcome:
    """The order was given. It may have been taken back in that moment; or systemd stops us by now, because of it."""
    if not state.want.takes_host_down:
        text = "The host goes down: the drain was taken back too late. The pilots end with it."
        return state, (Say(Priority.WARNING, text),)
    text = f"The host {state.want.host_does} now, as asked by 'ospool-ep drain --then {state.want.value}'."
    said = Say(Priority.NOTICE, text)
    if not _waits(state):
        return state, (said,)
    given = HostDown(now + GIVEN_SECONDS)
    return replace(state, down=given, wake_at=given.again_at), (said,)


def stays_up(state: State, event: ev.HostStaysUp, now: float) -> Outcome:
    """It is tried again; why it was not given is said where that is news."""
    if not _waits(state):
        return state, ()
    before = state.down.stays_because if state.down else ""
    down = HostDown(now + (REFUSED_SECONDS if event.refused else OTHERS_SECONDS), event.reason, event.refused)
    priority = Priority.ERROR if event.refused else Priority.NOTICE
    text = f"The host stays up meanwhile: {event.reason} To take it back: ospool-ep resume"
    said = (Say(priority, text),) if event.reason != before else ()
    return replace(state, down=down, wake_at=down.again_at), said


def again(state: State, now: float) -> Outcome:
    """Try it again, where it is time."""
    if not _waits(state) or state.down is None or now < state.down.again_at:
        return state, ()
    return state, (Order.TAKE_DOWN,)


def asked_again(state: State) -> tuple[Action, ...]:
    """An operator who has mended something asks once more, and need not wait. An order that was given stays one."""
    stays = state.down is not None and bool(state.down.stays_because)
    return (Order.TAKE_DOWN,) if _waits(state) and stays else ()


def _waits(state: State) -> bool:
    return state.phase is Phase.IDLE and state.want.takes_host_down and not state.stop_asked
