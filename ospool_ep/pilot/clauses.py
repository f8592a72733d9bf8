"""Whether a job can come: the clauses of the machine's START, asked one by one and for usual jobs.

The machine's ad is evaluated in the container, by ``condor_status -ads``, with a job beside it. A clause counts only
where its value is known: older images lack some of them.
Source: the image's 50-main.config, and what its STARTD_CRON scripts advertise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.pilot.state import EVERYTHING, HELD_CPUS, HELD_MEMORY, Offer
from ospool_ep.this_service import this_service
from ospool_ep.wording import excerpt

# Of the service that this process belongs to, for as long as it runs.
_CHECK, _DRAIN = (this_service().command(command) for command in ("check", "drain"))

# One core, 2 GB (in MB), 1 GB of disk (in KB), a project. On a host with GPUs it is a job for one: those without have
# to leave room there.
_USUAL_JOB = {
    "RequestCpus": "1",
    "RequestMemory": "2048",
    "RequestDisk": "1048576",
    "RequestGPUs": "ifThenElse((TotalSlotGPUs ?: 0) > 0, 1, undefined)",
    "ProjectName": '"OSG-Usual"',
    "JobDurationCategory": '"Medium"',
    "SingularityImage": "$image",
}
# What it brings as its container: a clause of its own may be against each kind.
_IMAGES = {
    "docker:// images": '"docker://hub.opensciencegrid.org/htc/rocky:9"',
    ".sif images": '"osdf:///ospool/example/image.sif"',
    "images in /cvmfs": '"/cvmfs/singularity.opensciencegrid.org/htc/rocky:9"',
}

# A daemon that accepts the connection and then says nothing would keep each of HTCondor's tools waiting for minutes. On
# a host whose cores are all busy one takes seconds, and a tool that is ended too soon is started in vain.
TOOL = "timeout 15"

# The pool's own negotiator wants more of a machine than START says; in another pool nothing is known of that.
_IN_OSPOOL = r'regexp("(^|[.])ospool[.](osg-htc|opensciencegrid)[.]org", COLLECTOR_HOST_STRING, "i")'


@dataclass(frozen=True)
class Clause:
    """A clause that is not met where ``expression`` is true; ``says`` tells what is wrong, and how to mend it.

    ``in_start``: it is one of START's, and counts only where START lets no usual job in.
    """

    name: str
    expression: str
    says: str
    in_start: bool = False


@dataclass(frozen=True)
class Answer:
    """Whether jobs can come; ``because`` says, without a full stop, why not, or not all; ``unmet``: what bars them.

    ``heeds``: where other pilots of this host hold everything, none comes, as its START_EXTRA goes by that; None where
    that is not known.
    """

    offer: Offer
    because: str = ""
    unmet: tuple[str, ...] = ()
    heeds: Optional[bool] = None


_CLAUSES = (
    Clause(
        "Draining",
        '(Draining =?= true) || State == "Drained" || toLower(unparse(Requirements)) == "false"',
        f"somebody has told it to drain. A new pilot takes jobs again: {_DRAIN} --then start",
    ),
    Clause(
        "OSG_NODE_VALIDATED",
        "OSG_NODE_VALIDATED =?= false",
        "its own tests of this host have failed (OSG_NODE_VALIDATED){details}",
        in_start=True,
    ),
    Clause(
        "START_EXTRA",
        'regexp("^[( ]*false[ )]*(&&|$)", unparse(START_EXTRA), "i")',
        "its START_EXTRA lets no job in at all. Correct GLIDEIN_Start_Extra",
        in_start=True,
    ),
    Clause(
        "HAS_SINGULARITY",
        "HAS_SINGULARITY =?= false",
        "Apptainer does not work in it (HAS_SINGULARITY), and nearly all jobs bring a container."
        f" Look whether this host allows user namespaces: {_CHECK}",
    ),
    Clause(
        "Disk",
        "(NumDynamicSlots ?: 0) == 0 && Disk < 1048576",
        "less than 1 GB is free in WORKER_TEMP_DIR for jobs. Make room there",
    ),
    Clause(
        "IsBlackHole",
        "IsBlackHole =?= true",
        "it takes itself for a black hole, as jobs ended at once (IsBlackHole). Look at what is wrong on this host,"
        f" then: {_DRAIN} --then start",
        in_start=True,
    ),
    Clause(
        "HasExcessiveLoad",
        "HasExcessiveLoad =?= true",
        "the load of this host is too high (HasExcessiveLoad). Lend fewer cores (NUM_CPUS), or wait until it is lower",
        in_start=True,
    ),
    Clause(
        "Mips",
        f"{_IN_OSPOOL} && Mips <= 11800",
        "the pool takes only machines with more than 11800 Mips, and this one has fewer. It is too slow for this pool",
    ),
    Clause(
        "CondorVersion",
        f'{_IN_OSPOOL} && regexp("^.CondorVersion: (1?[0-9]|2[0-2])[.]", CondorVersion)',
        "the pool takes HTCondor 23.0 or later, and the image's is older. Use a newer image (OSPOOL_EP_IMAGE)",
    ),
    Clause(
        "GLIDEIN_ResourceName",
        f'{_IN_OSPOOL} && (GLIDEIN_ResourceName =?= "UNKNOWN" || regexp("ARGO", GLIDEIN_ResourceName))',
        "the pool takes no machine of that GLIDEIN_ResourceName. Use the name that Topology has for this resource",
    ),
)
_DISK_IS_FULL = (
    "less than 5 GB are free for them (SINGULARITY_DISK_IS_FULL). Make room where the engine keeps its containers"
)

# Further questions, each with the name by which its answer is known below.
_QUESTIONS = {
    "start": "Start",
    "has_start": 'unparse(Start) =!= ""',
    "retires": "time() >= GLIDEIN_ToRetire",
    # It was so before it said what it holds.
    "retired": "AskedAt >= GLIDEIN_ToRetire",
    "wants_validation": 'regexp("OSG_NODE_VALIDATED", unparse(Start), "i")',
    "validated": "OSG_NODE_VALIDATED",
    "warnings": "OSG_NODE_WARNINGS",
    "own": "(START_EXTRA ?: true) && (OSG_PROJECT_RESTRICTION ?: true)",
    "disk_is_full": "SINGULARITY_DISK_IS_FULL",
    "extra": "START_EXTRA",
    "names_held": f'regexp("{HELD_CPUS}", unparse(START_EXTRA), "i")',
}
# What the others hold where it bars no job, also while the pilot's own jobs have all; and where it bars every job.
_HELD = (-EVERYTHING.memory, EVERYTHING.memory)

# In the pilot's own directory it is the job's hook that leaves it, where an image can't be read.
_STAMPS = "/pilot/stop-glidein.stamp /pilot/osgvo-pilot-*/stop-glidein.stamp"
_NAMES = (*_QUESTIONS, *(clause.name for clause in _CLAUSES))
_EXPRESSIONS = (*_QUESTIONS.values(), *(clause.expression for clause in _CLAUSES))
_NO_OTHER = (
    "its START lets no usual job in, for a reason that is not known here. Unless START is set in your configuration, a"
    f" new pilot may take jobs: {_DRAIN} --then start"
)


def _job_ad() -> str:
    """The job as the lines of an ad: beside the machine, for names without a scope, and as its TARGET."""
    pairs = [f"{name} = {value}" for name, value in _USUAL_JOB.items()]
    return "\n".join([*pairs, f"TARGET = [ {'; '.join(pairs)} ]"])


def question(startd: str, asked_at: str = "$(date +%s)") -> str:
    """The lines of a shell script that print an answer.

    ``startd`` is the script's word for the startd's address, ``asked_at`` that for when it said what it holds.
    """
    expressions = " ".join(f"'{expression}'" for expression in _EXPRESSIONS)
    images = " ".join(f"'{image}'" for image in _IMAGES.values())
    return f"""\
