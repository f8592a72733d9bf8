"""What the service goes by: all that one reading of the configuration gives. A reload replaces it as a whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ospool_ep import pilot_container
from ospool_ep.check import check_all, explain_refusal, look_at_token, recheck
from ospool_ep.configuration import Configuration, read_configuration
from ospool_ep.container_spec import PILOT_UID, ContainerSpec
from ospool_ep.findings import Finding, Severity
from ospool_ep.image_reference import parse
from ospool_ep.pilot_state import PilotState
from ospool_ep.policy import Policy, UpdatePolicy
from ospool_ep.run_directory import RunDirectory
from ospool_ep.service_policy import policy

# An engine that does not answer may do so in a minute; nothing else on the list of errors mends itself.
_PASSING = frozenset(("engine-unreachable",))


@dataclass(frozen=True)
class Setup:
    """``recheck`` finds what keeps the next pilot from getting jobs, ``advise`` says why the pool refuses one.

    ``look_at_token`` gives a hash of the token, and what is wrong with it or soon will be. ``only_missing``: an image
    that is here is never asked for again.
    """

    spec: ContainerSpec
    policy: Policy
    recheck: Callable[[], tuple[Finding, ...]]
    advise: Callable[[PilotState], str]
    look_at_token: Callable[[], tuple[str, str]]
    token_location: str = ""
    only_missing: bool = False


@dataclass(frozen=True)
class Reading:
    """The configuration as read, what was found in it and on this host, and the setup where nothing forbids one."""

    configuration: Configuration
    findings: tuple[Finding, ...]
    setup: Optional[Setup]


def read_setup(config_path: str, run_directory: RunDirectory) -> Reading:
    """Read the configuration and check it with this host, as ``ospool-ep check`` does."""
    configuration, found = read_configuration(config_path)
    findings = check_all(configuration, found).findings
    fatal = any(finding.severity is Severity.ERROR and finding.code not in _PASSING for finding in findings)
    return Reading(configuration, findings, None if fatal else _setup(configuration, run_directory))


def token_path(configuration: Configuration, run_directory: RunDirectory) -> str:
    """The file that the pilot gets its token from."""
    return str(run_directory.token_file) if configuration.text("TOKEN") else configuration.text("TOKEN_LOCATION")


def _setup(configuration: Configuration, run_directory: RunDirectory) -> Setup:
    token = configuration.text("TOKEN")
    spec = pilot_container.build(configuration, token_path(configuration, run_directory))
    rules = policy(configuration)

    def check_again() -> tuple[Finding, ...]:
        if token:
            # One that stands in the configuration is put into a file; here, as every pilot needs it anew.
            run_directory.write_token(token, PILOT_UID)
        return recheck(configuration)

    return Setup(
        spec=spec,
        policy=rules,
        recheck=check_again,
        advise=lambda state: explain_refusal(configuration, state.identity),
        look_at_token=lambda: look_at_token(configuration),
        token_location="" if token else configuration.text("TOKEN_LOCATION"),
        only_missing=rules.update is UpdatePolicy.OFF or parse(spec.image).pinned,
    )
