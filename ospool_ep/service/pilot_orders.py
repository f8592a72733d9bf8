"""Performs what the lifecycle asks for about one pilot: to follow, to drain, to tell, to name, to stop, to remove it.

A pilot's orders have lanes. Its name, and what the other pilots hold, follow each other, and so do its watch and its
stop. The order to drain has a lane of its own, as HTCondor may take long to answer. No pilot waits for another one: all
are stopped side by side.
"""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Optional

from ospool_ep.container.specification import PILOT_UID, SCRATCH_TARGET
from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Do, Priority, Verb
from ospool_ep.lifecycle.state import State
from ospool_ep.pilot.answers import last_line
from ospool_ep.pilot.commands import DRAIN_COMMAND, tell_command
from ospool_ep.pilot.state import Share
from ospool_ep.service.find_pilot import is_legacy, is_ours, name_beside
from ospool_ep.service.guard import guarded
from ospool_ep.service.lanes import Lanes
from ospool_ep.service.leaving import let_leave
from ospool_ep.service.pilot_watch import PilotWatch
from ospool_ep.service.settings import Settings
from ospool_ep.service.watches import Watches
from ospool_ep.system.journal import Journal
from ospool_ep.wording import short_id

ORDER_TIMEOUT_SECONDS = 60.0
# What its two tools may take: the next one takes a core that is free within that time, or it is told anew.
TELL_TIMEOUT_SECONDS = 35.0
_REMOVAL = "removal"
# A shell's exit code for a command that a signal has ended is larger than this; then its container may be ending.
_KILLED = 128
_ENDS_WITHIN_SECONDS = 5.0


