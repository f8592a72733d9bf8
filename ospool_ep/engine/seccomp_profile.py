"""The seccomp profile of a container, read from this host: an engine tells of a bad one late, and in its own words."""

import json
from pathlib import Path

from ospool_ep.engine.interface import EngineError
from ospool_ep.wording import one_line

_MOST_BYTES = 1 << 20


def read(path: str) -> str:
    """Its text. Raises EngineError, with the mend, where it can't be read or is none."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_MOST_BYTES)
        profile = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(f"The seccomp profile can't be read ({path}: {one_line(_why(error))}). {_MEND}") from error
    if not isinstance(profile, dict) or not profile.get("defaultAction") or not profile.get("syscalls"):
        raise EngineError(f"The file is no seccomp profile ({path}). {_MEND}")
    return text


_MEND = "Bring it back with 'dnf reinstall ospool-ep', or write OSPOOL_EP_PRIVILEGES=recommended."


def _why(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)
