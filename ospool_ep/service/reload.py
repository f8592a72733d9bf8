"""``systemctl reload``: the configuration is read again; a wrong one changes nothing, a right one comes into effect."""

from collections.abc import Callable
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Severity
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import Event, Reconfigured
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Plan, Settings, finish_reading
from ospool_ep.system.helper_process import Call, NoResult
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory

_PRIORITIES = {Severity.ERROR: Priority.ERROR, Severity.WARNING: Priority.WARNING}


class Reload:
    """Remembers the configuration that the service goes by."""

    def __init__(self, plan: Plan, run_directory: RunDirectory, journal: Journal) -> None:
        self._plan = plan
        self._run_directory = run_directory
        self._journal = journal

    def perform(self, orders: Orders, post: Callable[[Optional[Event]], None], asked_at: float) -> None:
        """Read, check, and let the service go by it; the answer for whoever asked goes into the run-time directory."""
        said: list[tuple[Priority, str]] = []
        try:
            reading = finish_reading(Call("service.inspection:read", self._plan.path))
            said += [
                (_PRIORITIES[found.severity], found.as_text(self._plan.path)) for found in reading.checked.findings
            ]
            if reading.settings is None:
                said.append((Priority.ERROR, "The configuration has errors: the service goes on with the one before."))
                code = exit_codes.CONFIG
            else:
                taken = self._take(reading.plan, reading.settings, orders, post)
                said += [(Priority.NOTICE, sentence) for sentence in taken]
                code = exit_codes.OK
        except NoResult as failure:
            said.append((Priority.ERROR, f"The configuration was not read again: {failure}"))
            code = exit_codes.FAILED
        for priority, text in said:
            self._journal.say(priority, text)
        self._run_directory.answer_reload({"asked_at": asked_at, "code": code, "lines": [text for _, text in said]})

    def _take(
        self, plan: Plan, settings: Settings, orders: Orders, post: Callable[[Optional[Event]], None]
    ) -> tuple[str, ...]:
        files = self._plan.configuration, plan.configuration
        sentences, keys = Call("service.inspection:changes", *files).value()
        self._plan, orders.settings = plan, settings
        self._journal.describe_site(plan.site, plan.resource)
        why = f"the configuration has changed: {', '.join(keys)}" if keys else "the configuration has changed"
        post(Reconfigured(settings.policy, settings.spec.image, settings.fingerprint, why))
        return tuple(sentences)
