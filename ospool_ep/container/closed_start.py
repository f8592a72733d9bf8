"""The next pilot's container, where others still run: it begins closed, and opens as far as it is told what they hold.

One more clause in its START compares what a job asks for with what the others leave, on the slot that jobs are carved
from; on a slot that was carved, ``Cpus`` is the job's own. At first it goes by a file of ours: the others hold all.
"""

import re
from dataclasses import replace
from typing import Optional

from ospool_ep.configuration.classad_syntax import fits_into_parentheses, is_in_parentheses, problem_in
from ospool_ep.configuration.htcondor_knobs import BAR_HAND_OVER, knob_of
from ospool_ep.container.from_configuration import START_CLAUSE
from ospool_ep.container.specification import ATTRIBUTES_TARGET, CLOSED_LABEL, ContainerSpec, Mount

CLOSED_START = "/usr/share/ospool-ep/closed-start.cfg"

# No ?: is in it, and no part that has a value without a job: HTCondor's negotiator takes ``x ?: y`` for y also where x
# is false, once it has simplified a slot's ad. What is not defined lets no job in.
CLAUSE = (
    "(MY.PartitionableSlot =!= True || (MY.Cpus - TARGET.RequestCpus >= MY.HeldCpus"
    " && MY.Memory - TARGET.RequestMemory >= MY.HeldMemory) =?= True)"
)
_IDLE_MINUTES = "ACCEPT_IDLE_MINUTES"
_IDLE_MINUTES_OF_THE_IMAGE = 30
_MINUTES = re.compile("[1-9][0-9]{0,6}")


def closed(spec: ContainerSpec, name: str, idle_minutes_more: int) -> Optional[ContainerSpec]:
    """The same container under that name, closed at first; None where no clause can be added to its START.

    It waits ``idle_minutes_more`` longer for a job before it ends, as none can come at first.
    """
    environment = dict(spec.environment)
    clause = _clause(environment.get(START_CLAUSE, ""))
    if clause is None or any(knob_of(key) in BAR_HAND_OVER for key in environment):
        return None
    environment[START_CLAUSE] = clause
    minutes = environment.get(_IDLE_MINUTES) or str(_IDLE_MINUTES_OF_THE_IMAGE)
    if _MINUTES.fullmatch(minutes):
        environment[_IDLE_MINUTES] = str(int(minutes) + idle_minutes_more)
    return replace(
        spec,
        name=name,
        environment=tuple(environment.items()),
        mounts=(*spec.mounts, Mount(CLOSED_START, ATTRIBUTES_TARGET, read_only=True)),
        labels=(*spec.labels, (CLOSED_LABEL, "true")),
    )


def _clause(own: str) -> Optional[str]:
    if not own:
        return CLAUSE
    # One that HTCondor can't read would take ours with it, and the pilot would take every job.
    if problem_in(own) or not fits_into_parentheses(own):
        return None
    return f"{own if is_in_parentheses(own) else f'({own})'} && {CLAUSE}"
