"""The seccomp profile of a container, read from this host: an engine tells of a bad one late, and in its own words."""

import json
from pathlib import Path

from ospool_ep.engine.interface import EngineError
from ospool_ep.wording import one_line

MEND = "Bring it back with 'dnf reinstall ospool-ep', or write OSPOOL_EP_PRIVILEGES=recommended."

_MOST_BYTES = 1 << 20


def read(path: str) -> str:
    """Its text in one line, as Docker's command sends it.

    Raises EngineError, with the mend, where it can't be read or is none.
    """
    text, problem = look(path)
    if problem:
        raise EngineError(f"{problem} {MEND}")
    return text


def look(path: str) -> tuple[str, str]:
    """Its text in one line, and what is wrong with it; empty: nothing is."""
    try:
        # Anything else than a file might keep us waiting.
        if Path(path).exists() and not Path(path).is_file():
            return "", f"The seccomp profile is no file ({path})."
        with Path(path).open(encoding="utf-8") as file:
            profile = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        why = one_line(str(getattr(error, "strerror", None) or error))
        return "", f"The seccomp profile can't be read ({path}: {why})."
    if not isinstance(profile, dict) or not profile.get("defaultAction") or not profile.get("syscalls"):
        return "", f"There is no seccomp profile in {path}."
    return json.dumps(profile, separators=(",", ":")), ""
