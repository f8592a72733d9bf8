"""What a pilot is asked, and how often: in full, or only for what its jobs hold, as the hand-over goes by that.

A pilot hints in its log at what may have changed, and is asked then; in between its answer is believed for a while.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ospool_ep.container.specification import PILOT_UID
from ospool_ep.engine.interface import Engine, EngineError, NoSuchContainer
from ospool_ep.lifecycle.events import Event, Observed, Unanswered
from ospool_ep.lifecycle.state import Stage, State
from ospool_ep.pilot.answers import read_held, read_probe
from ospool_ep.pilot.commands import HELD_COMMAND, PROBE_COMMAND
from ospool_ep.pilot.state import Gpus, Offer, PilotState, Pool, Startd
from ospool_ep.wording import short_id

# What its tools may take, one after the other.
PROBE_TIMEOUT_SECONDS = 105.0

# How long an answer is believed when the log gives no hint that it has changed; hints come within seconds.
_JOINING_SECONDS = 2.0
_JOINS_WITHIN_SECONDS = 60.0
_SLOW_SECONDS = 10.0
_UNWELL_SECONDS = 15.0
_DRAINING_SECONDS = 10.0
_WELL_SECONDS = 120.0
# Beside another pilot: each of them goes by what the other one has said.
_BESIDE_SECONDS = 60.0
# It was told to drain, and has not said yet that it takes no claim any more: the next one waits for that.
_CONFIRMS_SECONDS = 2.0
CONFIRMS_WITHIN_SECONDS = 60.0
# A busy pilot hints at every job: between two questions there is always this much, and between two light ones.
_LEAST_SECONDS = 2.0
_LEAST_LIGHT_SECONDS = 1.0

_FIREWALL_ADVICE = (
    "Where firewalld was reloaded, the container has lost its network. Give it back: {command} network reload --all;"
    " at each reload: systemctl enable --now netavark-firewalld-reload"
)


def believed_for(state: PilotState) -> float:
    """For how many seconds an answer is good enough as long as the log gives no hint."""
    if state.startd in (Startd.DRAINING, Startd.GONE):
        return _DRAINING_SECONDS
    if state.startd is not Startd.READY or state.pool is Pool.UNKNOWN:
        return _JOINING_SECONDS
    takes_jobs = state.offer not in (Offer.UNVALIDATED, Offer.CLOSED) and not state.is_mute
    is_well = state.pool is Pool.ACCEPTS and takes_jobs
    return _WELL_SECONDS if is_well else _UNWELL_SECONDS


@dataclass(eq=False)
class PilotQuestions:
    """A thread that asks one pilot, and posts what it answers."""

    engine: Engine
    container_id: str
    # Tells how things stand now.
    state: Callable[[], State]
    tell: Callable[[Event], None]
    # As in Settings.
    advise: Callable[[PilotState], str]
    # The engine's own command line.
    command: str
    # When the startd has logged its end, by the monotonic clock; 0: it has not.
    last_words_at: Callable[[], float]
    # The pilot has ended, or is not watched any more.
    over: threading.Event

    def __post_init__(self) -> None:
        self._last_stand = Pool.UNKNOWN, Offer.UNKNOWN, False, Gpus.NONE
        self._last_startd = Startd.NOT_UP
        self._joins_since = time.monotonic()
        self._drain_told_at: Optional[float] = None
        self._hinted = threading.Event()
        self._unanswered = 0
        self._asks = True

    def start(self, first_wait: float) -> None:
        """Begin to ask: in so many seconds, or when the log hints at news."""
        threading.Thread(target=self._observe, args=(first_wait,), name="pilot-state", daemon=True).start()

    def hint(self) -> None:
        """Something may have changed."""
        self._hinted.set()

    def look_again(self) -> None:
        """Ask for the state now and not only when it is due, also where that was at its end."""
        self._asks = True
        self._hinted.set()

    def drain_told(self) -> None:
        """Its HTCondor has taken the order to drain: ask until it has come to that."""
        self._drain_told_at = time.monotonic()
        self._hinted.set()

    def end(self) -> None:
        """The pilot is being stopped: lines that it logs from now on lead to no further question."""
        self._asks = False

    def _observe(self, first_wait: float) -> None:
        self._hinted.wait(first_wait)
        while not self.over.is_set():
            begun, light = time.monotonic(), self._is_light(time.monotonic())
            self._hinted.wait(self._ask(light=light))
            # Hints stand around its last words, too; after those it answers only if it does not end.
            least = _LEAST_LIGHT_SECONDS if light else _LEAST_SECONDS
            self.over.wait(max(begun, self.last_words_at()) + least - time.monotonic())
            self._hinted.clear()

    def _is_light(self, now: float) -> bool:
        """Whether to ask only what it holds: the pool does not matter any more to a pilot that leaves."""
        pilot = self.state().pilot(self.container_id)
        return pilot is not None and pilot.stage is Stage.LEAVING and (pilot.confirmed or self._confirms_soon(now))

    def _confirms_soon(self, now: float) -> bool:
        return self._drain_told_at is not None and now - self._drain_told_at < CONFIRMS_WITHIN_SECONDS

    def _ask(self, *, light: bool) -> float:
        """Post what the pilot answers; returns for how many seconds that is good enough."""
        if not self._asks:
            return _UNWELL_SECONDS
        command = HELD_COMMAND if light else PROBE_COMMAND
        try:
            done = self.engine.execute(
                self.container_id, command, user=str(PILOT_UID), timeout_seconds=PROBE_TIMEOUT_SECONDS
            )
        except NoSuchContainer:
            # That is for the thread that waits for the end to say.
            return _UNWELL_SECONDS
        except EngineError as error:
            return self._note_silence(str(error))
        self._unanswered = 0
        if light:
            held = read_held(done.output)
            self.tell(Observed(self.container_id, held))
            return self._until_next_light(held)
        state = read_probe(done.output)
        self.tell(Observed(self.container_id, state, self._advice(state)))
        return self._until_next(state)

    def _until_next_light(self, held: PilotState) -> float:
        pilot = self.state().pilot(self.container_id)
        settled = pilot is None or (pilot.confirmed and held.holds is not None)
        return _BESIDE_SECONDS if settled else _CONFIRMS_SECONDS

    def _until_next(self, state: PilotState) -> float:
        now, everything = time.monotonic(), self.state()
        if self._last_startd is Startd.READY is not state.startd:
            # It has to join anew.
            self._joins_since = now
        self._last_startd = state.startd
        # What is new is asked twice, as it may be a passing moment.
        stands = state.pool, state.offer, state.is_mute, state.gpus
        news, self._last_stand = stands != self._last_stand, stands
        if news:
            return _JOINING_SECONDS
        # A cold start takes minutes, and says in the log when it is through.
        is_new = now - self._joins_since < _JOINS_WITHIN_SECONDS
        seconds = believed_for(state) if is_new else max(believed_for(state), _SLOW_SECONDS)
        pilot = everything.pilot(self.container_id)
        if pilot and pilot.stage is Stage.LEAVING:
            return min(seconds, _UNWELL_SECONDS)
        return min(seconds, _BESIDE_SECONDS) if len(everything.pilots) > 1 else seconds

    def _advice(self, state: PilotState) -> str:
        if state.pool is Pool.REFUSES:
            return self.advise(state)
        # Docker hears of firewalld's reloads; Podman's helper for that is off as a rule.
        lost = state.pool is Pool.UNREACHABLE and self.command.startswith("podman")
        return _FIREWALL_ADVICE.format(command=self.command) if lost else ""

    def _note_silence(self, reason: str) -> float:
        """An engine that hangs, or a container that somebody has paused; once may be a passing moment."""
        self._unanswered += 1
        if self._unanswered == 1:
            return _JOINING_SECONDS
        self.tell(Unanswered(self.container_id, self._paused() or reason))
        return _UNWELL_SECONDS

    def _paused(self) -> str:
        """What is to be said where somebody has paused the container; empty where that is not so, or not known."""
        try:
            container = self.engine.container(self.container_id)
        except EngineError:
            return ""
        paused = container is not None and container.paused
        go_on = f"{self.command} unpause {short_id(self.container_id)}"
        return f"its container is paused. Let it go on: {go_on}" if paused else ""
