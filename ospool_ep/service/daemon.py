"""``ospool-ep run``: check everything, become the one service of this host, and run it."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import files_with_errors
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.choice import Choice, Undecided
from ospool_ep.engine.engine_note import pilots_are_left
from ospool_ep.engine.interface import EngineError
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.start import GOES_ON
from ospool_ep.pilot.commands import END_COMMAND
from ospool_ep.service.find_pilot import look
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.service.loop import Service
from ospool_ep.service.not_yet import NotYetError, Patience
from ospool_ep.service.own_engine import own_engine
from ospool_ep.service.reload import Reload
from ospool_ep.service.settings import messages, settings_of
from ospool_ep.system import left_drain
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.system.systemd import notify, somebody_waits, started_us
from ospool_ep.this_service import this_service
from ospool_ep.wording import short_id


def run(config_path: str, inspection: Optional[HelperProcess], *, only_stop: bool = False) -> int:
    """Run the service until it is stopped. 78: the file is wrong; 1: a start has failed that somebody waits for.

    ``inspection`` has begun to read it, as ``helper_calls`` does; None where it could not begin. ``only_stop``: a
    process has died, and it is for this one to end the pilot that it has left running.
    """
    began = time.monotonic()
    run_directory, journal = RunDirectory(), Journal()
    # Asked while the helper reads.
    start_began = began if not only_stop and somebody_waits() else None
    waits = not only_stop and start_began is None and started_us()
    patience = Patience(journal, run_directory)
    patience.listen()
    inspected: Optional[Inspected] = None
    while inspected is None:
        try:
            inspected = _inspected(inspection, config_path, only_stop=only_stop)
            if inspected.file.spec and not patience.locked:
                _lock(run_directory)
        except NotYetError as reason:
            if not waits:
                journal.say(Priority.ERROR, f"{reason} {GOES_ON}" if start_began else str(reason))
                return exit_codes.FAILED
            patience.wait(str(reason))
            inspection, inspected = None, None
    _say(inspected, journal, only_stop=only_stop)
    settings = settings_of(inspected)
    if settings is None:
        return _stays_down(inspected, run_directory, journal, patience)
    _keep_drain(left_drain.take, run_directory, journal)
    own = own_engine(inspected, lambda error: journal.say(Priority.WARNING, _not_noted(error)))
    reload = Reload(inspected.file, run_directory, journal, inspected.checked.attributes)
    service = Service(
        own.engine,
        settings,
        journal,
        run_directory,
        ImageStore(own.socket),
        own.command,
        own.has_moved,
        own.note_pilots,
        # A token that stands in the configuration is put into its file by the check before the first pilot.
        checked=inspected.checked if settings.token_location else None,
        findings=inspected.checked.findings,
        reload=reload.perform,
        file_has_changed=reload.has_changed,
        stop_is_wanted=own.stop_is_wanted,
        start_engine_again=own.start_again,
        start_began=start_began,
    )
    if only_stop:
        service.stop()
    code = service.run(lambda: patience.unanswered)
    if code != exit_codes.LEFT:
        own.service_ends()
    if service.begins_anew:
        os.execv("/proc/self/exe", Path("/proc/self/cmdline").read_bytes().split(b"\0")[:-1])
    return code


def _keep_drain(keep: Callable[[RunDirectory], None], run_directory: RunDirectory, journal: Journal) -> None:
    """Over the end of a service that a wrong configuration keeps down: an operator has asked for the drain."""
    try:
        keep(run_directory)
    except OSError as error:
        journal.say(Priority.WARNING, f"The drain that was asked for was not kept: {why(error)}")


def _inspected(inspection: Optional[HelperProcess], config_path: str, *, only_stop: bool) -> Inspected:
    """What the helper has found. NotYetError where that is nothing to go by."""
    call = "service.helper_calls:read_to_stop" if only_stop else "service.helper_calls:read_to_start"
    try:
        inspected = (inspection or HelperProcess(call, config_path)).value(Inspected)
    except HelperFailed as failure:
        raise NotYetError(str(failure)) from failure
    if not inspected.file.read and not only_stop:
        # It may lie on a file system that is mounted late.
        reasons = " ".join(found.as_text(inspected.file.path) for found in inspected.checked.findings)
        raise NotYetError(reasons + _left_alone(inspected.engine))
    if inspected.engine.undecided is Undecided.NOT_KNOWN and inspected.engine.address is None:
        raise NotYetError("systemd does not say which container engine runs.")
    return inspected


def _say(inspected: Inspected, journal: Journal, *, only_stop: bool) -> None:
    journal.describe_site(inspected.file.site, inspected.file.resource)
    if not only_stop:
        for priority, text in messages(inspected.checked.findings, inspected.file.path):
            journal.say(priority, text)


def _lock(run_directory: RunDirectory) -> None:
    try:
        run_directory.lock()
    except AlreadyRunning as running:
        raise NotYetError(str(running)) from running
    except OSError as failure:
        raise NotYetError(f"The run-time directory can't be used: {failure}.") from failure


def _stays_down(inspected: Inspected, run_directory: RunDirectory, journal: Journal, patience: Patience) -> int:
    """What is wrong stands in the file itself: only a person can mend it.

    So it is where a service that could not read the file before is asked to read it again: it has none to go on with.
    """
    path, findings = inspected.file.path, inspected.checked.findings
    files, name = files_with_errors(findings, path), this_service().name
    text = f"No pilot is started: mend the errors above, then run 'systemctl start {name}'. File: {files}"
    journal.say(Priority.ERROR, text + _left_alone(inspected.engine))
    patience.answer(exit_codes.CONFIG, [*(said for _, said in messages(findings, path)), text])
    _keep_drain(left_drain.leave, run_directory, journal)
    notify(f"STATUS=Wrong configuration: see '{this_service().command('check')}'")
    return exit_codes.CONFIG


def _left_alone(choice: Choice) -> str:
    """What is to be known of the pilots that an earlier process has left running."""
    if choice.address is None:
        return ""
    try:
        left = look(DockerEngine(choice.address.url), this_service().container_name).running
    except EngineError:
        return ""
    if not left:
        return ""
    problem = ""
    try:
        pilots_are_left(choice.address, [container.id for container in left])
    except OSError as error:
        problem = f" {_not_noted(error)}"
    names = " and ".join(short_id(container.id) for container in left)
    go_on = (
        f"The pilot in container {names} goes on with its jobs, and is taken over then. To end it now, and evict them"
    )
    if len(left) > 1:
        go_on = f"The pilots in containers {names} go on with their jobs, and are taken over then. To end them now"
    tool = f"{choice.address.command} exec -u {PILOT_UID}"
    return f" {go_on}: {'; '.join(f'{tool} {container.name} {END_COMMAND}' for container in left)}{problem}"


def _not_noted(error: OSError) -> str:
    return f"In which engine pilots are was not kept, the next process may look for them in another one: {why(error)}"
