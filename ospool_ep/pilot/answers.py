"""How the answer of the pilot's own HTCondor is read: is its startd up, which jobs run, does the pool accept it.

Any job in the pilot can have another answer given: what a person gets to see of it is printable and short.
"""

import re
from typing import Optional

from ospool_ep.pilot.state import Job, PilotState, Pool, Startd
from ospool_ep.wording import printable

_MOST_SHOWN = 200
# Seconds since the epoch, as long as those have ten digits.
_MOMENT = "[0-9]{1,10}"


def read_probe(output: str) -> PilotState:
    """Read what PROBE_COMMAND or JOBS_COMMAND printed. What can't be read is reported as unknown, never as well."""
    parts = re.split(r"^\[(who|slots|ping|exit)\]", output, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2]))
    startd = _read_who(sections.get("who", ""))
    # What follows the list of slots shows that it was not cut off.
    slots, ping = sections["slots"] if "ping" in sections else "", sections.get("ping", "")
    pool = _read_ping(ping, sections.get("exit", "").strip()) if startd is not Startd.NOT_UP else Pool.UNKNOWN
    return PilotState(
        startd=startd,
        pool=pool,
        jobs=() if startd is Startd.GONE else _read_slots(slots),
        identity=_first(_IDENTITY, ping) if pool is Pool.ACCEPTS else "",
        refusal=_first(_REFUSAL, ping) if pool is Pool.REFUSES else "",
    )


def _read_who(text: str) -> Startd:
    attributes = dict(re.findall(r'^[ \t]*(STARTD\w*)[ \t]*=[ \t]*"([^"\n]*)"', text, flags=re.MULTILINE))
    standing = attributes.get("STARTD", "")
    if standing == "Alive":
        return Startd.READY if attributes.get("STARTD_State") == "Ready" else Startd.NOT_UP
    if standing.startswith("Shutdown"):
        return Startd.DRAINING
    return Startd.GONE if standing == "Hold" else Startd.NOT_UP


def _read_slots(text: str) -> Optional[tuple[Job, ...]]:
    """A startd that answers has one slot at least, the one that all others are made from."""
    slots = [fields for fields in map(str.split, text.splitlines()) if len(fields) == 5 and "@" in fields[0]]
    if not slots:
        return None
    # A slot that is claimed and idle between two jobs has no job to lose; a job that is preempted has not ended yet.
    return tuple(
        Job(_shown(name.partition("@")[0]), _shown(job), float(began) if re.fullmatch(_MOMENT, began) else 0.0)
        for name, state, _activity, job, began in slots
        if state in ("Claimed", "Preempting") and job != "undefined"
    )


def _read_ping(text: str, exit_code: str) -> Pool:
    if not exit_code:
        return Pool.UNKNOWN
    if exit_code == "0":
        return Pool.ACCEPTS if re.search(r"^Authorized:\s+TRUE$", text, flags=re.MULTILINE) else Pool.UNKNOWN
    return Pool.REFUSES if _REFUSAL.search(text) else Pool.UNREACHABLE


# Of the lines AUTHENTICATE:NUMBER the first says only that every method failed.
_REFUSAL = re.compile(r"^(?:AUTHENTICATE:(?!1003)\d+|SECMAN:2010):\s*(.+?)\.?$", re.MULTILINE)
_IDENTITY = re.compile(r"^Remote Mapping:\s+(\S+@\S+)", re.MULTILINE)


def _first(pattern: "re.Pattern[str]", text: str) -> str:
    found = pattern.search(text)
    return _shown(found.group(1)) if found else ""


def last_line(output: str) -> str:
    """The last line that a command in the container printed, which tells why it failed; empty where there is none."""
    return _shown((output.strip().splitlines() or [""])[-1])


def _shown(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
