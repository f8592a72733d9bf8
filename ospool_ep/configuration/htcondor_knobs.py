"""HTCondor's own settings, which any key ``_CONDOR_KNOB`` makes in the pilot, and what some of them break there.

HTCondor reads the prefix in upper and lower case, and such a value has the last word over all its files (real_config in
src/condor_utils/condor_config.cpp). So it replaces what the image has made; nothing of that can be kept in it.
"""

import re
from typing import Optional

_KEY = re.compile(r"_CONDOR_([A-Z][A-Z0-9_]*)", re.IGNORECASE | re.ASCII)

_ORDERS = "the pilot may refuse the orders of this service: it is not drained, and not told to leave"
_QUESTIONS = "this service may not see whether the pilot runs, and which jobs"
_PLACES = (
    "the image gives each pilot a new directory under WORKER_TEMP_DIR, and jobs or pilots may find another's files"
)
_LOGS = "its lines may not get into the journal, and a refusal of the pool is not seen"
_ACCESS_POINTS = "the pilot may refuse what access points ask of it, and then runs no job"
_POOL = "the pilot goes to another pool than the one that POOL or CONDOR_HOST names: set CONDOR_HOST"
_SLOTS = "the pilot may not have one slot that it divides as jobs ask, and jobs do not fit into its parts"
_END = "it replaces a rule of the image by which a pilot ends: HTCondor may end with jobs in it, or never"
_OFFER = "the container is limited by NUM_CPUS and MEMORY, and the pilot then offers something else: set those"

_BREAKS = {
    "DAEMON_LIST": _QUESTIONS,
    "START": "it replaces all clauses of the image: set GLIDEIN_Start_Extra, which adds one",
    "START_EXTRA": "it replaces GLIDEIN_Start_Extra: set that",
    "STARTD_ATTRS": "it replaces the list of the image: what the pool must know of the pilot is not advertised",
    "STARTD_CRON_JOBLIST": "it replaces the list of the image: the pilot is never validated, and takes no job",
    "LOG": _QUESTIONS,
    "STARTD_ADDRESS_FILE": _QUESTIONS,
    "MASTER_ADDRESS_FILE": _ORDERS,
    "ALLOW_READ": _QUESTIONS,
    "DENY_READ": _QUESTIONS,
    "ALLOW_ADMINISTRATOR": _ORDERS,
    "DENY_ADMINISTRATOR": _ORDERS,
    "LOCAL_DIR": _PLACES,
    "EXECUTE": _PLACES,
    "STARTD_LOG": _LOGS,
    "MASTER_LOG": _LOGS,
    "NUM_CPUS": _OFFER,
    "MEMORY": _OFFER,
    "STARTD_NOCLAIM_SHUTDOWN": "it replaces ACCEPT_IDLE_MINUTES: set that",
    "MAXJOBRETIREMENTTIME": "it replaces a rule of the image: a job that uses more memory than it may goes on so long",
    "DAEMON_SHUTDOWN": _END,
    "DAEMON_SHUTDOWN_FAST": _END,
    "DEFAULT_MASTER_SHUTDOWN_SCRIPT": "it replaces a script of the image: the container may outlive its HTCondor",
    "GLIDEIN_TORETIRE": "all later pilots have this one time, after which they take no job: set ACCEPT_JOBS_FOR_HOURS",
    "GLIDEIN_TODIE": "all later pilots have this one time, after which they end at once: set RETIREMENT_HOURS",
    "USER_JOB_WRAPPER": "it replaces a script of the image: jobs lack what the pilot tells them of its site",
    "ALLOW_DAEMON": _ACCESS_POINTS,
    "DENY_DAEMON": _ACCESS_POINTS,
    "ALLOW_WRITE": _ACCESS_POINTS,
    "DENY_WRITE": _ACCESS_POINTS,
    "CONDOR_HOST": _POOL,
    "COLLECTOR_HOST": _POOL,
    "CCB_ADDRESS": "the pool reaches the pilot by other brokers than those of the image, or not at all",
    "SLOT_TYPE_1": _SLOTS,
    "SLOT_TYPE_1_PARTITIONABLE": _SLOTS,
    "NUM_SLOTS": _SLOTS,
    "NUM_SLOTS_TYPE_1": _SLOTS,
    "LOCAL_CONFIG_DIR": "HTCondor may not read all settings of the image: what they promise does not hold",
    "SHUTDOWN_FAST_TIMEOUT": "at a stop HTCondor may be killed before its jobs are evicted in order",
    "SHUTDOWN_GRACEFUL_TIMEOUT": "at a stop jobs have no longer than that to end in order, and 100 seconds at most",
}
_SECURITY = "the pool may refuse the pilot, and the pilot the orders of this service"
_VALIDATION = "it replaces a part of the pilot's own validation, which may then never end well: it takes no job"
# By how their names begin. How often the validation runs is nothing that breaks it.
_BREAK_BY_BEGINNING = {"SEC_": _SECURITY, "STARTD_CRON_BASE_": _VALIDATION}
_HARMLESS = frozenset(("STARTD_CRON_BASE_PERIOD",))

# With one of these a pilot does not keep to what the other pilots of this host leave to it: the clause that says so is
# not in its START, or not in the ads of its slots; or it has not the one slot that it divides; or it may refuse to be
# told what the others hold.
BAR_HAND_OVER = frozenset((
    "START", "START_EXTRA", "STARTD_ATTRS", "SLOT_TYPE_1_PARTITIONABLE", "NUM_SLOTS", "NUM_SLOTS_TYPE_1", "ALLOW_WRITE",
    "DENY_WRITE",
))  # fmt: skip

# Which host a pilot runs on: an attribute that the service sets, and where an operator does so, that one's holds.
HOST_ATTRIBUTE = "OSPOOL_EP_HOST"
# Which of several services of that host has made it.
SERVICE_ATTRIBUTE = "OSPOOL_EP_SERVICE"

# Those that say which pool a pilot goes to, whatever POOL says.
POOL_KNOBS = frozenset(("CONDOR_HOST", "COLLECTOR_HOST"))


def knob_of(key: str) -> Optional[str]:
    """The setting of HTCondor that a key makes, in upper case; None where it makes none."""
    match = _KEY.fullmatch(key)
    return match[1].upper() if match else None


def what_breaks(knob: str) -> Optional[str]:
    """What goes wrong here with that setting, as a part of a sentence; None where nothing does."""
    if knob in _HARMLESS:
        return None
    by_beginning = (breaks for beginning, breaks in _BREAK_BY_BEGINNING.items() if knob.startswith(beginning))
    return _BREAKS.get(knob) or next(by_beginning, None)