@dataclass(eq=False)
class PilotOrders:
    """The hands of the service on its pilots."""

    engine: Engine
    # Tells what the service goes by now.
    settings: Callable[[], Settings]
    journal: Journal
    # The engine's own command line.
    command: str
    # Takes what comes of an order.
    post: Callable[[ev.Event], None]
    # Tells how things stand now.
    state: Callable[[], State]
    # Is called once a container is gone, with the scratch directory that it had; empty: none, or that is not known.
    removed: Callable[[str], None]
    # As in ``Watches``.
    cursors: dict[str, str]

    def __post_init__(self) -> None:
        self._lanes = Lanes()
        # The containers whose removal was refused.
        self._unremoved: set[str] = set()
        # For each container: is held while it gets a name, and while it is removed.
        self._naming_or_removing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.watches = Watches(self._watch, self.cursors)

    def give(self, order: Do) -> None:
        """Have an order performed."""
        verb, container_id = order.verb, order.container_id
        # In which lane, what performs it, and the event that says that the engine refuses.
        performers: dict[Verb, tuple[str, Callable[[], None], Optional[Callable[[str, str], ev.Event]]]] = {
            Verb.FOLLOW: ("stop", lambda: self.watches.begin(container_id), None),
            Verb.STOP: ("stop", lambda: self._stop(container_id), ev.StopRefused),
            Verb.REMOVE: (_REMOVAL, lambda: self._remove(container_id), None),
            Verb.NAME: ("opening", lambda: self._name(container_id), ev.NameRefused),
            Verb.TELL: ("opening", lambda: self._tell(container_id, order.share), ev.TellRefused),
            Verb.DRAIN: ("drain", lambda: self._drain(container_id), ev.DrainRefused),
        }
        lane, perform, refused = performers[verb]
        if refused:
            perform = guarded(perform, partial(refused, container_id), self.post)
        self._lanes.give(lane, container_id, perform)

    def await_removals(self) -> None:
        """Until no container is being removed: each has a name, and would be found."""
        self._lanes.await_end(_REMOVAL)

    def _watch(self, container_id: str, cursor: Optional[str]) -> PilotWatch:
        return PilotWatch(
            self.engine, self.journal, container_id, cursor, self.post, self.state,
            lambda state: self.settings().advise(state), self.command,
        )  # fmt: skip

    def _stop(self, container_id: str) -> None:
        watch, seconds = self.watches.of(container_id), self.settings().spec.stop_timeout_seconds
        if watch:
            watch.stop_comes()
            seconds = let_leave(self.engine, container_id, seconds, watch.stop_begins)
        try:
            self.engine.stop(container_id, seconds)
        except NoSuchContainer:
            return
        except EngineError:
            if watch:
                watch.questions.look_again()
            raise

    def _remove(self, container_id: str) -> None:
        self.watches.leave(container_id)
        try:
            container = self.engine.container(container_id)
            with self._naming_or_removing[container_id]:
                self.engine.remove(container_id)
        except EngineError as error:
            with contextlib.suppress(EngineError):
                if self._runs(container_id):
                    self.post(ev.RunsAgain(container_id))
                    return
            self._not_removed(container_id, str(error))
            return
        self._unremoved.discard(container_id)
        self._naming_or_removing.pop(container_id, None)
        self.watches.forget(container_id)
        self.journal.forget_pilot(container_id)
        self.removed(container.mounts.get(SCRATCH_TARGET, "") if container else "")

    def _not_removed(self, container_id: str, why: str) -> None:
        """It is said here, once: a service that ends takes no event any more."""
        if container_id not in self._unremoved:
            text = f"The container {short_id(container_id)}, which has ended, was not removed, and is later: {why}"
            self.journal.say(Priority.WARNING, text, container_id)
        self._unremoved.add(container_id)
        self.post(ev.RemoveRefused(container_id, why))

    def _name(self, container_id: str) -> None:
        try:
            self._open_name(container_id, waits=False)
        except EngineUnreachable:
            raise
        except EngineError:
            # The one that has the name may be on its way out. What the others hold does not wait for that.
            again = guarded(lambda: self._name_again(container_id), partial(ev.NameRefused, container_id), self.post)
            self._lanes.give("naming", container_id, again)

    def _name_again(self, container_id: str) -> None:
        self.await_removals()
        self._open_name(container_id, waits=True)

    def _open_name(self, container_id: str, *, waits: bool) -> None:
        """Give it the name by which the open pilot is known. ``waits``: for a removal that has begun meanwhile."""
        name = self.settings().spec.name
        holder = self.engine.container(name)
        if holder and holder.id == container_id:
            return
        if holder and not is_ours(holder):
            # Its name is all that the next process would know the pilot of an earlier service by.
            whose = "The pilot of the package's earlier service" if is_legacy(holder) else "Somebody else's container"
            raise EngineError(f"{whose}, {short_id(holder.id)}, has the name {name}.")
        if holder:
            self._rename(holder.id, name_beside(name, short_id(holder.id)), waits=waits)
        self._rename(container_id, name, waits=waits)

    def _rename(self, container_id: str, name: str, *, waits: bool) -> None:
        """Docker keeps a name for good that a container gets, or loses, while it is being removed."""
        alone = self._naming_or_removing[container_id]
        if not alone.acquire(blocking=waits):
            raise EngineError(f"The container {short_id(container_id)} is being removed.")
        try:
            with contextlib.suppress(NoSuchContainer):
                self.engine.rename(container_id, name)
        finally:
            alone.release()

    def _tell(self, container_id: str, share: Share) -> None:
        why = self._order(container_id, tell_command(share), TELL_TIMEOUT_SECONDS)
        if why == "":
            self.post(ev.Told(container_id, share))
        elif why:
            self.post(ev.TellRefused(container_id, why))
            # With its next answer it is told again.
            if watch := self.watches.of(container_id):
                watch.questions.hint()

    def _drain(self, container_id: str) -> None:
        why = self._order(container_id, DRAIN_COMMAND, ORDER_TIMEOUT_SECONDS)
        if why:
            self.post(ev.DrainRefused(container_id, why))
        elif watch := self.watches.of(container_id):
            watch.questions.drain_told()

    def _order(self, container_id: str, command: Sequence[str], seconds: float) -> Optional[str]:
        """Why its HTCondor has not taken the order; empty where it has, None where the pilot has ended, or is about to.

        Raises EngineError.
        """
        try:
            done = self.engine.execute(container_id, command, user=str(PILOT_UID), timeout_seconds=seconds)
        except NoSuchContainer:
            return None
        if not done.exit_code:
            return ""
        goes_on = self._goes_on(container_id, killed=done.exit_code > _KILLED)
        return (last_line(done.output) or f"exit code {done.exit_code}") if goes_on else None

    def _goes_on(self, container_id: str, *, killed: bool) -> bool:
        """Whether it still runs. ``killed``: its end may have taken the command with it, and come in a moment."""
        deadline = time.monotonic() + (_ENDS_WITHIN_SECONDS if killed else 0.0)
        while self._runs(container_id):
            if time.monotonic() >= deadline:
                return True
            time.sleep(_ENDS_WITHIN_SECONDS / 20)
        return False

    def _runs(self, container_id: str) -> bool:
        container = self.engine.container(container_id)
        return container is not None and container.running
