"""The service: one thread that owns the state, takes the events, decides, and reports.

A signal only puts an event into the queue, as everything else does.
"""

import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import Optional

from ospool_ep import exit_codes, lifecycle, status
from ospool_ep.container_spec import ContainerSpec
from ospool_ep.engine import Engine
from ospool_ep.events import Began, Event, Phase, Priority, Say, StopAsked, TimeUp, WantChanged
from ospool_ep.findings import Finding
from ospool_ep.journal import Journal, notify
from ospool_ep.orders import Orders
from ospool_ep.pilot_state import PilotState
from ospool_ep.run_directory import RunDirectory


class Service:
    """One run of the service, from its start to its end. The parameters are those of Orders."""

    def __init__(  # noqa: PLR0913
        self,
        engine: Engine,
        spec: ContainerSpec,
        journal: Journal,
        run_directory: RunDirectory,
        *,
        recheck: Callable[[], tuple[Finding, ...]],
        advise: Callable[[PilotState], str],
    ) -> None:
        self._spec = spec
        self._journal = journal
        self._run_directory = run_directory
        self._events: queue.SimpleQueue[Optional[Event]] = queue.SimpleQueue()
        self._orders = Orders(engine, spec, journal, post=self._events.put, recheck=recheck, advise=advise)
        self._state = lifecycle.initial(time.monotonic(), wanted=not run_directory.drain_asked)
        self._reported = ""
        self._ready = False

    def run(self) -> int:
        """Run until an operator stops the service. Returns the exit code."""
        threading.excepthook = self._crash
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._events.put(StopAsked()))
        signal.signal(signal.SIGUSR1, lambda *_: self._events.put(WantChanged(not self._run_directory.drain_asked)))
        self._orders.start()
        event: Optional[Event] = Began()
        while event is not None:
            self._take(event)
            event = self._next_event()
        # A stop ends a drain that was asked for: the next start of the service means pilots again.
        self._run_directory.clear_drain()
        return exit_codes.OK

    def _next_event(self) -> Optional[Event]:
        retry_at = self._state.retry_at
        try:
            return self._events.get(timeout=max(0.0, retry_at - time.monotonic()) if retry_at else None)
        except queue.Empty:
            return TimeUp()

    def _take(self, event: Event) -> None:
        before = self._state
        self._state, actions = lifecycle.step(before, event, time.monotonic())
        pilot = self._state.pilot or before.pilot
        for action in actions:
            if isinstance(action, Say):
                self._journal.say(action.priority, action.text)
            else:
                self._orders.give(action, pilot.container_id if pilot else "")
        self._report()

    def _report(self) -> None:
        clock_offset = time.time() - time.monotonic()
        current = status.report(self._state, clock_offset, self._spec.image, self._orders.image_digest)
        self._run_directory.write_status(current)
        lines = [f"STATUS={current['summary']}"] if current["summary"] != self._reported else []
        self._reported = current["summary"]
        if not self._ready and self._state.phase in (Phase.RUNNING, Phase.DRAINING, Phase.IDLE):
            self._ready = True
            lines.append("READY=1")
        if self._state.stop_asked:
            lines.append("STOPPING=1")
        if lines:
            notify("\n".join(lines))

    def _crash(self, failure: threading.ExceptHookArgs) -> None:
        trace = "".join(traceback.format_exception(failure.exc_type, failure.exc_value, failure.exc_traceback))
        self._journal.say(Priority.ERROR, f"A bug of ospool-ep; the service starts anew, the pilot goes on.\n{trace}")
        os._exit(exit_codes.BUG)
