"""What comes of one look at the configuration and at this host: a helper process answers it (``helper_calls``)."""

from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.findings import Checked
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.choice import Choice


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
    # The same for a pilot that is made beside others, and begins closed; None where that can't be.
    beside: Optional[ContainerSpec]
    # OSPOOL_EP_ENGINE.
    engine: str
    # How pilots are replaced.
    policy: Policy
    # The token's file; empty where the token stands in the configuration itself.
    token_location: str
    # Whether an image that is here is never asked for again.
    only_missing: bool
    # Whether a pilot says on which host it runs.
    advertises_host: bool = False
    # OSPOOL_EP_HOURS; and whether OSPOOL_EP_PRIORITY is backfill.
    hours: str = ""
    is_backfill: bool = False
    # Whether there was a file to read; if not, nothing of this says anything.
    read: bool = True
    # The file's, from before it was read (``system.file_stamp``).
    stamp: str = ""


@dataclass(frozen=True)
class Inspected:
    """The answer of ``helper_calls`` to one that reads the file, which checks all that ``ospool-ep check`` does."""

    # What the file says.
    file: FileContent
    # What is wrong with it, and on this host.
    checked: Checked
    # The engine that it stands for here.
    engine: Choice
