"""What the service goes by: all that one reading of the configuration gives. A reload replaces it as a whole.

The reading itself, and the checks of this host, are in ``helper_calls``, which helper processes call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ospool_ep.configuration.findings import Checked, Severity, error
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.fingerprint import fingerprint
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.service.pool_refusal_advice import Advice
from ospool_ep.system.helper_process import HelperFailed, HelperProcess

if TYPE_CHECKING:
    from ospool_ep.pilot.state import PilotState

# An engine that does not answer may do so in a minute; nothing else on the list of errors mends itself.
_PASSING = frozenset(("engine-unreachable",))

_PRIORITIES = {Severity.ERROR: Priority.ERROR, Severity.WARNING: Priority.WARNING}


@dataclass(frozen=True)
class FileContent:
    """What the configuration file says, as a helper process has read it."""

    # Where the file is.
    path: str
    # All of it, as JSON: the service keeps it, and hands it to the helper processes, which alone look into it.
    configuration: str
    # GLIDEIN_Site and GLIDEIN_ResourceName.
    site: str
    resource: str
    # The container that it asks for; None where it has errors.
    spec: Optional[ContainerSpec]
    # How pilots are replaced.
    policy: Policy
    # The token's file; empty where the token stands in the configuration itself.
    token_location: str
    # Whether an image that is here is never asked for again.
    only_missing: bool


@dataclass(frozen=True)
class Inspected:
    """What comes of ``helper_calls:read``, which checks all that ``ospool-ep check`` does."""

    # What the file says.
    file: FileContent
    # What is wrong with it, and on this host.
    checked: Checked

    def messages(self) -> list[tuple[Priority, str]]:
        """The findings, for the journal."""
        return [(_PRIORITIES[found.severity], found.as_text(self.file.path)) for found in self.checked.findings]

    def settings(self) -> "Optional[Settings]":
        """What the service can go by; None where something keeps every pilot from getting jobs."""
        fatal = any(found.severity is Severity.ERROR and found.code not in _PASSING for found in self.checked.findings)
        return None if fatal or self.file.spec is None else _settings(self.file, self.file.spec)


@dataclass(frozen=True)
class Settings:
    """What the service goes by until the next reload."""

    # The container of each pilot.
    spec: ContainerSpec
    # How pilots are replaced.
    policy: Policy
    # Finds what keeps the next pilot from getting jobs. Where that can't be found out, this is an error of its own.
    recheck: Callable[[], Checked]
    # Says why the pool refuses a pilot of that state, and what to do; empty where that can't be found out.
    advise: "Callable[[PilotState], str]"
    # Gives a hash of the token, and what is wrong with it or soon will be. Raises HelperFailed.
    look_at_token: Callable[[], tuple[str, str]]
    # As in FileContent.
    token_location: str = ""
    only_missing: bool = False

    @property
    def fingerprint(self) -> str:
        """The specification's: it stands on the container, too."""
        return dict(self.spec.labels).get(FINGERPRINT_LABEL) or fingerprint(self.spec)


def _settings(file: FileContent, spec: ContainerSpec) -> Settings:
    advice = Advice(file.configuration, file.token_location)

    def check_again() -> Checked:
        try:
            return HelperProcess("service.helper_calls:recheck", file.configuration).value(Checked)
        except HelperFailed as failure:
            return Checked((error("not-checked", str(failure), "Look at the journal of this service."),), "")

    def look_at_token() -> tuple[str, str]:
        return HelperProcess("service.helper_calls:look_at_token", file.configuration).value(tuple[str, str])

    return Settings(
        spec=spec,
        policy=file.policy,
        recheck=check_again,
        advise=lambda state: advice.on(state.identity),
        look_at_token=look_at_token,
        token_location=file.token_location,
        only_missing=file.only_missing,
    )
