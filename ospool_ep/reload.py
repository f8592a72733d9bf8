"""``systemctl reload``: the configuration is read again; a wrong one changes nothing, a right one comes into effect."""

from collections.abc import Callable
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.config_changes import Change, as_sentences, changes
from ospool_ep.configuration import Configuration
from ospool_ep.events import Event, Priority, Reconfigured
from ospool_ep.findings import Severity
from ospool_ep.journal import Journal
from ospool_ep.orders import Orders
from ospool_ep.run_directory import RunDirectory
from ospool_ep.setup import Reading, read_setup, token_path

_PRIORITIES = {Severity.ERROR: Priority.ERROR, Severity.WARNING: Priority.WARNING}


class Reload:
    """Remembers the configuration that the service goes by."""

    def __init__(self, configuration: Configuration, run_directory: RunDirectory, journal: Journal) -> None:
        self._configuration = configuration
        self._run_directory = run_directory
        self._journal = journal

    def perform(self, orders: Orders, post: Callable[[Optional[Event]], None], asked_at: float) -> None:
        """Read, check, and let the service go by it; the answer for whoever asked goes into the run-time directory."""
        reading = read_setup(self._configuration.path, self._run_directory)
        said = [(_PRIORITIES[found.severity], found.as_text(reading.configuration.path)) for found in reading.findings]
        if reading.setup is None:
            said.append((Priority.ERROR, "The configuration has errors: the service goes on with the one before."))
        else:
            said += [(Priority.NOTICE, sentence) for sentence in self._take(reading, orders, post)]
        for priority, text in said:
            self._journal.say(priority, text)
        code = exit_codes.OK if reading.setup else exit_codes.CONFIG
        self._run_directory.answer_reload({"asked_at": asked_at, "code": code, "lines": [text for _, text in said]})

    def _take(self, reading: Reading, orders: Orders, post: Callable[[Optional[Event]], None]) -> tuple[str, ...]:
        setup, before, after = reading.setup, self._configuration, reading.configuration
        assert setup is not None
        changed = changes(
            before, after, token_path(before, self._run_directory), token_path(after, self._run_directory)
        )
        self._configuration, orders.setup = after, setup
        self._journal.describe_site(after.text("GLIDEIN_Site"), after.text("GLIDEIN_ResourceName"))
        post(Reconfigured(setup.policy, setup.spec.image, setup.spec.fingerprint(), _why(changed)))
        return tuple(as_sentences(changed))


def _why(changed: tuple[Change, ...]) -> str:
    keys = ", ".join(change.key for change in changed if change.needs_new_pilot)
    return f"the configuration has changed: {keys}" if keys else "the configuration has changed"
