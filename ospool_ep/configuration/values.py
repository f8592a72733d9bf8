"""What the text of a value stands for: a truth value, a length of time, a choice, a list of repositories."""

import enum
import re
from typing import Optional

# A million hours is more than what a lock or a queue of Python can wait (threading.TIMEOUT_MAX is 292 years at most).
_DECIMAL = re.compile(r"(?:0*[0-9]{1,6}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})")

# The words of OSPOOL_EP_ENGINE; besides them it takes the address of a socket. A path has at most 107 bytes (unix(7)).
ENGINES = ("auto", "docker", "podman")
_SOCKET = re.compile(r"unix:///[^\s,]{1,106}")

# What the image calls a pool; what has a dot is the address of one.
OSPOOL = "ospool"
OSPOOLS = (OSPOOL, "itb-ospool", "prod-ospool")
POOLS = (*OSPOOLS, "prod-path-facility", "dev-path-facility")

_TRUE = frozenset(("y", "yes", "t", "true", "on", "1"))
_FALSE = frozenset(("", "n", "no", "f", "false", "off", "0"))


def is_true(value: str) -> bool:
    """The existing service's reading: y, yes, t, true, on and 1 in any case are true, all else is false."""
    return value.lower() in _TRUE


def is_truth_value(value: str) -> bool:
    """Whether a value is plainly true or plainly false; any other one counts as false, and gets a warning."""
    return value.lower() in _TRUE | _FALSE


def repositories(value: str) -> tuple[str, ...]:
    """The repositories of CVMFSEXEC_REPOS as the pilot's image takes them: it looks for none without a letter a to z.

    Source: its entrypoint.sh, which takes quotes off, too.
    """
    return tuple(re.sub("[\"']", "", value).replace(",", " ").split()) if re.search("[a-z]", value) else ()


def as_engine(value: str) -> Optional[str]:
    """The container engine that a value names: a word of ENGINES, or the address of a socket; None when it is none."""
    word = value.lower()
    return word if word in ENGINES else value if _SOCKET.fullmatch(value) else None


def as_length(value: str) -> Optional[float]:
    """The number of hours or minutes that a value stands for, above 0 and below a million; None when it is none."""
    return (float(value) or None) if _DECIMAL.fullmatch(value) else None


class UpdatePolicy(str, enum.Enum):
    """What becomes of the running pilot once a new image is here; the words of OSPOOL_EP_UPDATE."""

    DRAIN = "drain"
    RETIRE = "retire"
    NOW = "now"
    OFF = "off"
