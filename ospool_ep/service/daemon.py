"""``ospool-ep run``: check everything, become the one service of this host, and run it."""

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Finding, Severity
from ospool_ep.container.specification import CONTAINER_NAME
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.address import default_socket, keep_to
from ospool_ep.engine.interface import Engine, EngineError
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.state import Found
from ospool_ep.service.launch import recognize
from ospool_ep.service.loop import Service
from ospool_ep.service.reload import Reload
from ospool_ep.service.settings import finish_reading
from ospool_ep.system.helper_process import Call, NoResult
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal, notify
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.system.systemd import stop_is_wanted
from ospool_ep.wording import short_id


def run(config_path: str, reading_call: Call, *, only_stop: bool = False) -> int:
    """Run the service until it is stopped. 78: the configuration has errors; 1: there is a service already.

    ``reading_call`` has begun to read the configuration. ``only_stop``: a process has died, and it is for this one to
    end the pilot that it has left running.
    """
    run_directory = RunDirectory()
    journal = Journal()
    engine = DockerEngine()
    try:
        reading = finish_reading(reading_call)
    except NoResult as failure:
        journal.say(Priority.ERROR, str(failure))
        return exit_codes.FAILED
    journal.describe_site(reading.plan.site, reading.plan.resource)
    if not only_stop:
        _say(journal, config_path, reading.checked.findings)
    if reading.settings is None:
        text = f"No pilot is started: mend the errors above, then run 'systemctl start ospool-ep'. File: {config_path}"
        journal.say(Priority.ERROR, text + _left_alone(engine))
        notify("STATUS=Wrong configuration: see 'ospool-ep check'")
        return exit_codes.CONFIG
    try:
        run_directory.lock()
    except AlreadyRunning as error:
        journal.say(Priority.ERROR, str(error))
        return exit_codes.FAILED
    keep_to(default_socket())
    service = Service(
        engine,
        reading.settings,
        journal,
        run_directory,
        ImageStore(),
        # A token that stands in the configuration is put into its file by the check before the first pilot.
        checked=reading.checked if reading.settings.token_location else None,
        reload=Reload(reading.plan, run_directory, journal),
        stop_is_wanted=stop_is_wanted,
    )
    if only_stop:
        service.stop()
    return service.run()


def _say(journal: Journal, config_path: str, findings: tuple[Finding, ...]) -> None:
    priorities = {Severity.ERROR: Priority.ERROR, Severity.WARNING: Priority.WARNING}
    for finding in findings:
        journal.say(priorities[finding.severity], finding.as_text(config_path))


def _left_alone(engine: Engine) -> str:
    """What is to be known of a pilot that an earlier process has left running."""
    try:
        container = engine.container(CONTAINER_NAME)
    except EngineError:
        return ""
    if container is None or not container.running or recognize(container) is Found.FOREIGN:
        return ""
    return (
        f" The pilot in container {short_id(container.id)} goes on with its jobs, and is taken over then."
        f" To end it now: docker stop -t 120 {CONTAINER_NAME}"
    )