machine=$({TOOL} condor_status -direct {startd} -constraint 'DynamicSlot =!= true' -limit 1 -long |
    sed '/^$/d; /^\\({HELD_CPUS}\\|{HELD_MEMORY}\\) =/Id')
asked_at={asked_at}
for held in {" ".join(map(str, _HELD))}; do
for image in {images}; do
cat <<JOB
{_job_ad()}
AskedAt = $asked_at
{HELD_CPUS} = $held
{HELD_MEMORY} = $held
JOB
printf '%s\\n\\n' "$machine"
done
done | {TOOL} condor_status -ads /dev/stdin -af:nV {expressions}
ls -d {_STAMPS} 2>/dev/null
"""


def read(text: str) -> Answer:
    """What the answer says."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    stamps, values = [line for line in lines if line.startswith("/pilot/")], len(_EXPRESSIONS)
    lines = lines[: len(lines) - len(stamps)]
    if len(lines) != values * len(_IMAGES) * len(_HELD):
        return Answer(Offer.UNKNOWN)
    ads = [dict(zip(_NAMES, lines[begin : begin + values])) for begin in range(0, len(lines), values)]
    open_ads, closed_ads = ads[: len(_IMAGES)], ads[len(_IMAGES) :]
    heeds = ads[0]["names_held"] == "true" and all(map(_is_closed, closed_ads))
    return replace(_offer(open_ads, stamps), heeds=heeds)


