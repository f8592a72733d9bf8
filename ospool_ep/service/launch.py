"""From the settings to a running pilot, with a check of this host before."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Optional

from ospool_ep.configuration.findings import Checked, Finding, Severity, has_errors
from ospool_ep.container.specification import TOKEN_LABEL, ContainerSpec
from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import Event, HostChecked, Launched, LaunchRefused
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.service.find_pilot import pilot_in
from ospool_ep.service.image_orders import LAST_GOOD
from ospool_ep.service.settings import Settings, hindrance, messages
from ospool_ep.system.journal import Journal

# What was found a few seconds ago holds.
_EARLY_SECONDS = 5.0


class HostCheck:
    """The check of this host: begun a moment before its result is needed, and done once where it is needed twice."""

    def __init__(
        self, settings: Settings, checked: Optional[Checked], said: Iterable[Finding], journal: Journal
    ) -> None:
        """``checked`` was found just now, ``said`` is in the journal."""
        # For which settings it was begun, when, and what waits for its result.
        self._begun: Optional[tuple[Settings, float, Callable[[], Checked]]] = (
            (settings, time.monotonic(), lambda: checked) if checked else None
        )
        self._said = _kinds(said)
        self._journal = journal
        # The last settings with which a look has found something that may fail: what is mounted late is, too.
        self._may_fail: Optional[Settings] = None
        # A result that was begun early comes once.
        self._one_at_a_time = threading.Lock()

    def begin(self, settings: Settings) -> None:
        """Begin to check, unless that was begun; it goes on beside what else is done."""
        if self._result_for(settings) is None:
            found: queue.SimpleQueue[Checked] = queue.SimpleQueue()
            threading.Thread(target=lambda: found.put(settings.recheck()), name="check", daemon=True).start()
            self._begun = settings, time.monotonic(), found.get

    def result(self, settings: Settings) -> Checked:
        """What has been found; it is checked now where that was not begun just before, or for other settings.

        A launch that follows at once finds it again, and later ones do not. Errors that are new are said.
        """
        with self._one_at_a_time:
            return self._result(settings)

    def _result(self, settings: Settings) -> Checked:
        checked = (self._result_for(settings) or settings.recheck)()
        if checked.may_fail:
            self._may_fail = settings
        self._begun = None if has_errors(checked.findings) else (settings, time.monotonic(), lambda: checked)
        errors = [finding for finding in checked.findings if finding.severity is Severity.ERROR]
        for priority, text in messages((one for one in errors if not _kinds([one]) & self._said), settings.path):
            self._journal.say(priority, text)
        self._said = _kinds(errors)
        return checked

    def may_fail(self, settings: Settings) -> bool:
        """Whether something of this host was found, then or since, that is to be looked at while a pilot runs."""
        return settings.looks_at_host or self._may_fail is settings

    def forget(self) -> None:
        """What was found has had its use."""
        self._begun = None

    def heard(self, findings: Iterable[Finding]) -> None:
        """These are in the journal."""
        self._said = _kinds(findings)

    def _result_for(self, settings: Settings) -> Optional[Callable[[], Checked]]:
        begun = self._begun
        return begun[2] if begun and begun[0] is settings and time.monotonic() - begun[1] < _EARLY_SECONDS else None


def _kinds(findings: Iterable[Finding]) -> frozenset[tuple[str, Optional[str]]]:
    # Their texts may hold a time.
    return frozenset((finding.code, finding.key) for finding in findings)


def launch(engine: Engine, settings: Settings, checked: Checked, images: ImageRecord, journal: Journal) -> Event:
    """Create and start the pilot's container; gives a Launched, or why there is none. Raises EngineUnreachable."""
    if hindered := hindrance(checked.findings):
        return HostChecked(hindered)
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
