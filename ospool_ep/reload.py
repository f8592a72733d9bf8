"""``systemctl reload``: the configuration is read again; a wrong one changes nothing, a right one comes into effect."""

from collections.abc import Callable
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.apart import Call, NoResult
from ospool_ep.events import Event, Priority, Reconfigured
from ospool_ep.findings import Severity
from ospool_ep.journal import Journal
from ospool_ep.orders import Orders
from ospool_ep.run_directory import RunDirectory
from ospool_ep.setup import Plan, Setup, finish_reading

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
            reading = finish_reading(Call("survey:read", self._plan.path))
            said += [
                (_PRIORITIES[found.severity], found.as_text(self._plan.path)) for found in reading.checked.findings
            ]
            if reading.setup is None:
                said.append((Priority.ERROR, "The configuration has errors: the service goes on with the one before."))
                code = exit_codes.CONFIG
            else:
                taken = self._take(reading.plan, reading.setup, orders, post)
                said += [(Priority.NOTICE, sentence) for sentence in taken]
                code = exit_codes.OK
        except NoResult as failure:
            said.append((Priority.ERROR, f"The configuration was not read again: {failure}"))
            code = exit_codes.FAILED
        for priority, text in said:
            self._journal.say(priority, text)
        self._run_directory.answer_reload({"asked_at": asked_at, "code": code, "lines": [text for _, text in said]})

    def _take(
        self, plan: Plan, setup: Setup, orders: Orders, post: Callable[[Optional[Event]], None]
    ) -> tuple[str, ...]:
        files = self._plan.configuration, plan.configuration
        sentences, keys = Call("survey:changes", *files).value()
        self._plan, orders.setup = plan, setup
        self._journal.describe_site(plan.site, plan.resource)
        why = f"the configuration has changed: {', '.join(keys)}" if keys else "the configuration has changed"
        post(Reconfigured(setup.policy, setup.spec.image, setup.fingerprint, why))
        return tuple(sentences)
