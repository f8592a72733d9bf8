"""``ospool-ep run``: check everything, become the one service of this host, and run it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from ospool_ep import exit_codes
from ospool_ep.container.specification import CONTAINER_NAME, STOP_TIMEOUT_SECONDS
from ospool_ep.engine import chosen
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import Choice, Undecided
from ospool_ep.engine.engine_note import EngineNote, pilot_is_left
from ospool_ep.engine.interface import EngineError
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.state import Found
from ospool_ep.service.find_pilot import recognize
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.service.loop import Service
from ospool_ep.service.reload import Reload
from ospool_ep.service.settings import messages, settings_of
from ospool_ep.system import left_drain
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.system.systemd import notify, stop_is_wanted
from ospool_ep.wording import short_id

# Before the next process asks systemd again how the engines stand.
_SYSTEMD_SECONDS = 5


def run(config_path: str, inspection: HelperProcess, *, only_stop: bool = False) -> int:
    """Run the service until it is stopped. 78: the configuration has errors; 1: there is a service already.

    ``inspection`` has begun to read it, as ``helper_calls`` does. ``only_stop``: a process has died, and it is for this
    one to end the pilot that it has left running.
    """
    run_directory = RunDirectory()
    journal = Journal()
    try:
        inspected = inspection.value(Inspected)
    except HelperFailed as failure:
        journal.say(Priority.ERROR, str(failure))
        return exit_codes.FAILED
    journal.describe_site(inspected.file.site, inspected.file.resource)
    if not only_stop:
        for priority, text in messages(inspected):
            journal.say(priority, text)
    settings = settings_of(inspected)
    choice = inspected.engine
    if choice.undecided is Undecided.NOT_KNOWN:
        notify("STATUS=systemd does not answer")
        time.sleep(_SYSTEMD_SECONDS)
        return exit_codes.FAILED
    if settings is None or choice.address is None:
        text = f"No pilot is started: mend the errors above, then run 'systemctl start ospool-ep'. File: {config_path}"
        journal.say(Priority.ERROR, text + _left_alone(choice))
        _keep_drain(left_drain.leave, run_directory, journal)
        notify("STATUS=Wrong configuration: see 'ospool-ep check'")
        return exit_codes.CONFIG
    try:
        run_directory.lock()
    except AlreadyRunning as error:
        journal.say(Priority.ERROR, str(error))
        return exit_codes.FAILED
    _keep_drain(left_drain.take, run_directory, journal)
    note = EngineNote(choice.address, choice.basis, lambda error: journal.say(Priority.WARNING, _not_noted(error)))
    address = choice.address
    service = Service(
        DockerEngine(address.url),
        settings,
        journal,
        run_directory,
        ImageStore(address.socket),
        address.command,
        lambda wanted, answers: chosen.has_moved(note.kept, wanted, answers=answers),
        note.pilot_is,
        # A token that stands in the configuration is put into its file by the check before the first pilot.
        checked=inspected.checked if settings.token_location else None,
        reload=Reload(inspected.file, run_directory, journal).perform,
        stop_is_wanted=lambda: _stop_is_wanted(address),
    )
    if only_stop:
        service.stop()
    code = service.run()
    if code != exit_codes.LEFT:
        note.service_ends()
    if service.begins_anew:
        os.execv("/proc/self/exe", Path("/proc/self/cmdline").read_bytes().split(b"\0")[:-1])
    return code


def _keep_drain(keep: Callable[[RunDirectory], None], run_directory: RunDirectory, journal: Journal) -> None:
    """Over the end of a service that a wrong configuration keeps down: an operator has asked for the drain."""
    try:
        keep(run_directory)
    except OSError as error:
        journal.say(Priority.WARNING, f"The drain that was asked for was not kept: {why(error)}")


def _stop_is_wanted(address: EngineAddress) -> bool:
    wanted = stop_is_wanted()
    if wanted:
        chosen.wake_for_stop(address)
    return wanted


def _left_alone(choice: Choice) -> str:
    """What is to be known of a pilot that an earlier process has left running."""
    if choice.address is None:
        return ""
    try:
        container = DockerEngine(choice.address.url).container(CONTAINER_NAME)
    except EngineError:
        return ""
    if container is None or not container.running or recognize(container) is Found.FOREIGN:
        return ""
    problem = ""
    try:
        pilot_is_left(choice.address, container.id)
    except OSError as error:
        problem = f" {_not_noted(error)}"
    return (
        f" The pilot in container {short_id(container.id)} goes on with its jobs, and is taken over then."
        f" To end it now: {choice.address.command} stop -t {STOP_TIMEOUT_SECONDS} {CONTAINER_NAME}"
        f"{problem}"
    )


def _not_noted(error: OSError) -> str:
    return f"In which engine the pilot is was not kept, the next process may look for it in another one: {why(error)}"
