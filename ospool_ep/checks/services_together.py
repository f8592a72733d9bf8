"""Whether the services of this host lend together no more than there is, and nothing twice.

Pure: facts in, findings out. What is an error for one service is one for the others, too.
"""

import posixpath
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Optional

from ospool_ep.checks.lenders import MARGIN_MB, Beside, Directory, Host, Lender
from ospool_ep.checks.same_gpu import Sameness, sameness
from ospool_ep.configuration.binds import is_within
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Severity, error, info, warning
from ospool_ep.configuration.gpu_choice import deciding_key
from ospool_ep.configuration.masking import quoted
from ospool_ep.system.nvidia_driver import Gpu
from ospool_ep.this_service import LONGEST_INSTANCE, ServiceName
from ospool_ep.wording import listed

_MAIN = ServiceName()
_SCRATCH = "WORKER_TEMP_DIR"

_Lent = tuple[Lender, Optional[int]]


@dataclass(frozen=True)
class _Sort:
    """What is lent by number. ``margin`` is what the container of each service gets on top of the key's value."""

    key: str
    code: str
    what: str
    then: str
    unit: str = ""
    margin: int = 0


_CPUS = _Sort("NUM_CPUS", "services-exceed-cpus", "CPUs", ": jobs get less than they are promised")
_MEMORY = _Sort(
    "MEMORY", "services-exceed-memory", "memory",
    f" MB, of which each container gets {MARGIN_MB} for itself: jobs are killed as it runs out", "MB of ", MARGIN_MB,
)  # fmt: skip


def check_together(configuration: Configuration, ours: Lender, beside: Beside, here: Host) -> Iterator[Finding]:
    """All of it, for ``ours``, whose configuration it is."""
    others = beside.lenders
    found = [
        *_check_sum(configuration, _CPUS, [(one, one.cpus) for one in (ours, *others)], here.cpus),
        *_check_sum(configuration, _MEMORY, [(one, one.memory) for one in (ours, *others)], here.memory_mb),
        *(finding for other in others for finding in _check_gpus(configuration, ours, other, here.gpus)),
        *(finding for other in others for finding in _check_scratch(configuration, ours, other)),
    ]
    # A host with instances alone has this one, too, as it is installed: to look at it is no mistake.
    idle = ours.service == _MAIN and not beside.is_wanted
    yield from map(_if_it_ran, found) if idle else found
    for service, why in beside.not_counted.items():
        message = f"What {service.name} lends is not counted: {why}."
        yield warning("service-not-counted", message, f"Show what is wrong: {service.command('check')}")
    for path in beside.no_services:
        message = f"No service can be called by the name of {shlex.quote(path)}, and none reads that file."
        hint = f"A name is letters, digits, _ . and -, up to {LONGEST_INSTANCE}, and begins with a letter or a digit."
        yield info("file-of-no-service", message, hint)


def _if_it_ran(finding: Finding) -> Finding:
    hint = "Mend it before you start ospool-ep itself, which neither runs nor starts at boot; or leave it so, and look"
    severity = Severity.WARNING if finding.severity is Severity.ERROR else finding.severity
    return replace(finding, severity=severity, hint=f"{hint} at another service: ospool-ep check --instance NAME")


def _check_sum(configuration: Configuration, sort: _Sort, lent: Sequence[_Lent], here: int) -> Iterator[Finding]:
    """``lent``: this service and how much it lends, and then the others; None for all that is ``here``."""
    total = sum(here if amount is None else amount for _, amount in lent)
    if len(lent) < 2 or total <= here:
        return
    (_, ours), *others = lent
    shares = listed([f"{other.service.name} {_amount(amount)}" for other, amount in others])
    lends = f"all {sort.what}" if ours is None else f"{ours} {sort.unit}{sort.what}"
    message = f"This service lends {lends}, and {shares}; this host has {here}{sort.then}."
    most = here - sort.margin * len(lent)
    hint = f"Set {sort.key} in each of {_files(lender for lender, _ in lent)}, to {most} together at most."
    if most < len(lent):
        hint = "Let fewer services lend: there is too little for so many."
    yield error(
        sort.code, message, f"{hint}{_without_main(lender for lender, _ in lent)}", **configuration.place(sort.key)
    )


def _amount(amount: Optional[int]) -> str:
    return "all" if amount is None else str(amount)


def _without_main(lenders: Iterable[Lender]) -> str:
    """The usual mistake on a host with instances: ospool-ep itself lends all of it besides."""
    if all(lender.service != _MAIN for lender in lenders):
        return ""
    disable = "systemctl disable --now ospool-ep (while it has jobs, first: ospool-ep drain --then stop)"
    return f" Or, if ospool-ep itself is not to lend beside the others: {disable}"


def _check_gpus(
    configuration: Configuration, ours: Lender, other: Lender, gpus: Optional[Sequence[Gpu]]
) -> Iterator[Finding]:
    found: dict[Sameness, list[str]] = {Sameness.SAME: [], Sameness.NOT_KNOWN: []}
    for one, another in product(ours.gpus, other.gpus):
        same = sameness(one, another, gpus)
        if same is not Sameness.OTHER:
            found[same].append(one if one == another else f"{one} and {another}")
    place, choose = (
        configuration.place(deciding_key(configuration)),
        f"Set OSPOOL_EP_GPUS in each of {_files((ours, other))}",
    )
    hint = f"{choose} to GPUs that the other has not, or PROVIDE_NVIDIA_GPU=false in one: nvidia-smi -L shows them."
    if same_ones := list(dict.fromkeys(found[Sameness.SAME])):
        message = f"{other.service.name} offers the same GPUs ({', '.join(same_ones)}): both would hand them out."
        yield error("gpu-of-two-services", message, hint + _without_main((ours, other)), **place)
    elif not_known := list(dict.fromkeys(found[Sameness.NOT_KNOWN])):
        message = f"Whether {other.service.name} offers the same GPUs can't be told ({', '.join(not_known)})."
        hint = f"{choose} by numbers, or both by UUIDs, as nvidia-smi -L shows them."
        yield warning("gpu-of-two-services", message, hint, **place)


def _check_scratch(configuration: Configuration, ours: Lender, other: Lender) -> Iterator[Finding]:
    if ours.scratch is None or other.scratch is None:
        return
    how = _overlap(ours.scratch, other.scratch)
    if not how:
        return
    mended = other if ours.service == _MAIN else ours
    message = f"{quoted(ours.scratch.path)} {how} {other.service.name} ({quoted(other.scratch.path)})."
    another = f"{posixpath.normpath(_outer(ours.scratch, other.scratch))}-{mended.service.instance or 'of-its-own'}"
    hint = f"Give each one of its own beside it: in {shlex.quote(mended.file)} write {_SCRATCH}={another}"
    yield error("scratch-of-two-services", message, hint, **configuration.place(_SCRATCH))


def _overlap(one: Directory, other: Directory) -> str:
    if one.real == other.real or (one.inode is not None and one.inode == other.inode):
        return "is the scratch directory of"
    if is_within(one.real, other.real):
        return "is in the scratch directory of"
    return "holds the scratch directory of" if is_within(other.real, one.real) else ""


def _outer(one: Directory, other: Directory) -> str:
    return min(one.real, other.real, key=len)


def _files(lenders: Iterable[Lender]) -> str:
    return listed([shlex.quote(file) for file in dict.fromkeys(lender.file for lender in lenders)])
