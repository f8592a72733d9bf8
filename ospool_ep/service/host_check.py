"""The check of this host before each pilot: done once where it is needed twice in a row, and what is new is said."""

import threading
import time
from collections.abc import Iterable
from typing import Optional

from ospool_ep.configuration.findings import Checked, Finding, Severity, has_errors
from ospool_ep.service.settings import Settings, messages
from ospool_ep.system.journal import Journal

# What was found a few seconds ago holds.
_HOLDS_SECONDS = 5.0


class HostCheck:
    """Remembers what was found last."""

    def __init__(
        self, settings: Settings, checked: Optional[Checked], said: Iterable[Finding], journal: Journal
    ) -> None:
        """``checked`` was found just now, ``said`` is in the journal."""
        # For which settings, when, and what.
        self._found: Optional[tuple[Settings, float, Checked]] = (
            (settings, time.monotonic(), checked) if checked else None
        )
        self._said = _kinds(said)
        self._journal = journal
        # The last settings with which a look has found something that may fail: what is mounted late is, too.
        self._may_fail: Optional[Settings] = None
        # Who comes while it is done gets the same result.
        self._one_at_a_time = threading.Lock()

    def result(self, settings: Settings) -> Checked:
        """What has been found; this host is checked now where that was not done just before, or for other settings.

        A launch that follows at once finds it again, and later ones do not. Errors that are new are said.
        """
        with self._one_at_a_time:
            return self._result(settings)

    def _result(self, settings: Settings) -> Checked:
        found = self._found
        fresh = found and found[0] is settings and time.monotonic() - found[1] < _HOLDS_SECONDS
        checked = found[2] if found and fresh else settings.recheck()
        if checked.may_fail:
            self._may_fail = settings
        self._found = None if has_errors(checked.findings) else (settings, time.monotonic(), checked)
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
        self._found = None

    def heard(self, findings: Iterable[Finding]) -> None:
        """These are in the journal."""
        self._said = _kinds(findings)


def _kinds(findings: Iterable[Finding]) -> frozenset[tuple[str, Optional[str]]]:
    # Their texts may hold a time.
    return frozenset((finding.code, finding.key) for finding in findings)
