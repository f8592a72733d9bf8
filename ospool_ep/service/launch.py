"""From the settings to a running pilot, with a check of this host before."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Optional

from ospool_ep.configuration.findings import Checked, Severity
from ospool_ep.container.specification import TOKEN_LABEL, ContainerSpec
from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import Event, Launched, LaunchRefused
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.service.find_pilot import pilot_in
from ospool_ep.service.image_orders import LAST_GOOD
from ospool_ep.service.settings import Settings
from ospool_ep.system.journal import Journal

# What was found a few seconds ago holds.
_EARLY_SECONDS = 5.0


class EarlyCheck:
    """A check of the host that was begun a moment before its result is needed."""

    def __init__(self, settings: Settings, checked: Optional[Checked]) -> None:
        """``checked`` was found just now."""
        # For which settings it was begun, when, and what waits for its result.
        self._begun: Optional[tuple[Settings, float, Callable[[], Checked]]] = (
            (settings, time.monotonic(), lambda: checked) if checked else None
        )

    def begin(self, settings: Settings) -> None:
        """Begin to check, unless that was begun; it goes on beside what else is done."""
        if self._result_for(settings) is None:
            found: queue.SimpleQueue[Checked] = queue.SimpleQueue()
            threading.Thread(target=lambda: found.put(settings.recheck()), name="check", daemon=True).start()
            self._begun = settings, time.monotonic(), found.get

    def result(self, settings: Settings) -> Checked:
        """What has been found; it is checked now where that was not begun just before, or for other settings."""
        result, self._begun = self._result_for(settings) or settings.recheck, None
        return result()

    def _result_for(self, settings: Settings) -> Optional[Callable[[], Checked]]:
        begun = self._begun
        return begun[2] if begun and begun[0] is settings and time.monotonic() - begun[1] < _EARLY_SECONDS else None


def launch(engine: Engine, settings: Settings, checked: Checked, images: ImageRecord, journal: Journal) -> Event:
    """Create and start the pilot's container; gives a Launched or a LaunchRefused. Raises EngineUnreachable."""
    errors = [finding for finding in checked.findings if finding.severity is Severity.ERROR]
    if errors:
        reasons = " ".join(f"{finding.message} {finding.hint} [{finding.code}]" for finding in errors)
        return LaunchRefused(f"No pilot can run now: {reasons}")
    container_id = ""
    try:
        spec = _chosen(engine, settings.spec, images, journal)
        if checked.token:
            # Each later process notices by that that another token is on disk.
            spec = replace(spec, labels=(*spec.labels, (TOKEN_LABEL, checked.token)))
        container_id = engine.create(spec)
        engine.start(container_id)
        container = engine.container(container_id)
    except EngineUnreachable:
        raise
    except EngineError as error:
        if container_id:
            # What stays of it is removed when it is found.
            with contextlib.suppress(EngineError):
                engine.remove(container_id)
        return LaunchRefused(f"The engine did not start the pilot: {error}")
    if container is None:
        return LaunchRefused("Somebody else removed the pilot's container as it was starting.")
    return Launched(pilot_in(container, engine))


def _chosen(engine: Engine, spec: ContainerSpec, images: ImageRecord, journal: Journal) -> ContainerSpec:
    """With the last good image where the newest has failed."""
    good = images.stand_in(spec.image)
    if good is None:
        return spec
    named = engine.image(LAST_GOOD)
    if named and named.id == good.id:
        return replace(spec, image=LAST_GOOD)
    if engine.image(good.id):
        return replace(spec, image=good.id)
    text = f"The last good image, {good.name}, has been removed by somebody: the newest is used although it failed."
    journal.say(Priority.WARNING, text)
    return spec
