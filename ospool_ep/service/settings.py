"""What the service goes by: all that one reading of the configuration gives. A reload replaces it as a whole."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.findings import Checked, Finding, Severity, error
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.state import Hindrance
from ospool_ep.pilot.state import PilotState
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.service.pool_refusal_advice import Advice
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed


@dataclass(frozen=True)
class Settings:
    """What the service goes by until the next reload."""

    # The container of each pilot.
    spec: ContainerSpec
    # OSPOOL_EP_ENGINE.
    engine: str
    # How pilots are replaced.
    policy: Policy
    # Finds what keeps the next pilot from getting jobs. Where that can't be found out, this is an error of its own.
    recheck: Callable[[], Checked]
    # Says why the pool refuses a pilot of that state, and what to do; empty where that can't be found out.
    advise: Callable[[PilotState], str]
    # Gives a hash of the token, and what is wrong with it or soon will be. Raises HelperFailed.
    look_at_token: Callable[[], tuple[str, str]]
    # Says what has gone wrong with this host since a pilot runs; and whether anything can. Raises HelperFailed.
    look_at_host: Callable[[], str] = lambda: ""
    looks_at_host: bool = False
    # Says to other hosts that this one has no pilot any more. Raises HelperFailed.
    leave_host: Callable[[], str] = lambda: ""
    # As in FileContent.
    beside: Optional[ContainerSpec] = None
    token_location: str = ""
    only_missing: bool = False
    advertises_host: bool = False
    # OSPOOL_EP_HOURS; and whether OSPOOL_EP_PRIORITY makes the pilots guests at all hours.
    hours: str = ""
    is_backfill: bool = False
    # Where the configuration is.
    path: str = ""

    @property
    def fingerprint(self) -> str:
        """The configuration's: it stands on the container, too."""
        return dict(self.spec.labels)[FINGERPRINT_LABEL]


def messages(findings: Iterable[Finding], path: str) -> list[tuple[Priority, str]]:
    """The findings, for the journal; ``path`` is the configuration's."""
    return [(Priority[found.severity.name], found.as_text(path)) for found in findings]


def hindrance(findings: Iterable[Finding]) -> Optional[Hindrance]:
    """What keeps the next pilot from being made, all of it together; None for nothing."""
    errors = [found for found in findings if found.severity is Severity.ERROR]
    if not errors:
        return None
    reasons = " ".join(f"{found.message} {found.hint} [{found.code}]" for found in errors)
    return Hindrance(reasons, tuple(dict.fromkeys(found.code for found in errors)))


def settings_of(inspected: Inspected) -> Optional[Settings]:
    """What the service can go by; None where the file itself is wrong. What else is wrong may pass."""
    file = inspected.file
    if file.spec is None:
        return None
    advice = Advice(file.configuration, file.token_location)

    def check_again() -> Checked:
        try:
            return HelperProcess("service.helper_calls:recheck", file.configuration).value(Checked)
        except HelperFailed as failure:
            return Checked((error("not-checked", str(failure), "Look at the journal of this service."),), "")

    def look_at_token() -> tuple[str, str]:
        return HelperProcess("service.helper_calls:look_at_token", file.configuration).value(tuple[str, str])

    return Settings(
        spec=file.spec,
        engine=file.engine,
        policy=file.policy,
        recheck=check_again,
        advise=lambda state: advice.on(state.identity),
        look_at_token=look_at_token,
        look_at_host=lambda: HelperProcess("service.helper_calls:look_at_host", file.configuration).value(str),
        leave_host=lambda: HelperProcess("service.helper_calls:leave_host", file.configuration).value(str),
        looks_at_host=inspected.checked.may_fail,
        beside=file.beside,
        token_location=file.token_location,
        only_missing=file.only_missing,
        advertises_host=file.advertises_host,
        hours=file.hours,
        is_backfill=file.is_backfill,
        path=file.path,
    )
