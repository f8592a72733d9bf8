"""What a configuration key is: how its value is understood, who uses it, where it is documented."""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """How a value is understood and checked."""

    TEXT = "text"
    TRUTH = "truth value"
    NAME = "name"
    PROJECT = "name of a project"
    CPUS = "number of CPUs"
    PILOT_HOURS = "hours of a pilot"
    IDLE_MINUTES = "minutes without a job"
    PORT = "port"
    POOL = "pool"
    CENTRAL_MANAGERS = "list of central managers"
    MEGABYTES = "positive integer, in MB"
    HOURS = "hours"
    MINUTES = "minutes"
    GIGABYTES = "GB"
    CHOICE = "choice"
    PATH = "absolute path"
    REPOSITORIES = "list of CVMFS repositories"
    GPUS = "list of GPUs"
    BINDS = "list of directories"
    NETWORK = "network"
    DAY_HOURS = "hours of the day"
    PROXY_URL = "proxy address"
    EXPRESSION = "ClassAd expression"
    IMAGE = "image reference"
    ENGINE = "container engine"
    SECRET = "secret"  # noqa: S105 - the name of a kind, not a password


class GoesTo(str, enum.Enum):
    """Who uses a value: the host side (us), the pilot (its environment), both, or nobody any more."""

    HOST = "host"
    PILOT = "pilot"
    BOTH = "both"
    NOWHERE = "nowhere"

    @property
    def reaches_pilot(self) -> bool:
        """Whether the value is put into the pilot's environment."""
        return self in (GoesTo.PILOT, GoesTo.BOTH)


class Section(str, enum.Enum):
    """The chapters of the shipped file and of the manual page, in their order."""

    IDENTITY = "Who you are"
    HOST = "What this host lends"
    CVMFS = "CVMFS"
    LIFE = "How long a pilot lives"
    JOBS = "Which jobs come, and how they run"
    SERVICE = "This service"
    MORE = "Keys that only few sites need"
    OBSOLETE = "Keys without effect"


@dataclass(frozen=True)
class Option:
    """One configuration key.

    ``description`` is written for the operator, in whole sentences. ``shipped`` options stand in the shipped
    file; the others are known, documented, and not listed there. ``successor`` of an obsolete key says what to do.
    ``choices`` are the words that a CHOICE may be, each with the sentences that say what it does.
    ``image_has_default``: the pilot's image has a default of its own that is not empty, where ``default`` is.
    """

    name: str
    kind: Kind
    goes_to: GoesTo
    section: Section
    description: str
    default: str = ""
    required: bool = False
    shipped: bool = True
    successor: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    image_has_default: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words that a CHOICE may be; they are read in upper and lower case."""
        return tuple(word for word, _ in self.choices)

    @property
    def obsolete(self) -> bool:
        """Whether the key is accepted and has no effect any more."""
        return bool(self.successor)
