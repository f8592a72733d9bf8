"""``ospool-ep run``: check everything, become the one service of this host, and run it."""

from ospool_ep import exit_codes, pilot_container
from ospool_ep.check import check_all, explain_refusal, recheck
from ospool_ep.configuration import Configuration, read_configuration
from ospool_ep.container_spec import PILOT_UID
from ospool_ep.docker_engine import DockerEngine
from ospool_ep.events import Priority
from ospool_ep.findings import Finding, Severity
from ospool_ep.journal import Journal, notify
from ospool_ep.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.service import Service

# An engine that does not answer may do so in a minute; nothing else on the list of errors mends itself.
_PASSING = frozenset(("engine-unreachable",))


def run(config_path: str) -> int:
    """Run the service until it is stopped. 78: the configuration has errors; 1: there is a service already."""
    configuration, found = read_configuration(config_path)
    journal = Journal(
        {
            "OSPOOL_EP_SITE": configuration.text("GLIDEIN_Site"),
            "OSPOOL_EP_RESOURCE": configuration.text("GLIDEIN_ResourceName"),
        }
    )
    findings = check_all(configuration, found).findings
    _say(journal, config_path, findings)
    if any(finding.severity is Severity.ERROR and finding.code not in _PASSING for finding in findings):
        text = f"No pilot is started: mend the errors above, then run 'systemctl start ospool-ep'. File: {config_path}"
        journal.say(Priority.ERROR, text)
        notify("STATUS=Wrong configuration: see 'ospool-ep check'")
        return exit_codes.CONFIG
    run_directory = RunDirectory()
    try:
        run_directory.lock()
    except AlreadyRunning as error:
        journal.say(Priority.ERROR, str(error))
        return exit_codes.FAILED
    service = Service(
        DockerEngine(),
        pilot_container.build(configuration, _token_path(configuration, run_directory)),
        journal,
        run_directory,
        recheck=lambda: recheck(configuration),
        advise=lambda state: explain_refusal(configuration, state.identity),
    )
    return service.run()


def _say(journal: Journal, config_path: str, findings: tuple[Finding, ...]) -> None:
    priorities = {Severity.ERROR: Priority.ERROR, Severity.WARNING: Priority.WARNING}
    for finding in findings:
        journal.say(priorities[finding.severity], finding.as_text(config_path))


def _token_path(configuration: Configuration, run_directory: RunDirectory) -> str:
    """The file that the pilot gets its token from; one that stands in the configuration is put into a file."""
    token = configuration.text("TOKEN")
    return str(run_directory.write_token(token, PILOT_UID)) if token else configuration.text("TOKEN_LOCATION")
