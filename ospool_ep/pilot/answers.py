"""How the answer of the pilot's own HTCondor is read: is its startd up, which jobs run, does the pool accept it.

Any job in the pilot can have another answer given: what a person gets to see of it is printable and short.
"""

import re
from dataclasses import replace
from typing import Optional

from ospool_ep.pilot import clauses, gpus, slots
from ospool_ep.pilot.commands import DAEMONS
from ospool_ep.pilot.state import NOTHING, Job, Offer, PilotState, Pool, Startd
from ospool_ep.wording import excerpt


def read_probe(output: str) -> PilotState:
    """Read what PROBE_COMMAND printed. What can't be read is reported as unknown, never as well."""
    sections = _sections(output)
    seen = _read_startd_alone(sections)
    ping = sections.get("ping", "")
    pool = _read_ping(ping, sections.get("exit", "").strip()) if seen.startd in _ANSWERING else Pool.UNKNOWN
    offered = clauses.Answer(Offer.UNKNOWN)
    if seen.startd is Startd.READY:
        offered = clauses.read(sections.get("clauses", ""))
    has_gpus, closed_because = gpus.read(sections.get("gpus", ""))
    return replace(
        seen,
        pool=pool,
        identity=_first(_IDENTITY, ping) if pool is Pool.ACCEPTS else "",
        refusal=_first(_REFUSAL, ping) if pool is Pool.REFUSES else "",
        offer=offered.offer,
        closed_because=offered.because,
        unmet=offered.unmet,
        heeds=offered.heeds and seen.believes is not None,
        gpus=has_gpus,
        gpus_closed_because=closed_because,
    )


def read_held(output: str) -> PilotState:
    """Read what HELD_COMMAND printed: of the pool, and of what it offers, nothing is known."""
    return _read_startd_alone(_sections(output))


def read_jobs(output: str) -> Optional[tuple[Job, ...]]:
    """Read what JOBS_COMMAND printed: which jobs run, None where that is not known."""
    sections = _sections(output)
    if _read_who(sections.get("who", "")) is Startd.GONE:
        return ()
    found = _slots(sections)
    return slots.jobs(found) if found else None


def is_empty(output: str) -> bool:
    """Whether JOBS_COMMAND has found neither HTCondor in the container nor a job."""
    sections = _sections(output)
    looked = "daemons" in sections and "slots" in sections
    return looked and _daemons(sections).isdisjoint(DAEMONS)


def _read_startd_alone(sections: dict[str, str]) -> PilotState:
    """What it says without the pool and its START."""
    startd, found = _read_startd(sections), _slots(sections)
    if startd in (Startd.GONE, Startd.MISSING):
        # As long as a starter runs, its job may.
        ended = "condor_starter" not in _daemons(sections)
        return PilotState(startd, jobs=(), holds=NOTHING if ended else None)
    if not found:
        return PilotState(startd)
    if startd is Startd.DRAINING and not slots.take_none(found):
        # The master has passed the order on, and the startd does not have it yet.
        startd = Startd.READY
    return PilotState(
        startd,
        jobs=slots.jobs(found),
        size=slots.size(found),
        holds=slots.holds(found),
        believes=slots.believes(found),
        retires_at=slots.moment(found, "GLIDEIN_ToRetire"),
        dies_at=slots.moment(found, "GLIDEIN_ToDie"),
    )


_ANSWERING = (Startd.READY, Startd.DRAINING, Startd.GONE)


def _sections(output: str) -> dict[str, str]:
    parts = re.split(r"^\[(daemons|who|slots|answered|gpus|clauses|ping|exit)\]", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def _daemons(sections: dict[str, str]) -> set[str]:
    """The names of HTCondor's processes in the container, and of what starts its master; none where it was cut off."""
    return set(sections.get("daemons", "").split()) if len(sections) > 1 else set()


def _slots(sections: dict[str, str]) -> tuple[slots.Slot, ...]:
    """None where the answer was cut off: a startd that answers has one slot at least, from which others are made."""
    return slots.read(sections["slots"]) if sections.get("answered", "").strip() == "0" else ()


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
    answers_itself = "condor_startd" in daemons and bool(_slots(sections))
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


def _read_ping(text: str, exit_code: str) -> Pool:
    if not exit_code:
        return Pool.UNKNOWN
    if exit_code == "0":
        return Pool.ACCEPTS if re.search(r"^Authorized:\s+TRUE$", text, flags=re.MULTILINE) else Pool.UNKNOWN
    return Pool.REFUSES if _REFUSAL.search(text) else Pool.UNREACHABLE


# Of the lines AUTHENTICATE:NUMBER the first says only that every method failed.
_REFUSAL = re.compile(r"^(?:AUTHENTICATE:(?!1003)\d+|SECMAN:2010):\s*(.+?)\.?$", re.MULTILINE)
# HTCondor's tools add it to what is wrong, and no pilot is in another pool.
_ADVICE = "Perhaps you need to query another pool."
# And this to what is well: one daemon takes its part of an order that another one does not take.
_TAKEN = 'Sent "'
_IDENTITY = re.compile(r"^Remote Mapping:\s+(\S+@\S+)", re.MULTILINE)


def _first(pattern: "re.Pattern[str]", text: str) -> str:
    found = pattern.search(text)
    return excerpt(found.group(1)) if found else ""


def last_line(output: str) -> str:
    """The last line of a command in the container that tells why it failed; empty where there is none."""
    lines = [line for line in output.splitlines() if line.strip() and line != _ADVICE and not line.startswith(_TAKEN)]
    return excerpt(lines[-1]) if lines else ""
