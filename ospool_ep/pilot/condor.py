"""What the pilot's own HTCondor is asked and told, and how its answer is read.

One command runs inside the container and answers all that is asked; the rest of this module reads the answer. Any job
in the pilot can have another one given: what a person gets to see of it is printable and short.
Source of the commands: the manual pages condor_who(1), condor_status(1), condor_ping(1) and condor_off(1).
"""

import re
from typing import Optional

from ospool_ep.pilot.state import Job, PilotState, Pool, Startd
from ospool_ep.wording import printable

_MOST_SHOWN = 200
# Seconds since the epoch, as long as those have ten digits.
_MOMENT = "[0-9]{1,10}"

# condor_who reads what the master publishes on the spot; condor_status -direct asks this startd and not the
# pool, so it needs no token; condor_ping goes to the collectors with the pilot's token, as its updates do: to one
# after the other, because it tries only the first of several by itself, and -verbose, because only that tells why
# it failed. A daemon that accepts the connection and then says nothing would keep each of them waiting for
# minutes. The pilot's settings are found only through PILOT_CONFIG_FILE, which a command run from outside
# doesn't inherit.
_WITH_PILOT_SETTINGS = (
    "PILOT_CONFIG_FILE=$(ls -td /pilot/osgvo-pilot-*/condor_config.pilot | head -n1); export PILOT_CONFIG_FILE"
)

_LOOK_INSIDE = f"""exec 2>&1
{_WITH_PILOT_SETTINGS}
echo "[who]"; timeout 5 condor_who -quick
echo "[slots]"
timeout 5 condor_status -direct "$(head -n1 /pilot/log/.startd_address)" -af Name State Activity JobId JobStart
echo "[ping]"
"""

# The same without the pool's answer, which takes longest: for who only wants to know which jobs run.
JOBS_COMMAND = ("/bin/sh", "-c", _LOOK_INSIDE)

PROBE_COMMAND = (
    "/bin/sh",
    "-c",
    f"""{_LOOK_INSIDE}for collector in $(condor_config_val COLLECTOR_HOST | tr , ' '); do
    timeout 5 condor_ping -pool "$collector" -type collector -verbose ADVERTISE_STARTD ADVERTISE_MASTER
    code=$?
    [ $code != 0 ] || break
done
echo "[exit] $code"
""",
)

# The startd is told first, so that no job starts between the two; the master then ends right after the last job
# and not only when it next looks.
DRAIN_COMMAND = (
    "/bin/sh",
    "-c",
    f"""exec 2>&1
{_WITH_PILOT_SETTINGS}
condor_off -peaceful -startd && condor_off -peaceful -master
""",
)


def read_probe(output: str) -> PilotState:
    """Read what PROBE_COMMAND or JOBS_COMMAND printed. Whatever can't be read is reported as unknown, never as well."""
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
        identity=_identity(ping) if pool is Pool.ACCEPTS else "",
        refusal=_refusal(ping) if pool is Pool.REFUSES else "",
    )


def _read_who(text: str) -> Startd:
    attributes = dict(re.findall(r'^[ \t]*(STARTD\w*)[ \t]*=[ \t]*"([^"\n]*)"', text, flags=re.MULTILINE))
    standing = attributes.get("STARTD", "")
    if standing == "Alive":
        return Startd.READY if attributes.get("STARTD_State") == "Ready" else Startd.NOT_UP
    if standing.startswith("Shutdown"):
        return Startd.DRAINING
    return Startd.GONE if standing == "Hold" else Startd.NOT_UP


# The second: its job is being evicted, and has not ended yet.
_OCCUPIED = ("Claimed", "Preempting")


def _read_slots(text: str) -> Optional[tuple[Job, ...]]:
    """A startd that answers has one slot at least, the one that all others are made from."""
    slots = [fields for fields in map(str.split, text.splitlines()) if len(fields) == 5 and "@" in fields[0]]
    if not slots:
        return None
    # A slot that is claimed and idle between two jobs has no job to lose.
    return tuple(
        Job(_shown(name.partition("@")[0]), _shown(job), float(began) if re.fullmatch(_MOMENT, began) else 0.0)
        for name, state, _activity, job, began in slots
        if state in _OCCUPIED and job != "undefined"
    )


def _read_ping(text: str, exit_code: str) -> Pool:
    if not exit_code:
        return Pool.UNKNOWN
    if exit_code == "0":
        return Pool.ACCEPTS if re.search(r"^Authorized:\s+TRUE$", text, flags=re.MULTILINE) else Pool.UNKNOWN
    return Pool.REFUSES if _REFUSAL.search(text) else Pool.UNREACHABLE


# Of the lines AUTHENTICATE:NUMBER the first says only that every method failed.
_REFUSAL = re.compile(r"^(?:AUTHENTICATE:(?!1003)\d+|SECMAN:2010):\s*(.+?)\.?$", re.MULTILINE)


def _identity(ping: str) -> str:
    found = re.search(r"^Remote Mapping:\s+(\S+@\S+)", ping, flags=re.MULTILINE)
    return _shown(found.group(1)) if found else ""


def _refusal(ping: str) -> str:
    found = _REFUSAL.search(ping)
    return _shown(found.group(1)) if found else "it does not allow what a pilot must do"


def last_line(output: str) -> str:
    """The last line that a command in the container printed, which tells why it failed; empty where there is none."""
    return _shown((output.strip().splitlines() or [""])[-1])


def _shown(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