def _is_closed(answers: Mapping[str, str]) -> bool:
    # For START a START_EXTRA that is not defined is true. What else bars all jobs now need not bar them later.
    return answers["extra"] in ("false", "error") and answers["start"] != "true"


def _offer(ads: Sequence[Mapping[str, str]], stamps: Sequence[str]) -> Answer:
    answers, lets_in = ads[0], {kind: ad["start"] for kind, ad in zip(_IMAGES, ads)}
    found = [clause for clause in _CLAUSES if answers[clause.name] == "true"]
    if "true" in lets_in.values():
        found = [clause for clause in found if not clause.in_start]
    elif answers["retires"] == "true":
        return Answer(Offer.RETIRED if answers["retired"] == "true" else Offer.UNKNOWN)
    if found:
        details = _details(answers, stamps)
        because = "; ".join(clause.says.format(details=details) for clause in found)
        return Answer(Offer.CLOSED, because, tuple(clause.name for clause in found))
    return _of_start(answers, lets_in)


def _of_start(answers: Mapping[str, str], lets_in: Mapping[str, str]) -> Answer:
    out = tuple(kind for kind, value in lets_in.items() if value != "true")
    if len(out) < len(lets_in):
        return Answer(Offer.OPEN, _for_some(out, answers), out)
    if not set(lets_in.values()) <= {"false", "undefined"} or answers["has_start"] != "true":
        return Answer(Offer.UNKNOWN)
    if answers["wants_validation"] == "true" and answers["validated"] == "undefined":
        return Answer(Offer.UNVALIDATED)
    if answers["own"] != "true":
        return Answer(Offer.OWN)
    # One that is not defined may ask for something that this usual job lacks, and others have.
    is_known = "undefined" not in lets_in.values()
    return Answer(Offer.CLOSED, _NO_OTHER, ("Start",)) if is_known else Answer(Offer.UNKNOWN)


def _for_some(out: Sequence[str], answers: Mapping[str, str]) -> str:
    if not out:
        return ""
    full = answers["disk_is_full"] == "true" and list(out) == ["docker:// images"]
    return f"no job with {' or '.join(out)} can come{f': {_DISK_IS_FULL}' if full else ''}"


def _details(answers: Mapping[str, str], stamps: Sequence[str]) -> str:
    """Why the pilot's tests have failed, as far as it says, and the mend."""
    if stamps:
        # Each pilot has a directory of its own there.
        where = " ".join(stamp.replace("/pilot/", "ospool-ep-pilot-*/", 1) for stamp in stamps)
        return f": a file tells it to stop. Remove it, in WORKER_TEMP_DIR: rm {excerpt(where)}"
    found = re.fullmatch(r'"(.+)"', answers["warnings"])
    return f"{f': {excerpt(found.group(1))}' if found else ''}. Look at this host: {_CHECK}"
