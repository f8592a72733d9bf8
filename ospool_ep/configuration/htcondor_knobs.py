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
    "SHUTDOWN_GRACEFUL_TIMEOUT": "at a stop jobs have no longer than that to end in order, and 100 seconds at most",
}
_SECURITY = "the pool may refuse the pilot, and the pilot the orders of this service"


def knob_of(key: str) -> Optional[str]:
    """The setting of HTCondor that a key makes, in upper case; None where it makes none."""
    match = _KEY.fullmatch(key)
    return match[1].upper() if match else None


def what_breaks(knob: str) -> Optional[str]:
    """What goes wrong here with that setting, as a part of a sentence; None where nothing does."""
    return _SECURITY if knob.startswith("SEC_") else _BREAKS.get(knob)
