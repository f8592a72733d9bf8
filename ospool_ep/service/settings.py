"""What the service goes by: all that one reading of the configuration gives. A reload replaces it as a whole.

The reading itself, and the checks of this host, are in ``survey``, which runs in a process of its own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ospool_ep.configuration.findings import Checked, Severity, error
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec
from ospool_ep.system.helper_process import Call, NoResult

if TYPE_CHECKING:
    from ospool_ep.pilot.state import PilotState

# An engine that does not answer may do so in a minute; nothing else on the list of errors mends itself.
_PASSING = frozenset(("engine-unreachable",))

# Advice says how old a token is, and when it expires; for so long it is true enough.
_ADVICE_SECONDS = 3600.0


@dataclass(frozen=True)
class Plan:
    """What the file says. ``configuration`` is all of it, for ``survey`` alone to open; ``spec`` None: it has errors.

    ``only_missing``: an image that is here is never asked for again. ``token_location`` is empty where the token stands
    in the file itself.
    """

    path: str
    configuration: bytes
    site: str
    resource: str
    spec: Optional[ContainerSpec]
    policy: Policy
    token_location: str
    only_missing: bool


@dataclass(frozen=True)
class Settings:
    """``recheck`` finds what keeps the next pilot from getting jobs, ``advise`` says why the pool refuses one.

    ``look_at_token`` gives a hash of the token, and what is wrong with it or soon will be. The three raise NoResult.
    """

    spec: ContainerSpec
    policy: Policy
    recheck: Callable[[], Checked]
    advise: "Callable[[PilotState], str]"
    look_at_token: Callable[[], tuple[str, str]]
    token_location: str = ""
    only_missing: bool = False

    @property
    def fingerprint(self) -> str:
        """The specification's: it stands on the container, too."""
        return dict(self.spec.labels).get(FINGERPRINT_LABEL) or self.spec.fingerprint()


@dataclass(frozen=True)
class Reading:
    """The configuration as read, what was found in it and on this host, and the settings where nothing forbids one."""

    plan: Plan
    checked: Checked
    settings: Optional[Settings]


def finish_reading(call: Call) -> Reading:
    """Wait for a call of ``survey:read``, which checks all that ``ospool-ep check`` does. NoResult."""
    plan, checked = call.value()
    fatal = any(found.severity is Severity.ERROR and found.code not in _PASSING for found in checked.findings)
    return Reading(plan, checked, None if fatal or plan.spec is None else _setup(plan, plan.spec))


def _setup(plan: Plan, spec: ContainerSpec) -> Settings:
    advice = _Advice(plan)

    def check_again() -> Checked:
        try:
            checked: Checked = Call("service.inspection:recheck", plan.configuration).value()
        except NoResult as failure:
            return Checked((error("not-checked", str(failure), "Look at the journal of this service."),), "")
        return checked

    return Settings(
        spec=spec,
        policy=plan.policy,
        recheck=check_again,
        advise=lambda state: advice.on(state.identity),
        look_at_token=lambda: Call("service.inspection:look_at_token", plan.configuration).value(),
        token_location=plan.token_location,
        only_missing=plan.only_missing,
    )


class _Advice:
    """The last advice: a pool that refuses a pilot does so every few seconds, and a process for each is too much."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._last: tuple[object, float, str] = (None, 0.0, "")

    def on(self, identity: str) -> str:
        about, now = (identity, stamp(self._plan.token_location)), time.monotonic()
        if self._last[0] != about or now - self._last[1] > _ADVICE_SECONDS:
            try:
                text = Call("service.inspection:explain_refusal", self._plan.configuration, identity).value()
            except NoResult:
                return ""
            self._last = about, now, text
        return self._last[2]


def stamp(path: str) -> object:
    """Another file, other content or other rights give another one."""
    try:
        found = Path(path).stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
