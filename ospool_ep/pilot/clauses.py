"""Whether a job can come: the clauses of the machine's START, asked one by one and for a usual job.

The machine's ad is evaluated in the container, by ``condor_status -ads``, with a job beside it. A clause counts only
where its value is known: older images lack some of them.
Source: the image's 50-main.config, and what its STARTD_CRON scripts advertise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ospool_ep.pilot.state import Offer
from ospool_ep.wording import excerpt

# One core, 2 GB (in MB), 1 GB of disk (in KB), a project, a container. On a host with GPUs it is a job for one: those
# without have to leave room there.
_USUAL_JOB = {
    "RequestCpus": "1",
    "RequestMemory": "2048",
    "RequestDisk": "1048576",
    "RequestGPUs": "ifThenElse((TotalSlotGPUs ?: 0) > 0, 1, undefined)",
    "ProjectName": '"OSG-Usual"',
    "SingularityImage": '"docker://hub.opensciencegrid.org/htc/rocky:9"',
    "JobDurationCategory": '"Medium"',
}

# The pool's own negotiator wants more of a machine than START says; in another pool nothing is known of that.
_IN_OSPOOL = r'regexp("(^|[.])ospool[.](osg-htc|opensciencegrid)[.]org", COLLECTOR_HOST_STRING, "i")'


@dataclass(frozen=True)
class Clause:
    """A clause that is not met where ``expression`` is true; ``says`` tells what is wrong, and how to mend it."""

    expression: str
    says: str


_CLAUSES = (
    Clause(
        '(Draining =?= true) || State == "Drained" || toLower(unparse(Requirements)) == "false"',
        "somebody has told it to drain. A new pilot takes jobs again: ospool-ep drain --then start",
    ),
    Clause(
        "OSG_NODE_VALIDATED =?= false",
        "its own tests of this host have failed (OSG_NODE_VALIDATED){details}",
    ),
    Clause(
        'regexp("^[( ]*false[ )]*(&&|$)", unparse(START_EXTRA), "i")',
        "its START_EXTRA lets no job in at all. Correct GLIDEIN_Start_Extra",
    ),
    Clause(
        "HAS_SINGULARITY =?= false",
        "Apptainer does not work in it (HAS_SINGULARITY), and nearly all jobs bring a container."
        " Look whether this host allows user namespaces: ospool-ep check",
    ),
    Clause(
        "SINGULARITY_DISK_IS_FULL =?= true",
        "less than 5 GB are free for the images of jobs (SINGULARITY_DISK_IS_FULL)."
        " Make room where the engine keeps its containers",
    ),
    Clause(
        "(NumDynamicSlots ?: 0) == 0 && Disk < 1048576",
        "less than 1 GB is free in WORKER_TEMP_DIR for jobs. Make room there",
    ),
    Clause(
        "IsBlackHole =?= true",
        "it takes itself for a black hole, as jobs ended at once (IsBlackHole). Look at what is wrong on this host,"
        " then: ospool-ep drain --then start",
    ),
    Clause(
        "HasExcessiveLoad =?= true",
        "the load of this host is too high (HasExcessiveLoad). Lend fewer cores (NUM_CPUS), or wait until it is lower",
    ),
    Clause(
        f"{_IN_OSPOOL} && Mips <= 11800",
        "the pool takes only machines with more than 11800 Mips, and this one has fewer. It is too slow for this pool",
    ),
    Clause(
        f'{_IN_OSPOOL} && regexp("^.CondorVersion: (1?[0-9]|2[0-2])[.]", CondorVersion)',
        "the pool takes HTCondor 23.0 or later, and the image's is older. Use a newer image (OSPOOL_EP_IMAGE)",
    ),
    Clause(
        f'{_IN_OSPOOL} && (GLIDEIN_ResourceName =?= "UNKNOWN" || regexp("ARGO", GLIDEIN_ResourceName))',
        "the pool takes no machine of that GLIDEIN_ResourceName. Use the name that Topology has for this resource",
    ),
)

# Further questions, each with the name by which its answer is known below.
_QUESTIONS = {
    "start": "Start",
    "has_start": 'unparse(Start) =!= ""',
    "retired": "time() >= GLIDEIN_ToRetire",
    "wants_validation": 'regexp("OSG_NODE_VALIDATED", unparse(Start), "i")',
    "validated": "OSG_NODE_VALIDATED",
    "warnings": "OSG_NODE_WARNINGS",
    "own": "(START_EXTRA ?: true) && (OSG_PROJECT_RESTRICTION ?: true)",
}

# In the pilot's own directory it is the job's hook that leaves it, where an image can't be read.
_STAMPS = "/pilot/stop-glidein.stamp /pilot/osgvo-pilot-*/stop-glidein.stamp"
_EXPRESSIONS = (*_QUESTIONS.values(), *(clause.expression for clause in _CLAUSES))
_NO_OTHER = (
    "its START lets no usual job in, for a reason that is not known here. A new pilot may take jobs:"
    " ospool-ep drain --then start"
)


def _job_ad() -> str:
    """The job as the lines of an ad: beside the machine, for names without a scope, and as its TARGET."""
    pairs = [f"{name} = {value}" for name, value in _USUAL_JOB.items()]
    return "\n".join([*pairs, f"TARGET = [ {'; '.join(pairs)} ]"])


def question(startd: str) -> str:
    """The lines of a shell script that print an answer; ``startd`` is the script's word for the startd's address."""
    asked = " ".join(f"'{expression}'" for expression in _EXPRESSIONS)
    return f"""\
{{ cat <<'JOB'
{_job_ad()}
JOB
timeout 5 condor_status -direct {startd} -constraint 'DynamicSlot =!= true' -limit 1 -long | sed '/^$/d'
}} | timeout 5 condor_status -ads /dev/stdin -af:nV {asked}
ls -d {_STAMPS} 2>/dev/null"""


def read(text: str) -> tuple[Offer, str]:
    """What the answer says; with CLOSED why, and how to mend it, without a full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    values, stamps = lines[: len(_EXPRESSIONS)], [line for line in lines if line.startswith("/pilot/")]
    if len(values) != len(_EXPRESSIONS) or len(lines) != len(values) + len(stamps):
        return Offer.UNKNOWN, ""
    answers, rest = dict(zip(_QUESTIONS, values)), values[len(_QUESTIONS) :]
    if answers["retired"] == "true":
        return Offer.RETIRED, ""
    details = _details(answers, stamps)
    closed = [clause.says.format(details=details) for clause, value in zip(_CLAUSES, rest) if value == "true"]
    return (Offer.CLOSED, "; ".join(closed)) if closed else _of_start(answers)


def _of_start(answers: Mapping[str, str]) -> tuple[Offer, str]:
    start = answers["start"]
    if start == "true":
        return Offer.OPEN, ""
    if start not in ("false", "undefined") or answers["has_start"] != "true":
        return Offer.UNKNOWN, ""
    if answers["wants_validation"] == "true" and answers["validated"] == "undefined":
        return Offer.UNVALIDATED, ""
    if answers["own"] != "true":
        return Offer.OWN, ""
    # One that is not defined may ask for something that this usual job lacks, and others have.
    return (Offer.CLOSED, _NO_OTHER) if start == "false" else (Offer.UNKNOWN, "")


def _details(answers: Mapping[str, str], stamps: Sequence[str]) -> str:
    """Why the pilot's tests have failed, as far as it says, and the mend."""
    if stamps:
        where = " ".join(stamp.replace("/pilot/", "", 1) for stamp in stamps)
        return f": a file tells it to stop. Remove it, in WORKER_TEMP_DIR: rm {excerpt(where)}"
    found = re.fullmatch(r'"(.+)"', answers["warnings"])
    return f"{f': {excerpt(found.group(1))}' if found else ''}. Look at this host: ospool-ep check"
