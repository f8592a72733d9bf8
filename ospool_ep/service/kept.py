"""What the service keeps in files, for its commands and for the process that follows."""

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Optional

from ospool_ep import exit_codes
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import Event, Looked, PilotEnded
from ospool_ep.lifecycle.state import Phase, State, Want
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.this_service import this_service
from ospool_ep.wording import short_id


@dataclass(eq=False)
class KeptFiles:
    """A file that can't be written keeps no pilot from its work; it is said what was not kept."""

    run_directory: RunDirectory
    store: ImageStore
    journal: Journal
    # As in ``loop.Service``.
    note_pilots: Callable[[Optional[Collection[str]]], None]

    def __post_init__(self) -> None:
        self._unpublished = False

    def keep(self, before: State, state: State, event: Event) -> None:
        """Keep what that event has changed. To be called before the orders: a launch may be the last of a process."""
        # Whether the image is here is found out anew by each process; to keep the rest takes the disk's time.
        if replace(state.images, here=before.images.here) != before.images:
            try:
                self.store.save(state.images)
            except OSError as error:
                # What it costs is a trial of an image that was tried before, at the next start of this process.
                self._warn("What is known of the images was not kept", error)
        self._keep_drains(_drains(before), state)
        if state.phase is Phase.LAUNCHING:
            self.note_pilots(None)
        elif state.pilots or isinstance(event, (Looked, PilotEnded)):
            self.note_pilots(_containers(state))

    def end_drain(self) -> None:
        """A stop ends a drain that was asked for: the next start of the service means pilots again."""
        try:
            self.run_directory.clear_drain()
        except OSError as error:
            self._warn("The drain was not taken back", error)

    def publish(self, report: dict[str, Any], state: State) -> None:
        """Write the report. Where the lock is another service's by now, this process ends at once."""
        try:
            if self.run_directory.hold_lock():
                self._restore(state)
            self.run_directory.write_status(report)
        except AlreadyRunning as error:
            self.journal.say(Priority.ERROR, str(error))
            os._exit(exit_codes.FAILED)
        except OSError as error:
            if not self._unpublished:
                command = this_service().command("status")
                text = f"'{command}' cannot tell how this host does, what runs goes on: {why(error)}"
                self.journal.say(Priority.ERROR, text)
            self._unpublished = True
        else:
            self._unpublished = False

    def _keep_drains(self, noted: dict[str, tuple[float, Optional[float]]], state: State) -> None:
        for container_id, note in _drains(state).items():
            if noted.get(container_id) == note:
                continue
            try:
                self.run_directory.note_drain(container_id, *note)
            except OSError as error:
                name = short_id(container_id)
                text = f"Since when the pilot in container {name} drains was not kept"
                self._warn(f"{text}, its limit begins anew with the next process", error)

    def _restore(self, state: State) -> None:
        """Somebody has removed the run-time directory, and with it what an operator has asked for."""
        text = f"Somebody has removed {self.run_directory.path}; what the service keeps there is put back."
        self.journal.say(Priority.WARNING, text)
        if state.want is not Want.PILOTS:
            self.run_directory.ask_drain(state.want, time.time() - (time.monotonic() - state.want_since))
        self._keep_drains({}, state)
        self.note_pilots(None)
        if state.pilots or state.phase is Phase.IDLE:
            self.note_pilots(_containers(state))

    def _warn(self, what: str, error: OSError) -> None:
        self.journal.say(Priority.WARNING, f"{what}: {why(error)}")


def _containers(state: State) -> tuple[str, ...]:
    return tuple(pilot.container_id for pilot in state.pilots)


def _drains(state: State) -> dict[str, tuple[float, Optional[float]]]:
    """Since when each pilot drains, and since when with a limit, by container."""
    return {
        pilot.container_id: (pilot.draining_since, pilot.limited_since)
        for pilot in state.pilots
        if pilot.draining_since is not None
    }
