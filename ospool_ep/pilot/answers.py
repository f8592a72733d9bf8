"""How the answer of the pilot's own HTCondor is read: is its startd up, which jobs run, does the pool accept it.

Any job in the pilot can have another answer given: what a person gets to see of it is printable and short.
"""

import re
from typing import Optional

from ospool_ep.pilot import clauses
from ospool_ep.pilot.commands import DAEMONS
from ospool_ep.pilot.state import Job, Offer, PilotState, Pool, Startd
from ospool_ep.wording import excerpt

# Seconds since the epoch, as long as those have ten digits.
_MOMENT = "[0-9]{1,10}"


def read_probe(output: str) -> PilotState:
    """Read what PROBE_COMMAND printed. What can't be read is reported as unknown, never as well."""
    sections = _sections(output)
    startd = _read_startd(sections)
    ping = sections.get("ping", "")
    pool = _read_ping(ping, sections.get("exit", "").strip()) if startd in _ANSWERING else Pool.UNKNOWN
    offered = clauses.read(sections.get("clauses", "")) if startd is Startd.READY else clauses.Answer(Offer.UNKNOWN)
    return PilotState(
        startd=startd,
        pool=pool,
        jobs=() if startd in (Startd.GONE, Startd.MISSING) else _jobs(sections),
        identity=_first(_IDENTITY, ping) if pool is Pool.ACCEPTS else "",
        refusal=_first(_REFUSAL, ping) if pool is Pool.REFUSES else "",
        offer=offered.offer,
        closed_because=offered.because,
        unmet=offered.unmet,
    )


def read_jobs(output: str) -> Optional[tuple[Job, ...]]:
    """Read what JOBS_COMMAND printed: which jobs run, None where that is not known."""
    sections = _sections(output)
    return () if _read_who(sections.get("who", "")) is Startd.GONE else _jobs(sections)


def is_empty(output: str) -> bool:
    """Whether JOBS_COMMAND has found neither HTCondor in the container nor a job."""
    sections = _sections(output)
    looked = "daemons" in sections and "slots" in sections
    return looked and _daemons(sections).isdisjoint(DAEMONS)


_ANSWERING = (Startd.READY, Startd.DRAINING, Startd.GONE)


def _sections(output: str) -> dict[str, str]:
    parts = re.split(r"^\[(daemons|who|slots|clauses|ping|exit)\]", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def _daemons(sections: dict[str, str]) -> set[str]:
    """The names of HTCondor's processes in the container, and of what starts its master; none where it was cut off."""
    return set(sections.get("daemons", "").split()) if len(sections) > 1 else set()


def _jobs(sections: dict[str, str]) -> Optional[tuple[Job, ...]]:
    # What follows the list of slots shows that it was not cut off.
    is_whole = "slots" in sections and ("clauses" in sections or "ping" in sections)
    return _read_slots(sections["slots"]) if is_whole else None


def _read_startd(sections: dict[str, str]) -> Startd:
    said, daemons = _read_who(sections.get("who", "")), _daemons(sections)
    # What the master says may be of the moment before its startd ended; while a starter runs there is a job to lose.
    absent = not daemons & {"condor_startd", "condor_starter"}
    # Before supervisord the container sets itself up, which takes minutes.
    is_meant_to_run = bool(daemons & {"supervisord", "condor_master"})
    if absent and is_meant_to_run and not (said is Startd.GONE and "condor_master" in daemons):
        return Startd.MISSING
    # A job that runs is nobody's to end, whatever the startd comes to; and an answer may have been cut off.
    unsure = "condor_starter" in daemons or "slots" not in sections
    if said is Startd.STARTING and unsure:
        return Startd.NOT_UP
    # A master that does not answer says nothing of its startd, which may do so itself.
    answers_itself = "condor_startd" in daemons and _jobs(sections) is not None
    return Startd.READY if said is Startd.NOT_UP and answers_itself else said


def _read_who(text: str) -> Startd:
    attributes = dict(re.findall(r'^[ \t]*(STARTD\w*)[ \t]*=[ \t]*"([^"\n]*)"', text, flags=re.MULTILINE))
    standing = attributes.get("STARTD", "")
    # One that hangs was up, and is not gone.
    if standing in ("Alive", "Hung") and attributes.get("STARTD_State") == "Ready":
        return Startd.READY
    if standing.startswith("Shutdown"):
        return Startd.DRAINING
    if standing == "Hold":
        return Startd.GONE
    comes_up = standing in ("Alive", "Dead") or standing.startswith(("Startup", "WaitForStartup"))
    return Startd.STARTING if comes_up else Startd.NOT_UP


def _read_slots(text: str) -> Optional[tuple[Job, ...]]:
    """A startd that answers has one slot at least, the one that all others are made from."""
    slots = [fields for fields in map(str.split, text.splitlines()) if len(fields) == 5 and "@" in fields[0]]
    if not slots:
        return None
    # A slot that is claimed and idle between two jobs has no job to lose; a job that is preempted has not ended yet.
    return tuple(
        Job(excerpt(name.partition("@")[0]), excerpt(job), float(began) if re.fullmatch(_MOMENT, began) else 0.0)
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
    return excerpt(found.group(1)) if found else ""


def last_line(output: str) -> str:
    """The last line that a command in the container printed, which tells why it failed; empty where there is none."""
    return excerpt((output.strip().splitlines() or [""])[-1])
