"""``systemctl reload``: the configuration is read again; a wrong one changes nothing, a right one comes into effect.

A right one does so also where this host is not ready for it: what is missing may come, and is waited for.
"""

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Checked, Severity, has_errors
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import HoursSeen, Reconfigured
from ospool_ep.service.helper_answers import FileContent, Inspected
from ospool_ep.service.hours_watch import hours_now
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Settings, hindrance, messages, settings_of
from ospool_ep.system.file_stamp import stamp
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import why
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory

_NOT_READY = (
    "The configuration is in effect, and this host is not ready for the next pilot: mend the errors above. Until then a"
    " pilot that runs goes on, and no other one is started; this host is looked at again by itself."
)
_OTHER_ATTRIBUTES = (
    "The file of OSPOOL_EP_EXTRA_ATTRIBUTES says something else than at the last start or reload: each pilot that"
    " begins now takes it, and one that runs keeps what it has. To replace that one: ospool-ep drain --then start"
)


class Reload:
    """Remembers the configuration that the service goes by."""

    def __init__(self, file: FileContent, run_directory: RunDirectory, journal: Journal, attributes: str = "") -> None:
        """``attributes``: the operator's, as they were found with that."""
        self._file = file
        self._attributes = attributes
        self._stamp = file.stamp
        self._run_directory = run_directory
        self._journal = journal

    def has_changed(self) -> bool:
        """Whether the file is another one than was read; each change is told once."""
        before, self._stamp = self._stamp, str(stamp(self._file.path))
        return self._stamp != before

    def perform(self, orders: Orders, asked_at: float) -> None:
        """Read, check, and let the service go by it; the answer goes into the run-time directory."""
        said: list[tuple[Priority, str]] = []
        try:
            inspected = HelperProcess("service.helper_calls:read_again", self._file.path).value(Inspected)
            self._stamp = inspected.file.stamp
            said += messages(inspected.checked.findings, inspected.file.path)
            settings = settings_of(inspected)
            if settings is None:
                said.append((Priority.ERROR, "The configuration has errors: the service goes on with the one before."))
                code = exit_codes.CONFIG
            else:
                taken = self._take(inspected, settings, orders)
                said += [(Priority.NOTICE, sentence) for sentence in taken]
                said += [(Priority.ERROR, _NOT_READY)] if has_errors(inspected.checked.findings) else []
                code = exit_codes.OK
        except HelperFailed as failure:
            said.append((Priority.ERROR, f"The configuration was not read again: {failure}"))
            code = exit_codes.FAILED
        for priority, text in said:
            self._journal.say(priority, text)
        try:
            self._run_directory.answer_reload({"asked_at": asked_at, "code": code, "lines": [text for _, text in said]})
        except OSError as error:
            text = f"Who asked for the reload cannot be told what came of it: {why(error)}"
            self._journal.say(Priority.WARNING, text)

    def _take(self, inspected: Inspected, settings: Settings, orders: Orders) -> tuple[str, ...]:
        file, findings = inspected.file, inspected.checked.findings
        helper = HelperProcess("service.helper_calls:changes", self._file.configuration, file.configuration)
        sentences, keys = helper.value(tuple[tuple[str, ...], tuple[str, ...]])
        sentences += self._about_attributes(inspected.checked, keys)
        self._file, orders.settings = file, settings
        orders.host.heard(findings)
        self._journal.describe_site(file.site, file.resource)
        # They come first: no pilot is made that these hours do not let in.
        orders.post(HoursSeen(hours_now(settings.hours)))
        why = f"the configuration has changed: {', '.join(keys)}" if keys else "the configuration has changed"
        orders.post(Reconfigured(settings.policy, settings.spec.image, settings.fingerprint, why, hindrance(findings)))
        return sentences

    def _about_attributes(self, checked: Checked, keys: tuple[str, ...]) -> tuple[str, ...]:
        """What came of the operator's attributes: no other content makes a pilot outdated, only another file does."""
        key = "OSPOOL_EP_EXTRA_ATTRIBUTES"
        if any(finding.key == key and finding.severity is Severity.ERROR for finding in checked.findings):
            return ()
        before, self._attributes = self._attributes, checked.attributes
        return () if before == self._attributes or key in keys else (_OTHER_ATTRIBUTES,)
