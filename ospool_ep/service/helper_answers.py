"""What comes of one look at the configuration and at this host: a helper process answers it (``helper_calls``)."""

from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.findings import Checked, Severity
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.choice import Choice

# An engine that does not answer may do so in a minute; nothing else on the list of errors mends itself.
_PASSING = frozenset(("engine-unreachable",))


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
    # OSPOOL_EP_ENGINE.
    engine: str
    # How pilots are replaced.
    policy: Policy
    # The token's file; empty where the token stands in the configuration itself.
    token_location: str
    # Whether an image that is here is never asked for again.
    only_missing: bool


@dataclass(frozen=True)
class Inspected:
    """The answer of ``helper_calls`` to one that reads the file, which checks all that ``ospool-ep check`` does."""

    # What the file says.
    file: FileContent
    # What is wrong with it, and on this host.
    checked: Checked
    # The engine that it stands for here.
    engine: Choice

    @property
    def is_hopeless(self) -> bool:
        """Whether something keeps every pilot from getting jobs until a person mends it."""
        return any(found.severity is Severity.ERROR and found.code not in _PASSING for found in self.checked.findings)
