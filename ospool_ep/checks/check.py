"""Finds everything that would keep the pilot from getting jobs, all of it together, and prints it.

The command and the service call the same functions: what the one accepts, the other starts.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

from ospool_ep.checks.beside import check_beside
from ospool_ep.checks.cvmfs_checks import check_cvmfs
from ospool_ep.checks.engine_checks import check_engine
from ospool_ep.checks.engine_facts import EngineFacts, examine_engine, look_at_engine
from ospool_ep.checks.host_checks import check_host
from ospool_ep.checks.host_facts import PATH_SECONDS, CvmfsPlaces, HostFacts, Places, gather
from ospool_ep.checks.left_overs import check_left_overs
from ospool_ep.checks.lent_places import LentPlaces
from ospool_ep.checks.network_checks import check_network_of
from ospool_ep.checks.path_checks import check_sharing
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.pilots_token import check_token
from ospool_ep.checks.room import check_room, is_full, no_room
from ospool_ep.checks.scratch_marks import may_be_shared
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Checked, Finding, Severity, about, error, has_errors
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.policy import policy
from ospool_ep.configuration.reading import could_be_read, read_configuration
from ospool_ep.engine.ping import Answer

if TYPE_CHECKING:
    from ospool_ep.engine.interface import EngineInfo

# A stop does not wait for a file system that hangs.
_LEAVE_SECONDS = 2.0
# The engine's own disk does not hang while it answers.
_LAYERS_SECONDS = 5.0

# What the engine behind a socket says of itself. Raises EngineError.
AskInfo = Callable[[str], "EngineInfo"]

# What can be told of the engine for a value of OSPOOL_EP_ENGINE.
AskEngine = Callable[[str], EngineFacts]


@dataclass(frozen=True)
class CheckResult:
    """The findings, in the order of the files' lines; those without a line come last."""

    config_path: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether a pilot can run and get jobs, as far as anything can tell beforehand."""
        return not has_errors(self.findings)

    def as_text(self) -> str:
        """A line for each finding, and one that sums up."""
        lines = [finding.as_text(self.config_path) for finding in self.findings]
        numbers = Counter(finding.severity for finding in self.findings)
        problems = [kind for kind in (Severity.ERROR, Severity.WARNING) if numbers[kind]]
        counts = [f"{numbers[kind]} {kind.value}{'s' if numbers[kind] > 1 else ''}" for kind in problems]
        summary = ", ".join(counts) or "nothing keeps the pilot from getting jobs"
        return "\n".join([*lines, f"{'ok: ' if self.ok else ''}{summary}"])

    def as_json(self) -> str:
        """The findings for a program."""
        return json.dumps(self.as_data(), indent=2)

    def as_data(self) -> dict[str, object]:
        """The same before it is written."""
        return {"ok": self.ok, "findings": [finding.as_json(self.config_path) for finding in self.findings]}


def _ask_info(socket: str) -> "EngineInfo":
    from ospool_ep.engine.adapter import DockerEngine  # noqa: PLC0415 - half of what the whole command may cost

    return DockerEngine(f"unix://{socket}").info()


def run_checks(
    config_path: str,
    places: Optional[Places] = None,
    ask_info: AskInfo = _ask_info,
    ask_engine: AskEngine = examine_engine,
    own_path: str = "",
) -> CheckResult:
    """Check the file and this host. Takes a minute at most, and that only where a file system and the engine hang.

    ``own_path`` is the file of this service alone, if it has one.
    """
    configuration, findings = read_configuration(config_path, own_path)
    checked = check_all(configuration, findings, places, ask_info, ask_engine)
    more = list(check_room(configuration, checked.no_room)) if not policy(configuration).one_by_one else []
    more += check_beside(configuration, findings, in_service=False, nvidia=(places or Places()).nvidia)
    scratch = configuration.text("WORKER_TEMP_DIR")
    if scratch.startswith("/") and could_be_read(findings):
        more += about("WORKER_TEMP_DIR", configuration.line("WORKER_TEMP_DIR"), check_left_overs(scratch))
    if could_be_read(findings):
        from ospool_ep.checks.drop_in_checks import check_drop_ins_here  # noqa: PLC0415 - a start asks nothing of that

        more += check_drop_ins_here(configuration)
    return CheckResult(config_path, _in_order(configuration, [*checked.findings, *more]))


def check_all(
    configuration: Configuration,
    findings: tuple[Finding, ...],
    places: Optional[Places] = None,
    ask_info: AskInfo = _ask_info,
    ask_engine: AskEngine = look_at_engine,
) -> Checked:
    """The same for a file that was read already, with what was found in it.

    Whether there is room for a second pilot on the engine's disk is found out where ``ask_engine`` tells of its layers.
    """
    if not could_be_read(findings):
        return Checked(_in_order(configuration, findings), "")
    places = places or Places()
    facts = gather(configuration, places, ask_engine)
    token = check_token(configuration, facts.token)
    found = [
        *findings,
        *token.findings,
        *check_host(configuration, facts),
        *check_engine(facts.engine, facts.root, configuration.place("OSPOOL_EP_ENGINE")),
        *_check_gpus(configuration, facts, places, ask_info),
        *_check_privileges(configuration, facts, places),
        *check_network_of(configuration, facts.engine),
        *_check_guest(configuration, facts.engine, ask_info),
        *_check_job_binds(configuration, facts.lent.job_binds, facts.engine),
    ]
    attributes = ""
    if facts.attributes or configuration.truth("OSPOOL_EP_ADVERTISE_HOST"):
        from ospool_ep.checks.attribute_checks import check_attributes, check_host_name  # noqa: PLC0415 - few need it

        said = check_attributes(configuration, facts.attributes, root=facts.root)
        attributes = said.text
        found += (*said.findings, *check_host_name(configuration, os.uname().nodename))
    if configuration.truth("OSPOOL_EP_HOLD_SHUTDOWN"):
        from ospool_ep.checks.shutdown_checks import check_shutdown  # noqa: PLC0415 - few ask for it
        from ospool_ep.system.inhibitors import logind_version  # noqa: PLC0415

        found += check_shutdown(configuration, logind_version())
    # Of one that hangs the type is not known.
    shared = facts.scratch is not None and (facts.scratch.hangs or may_be_shared(facts.scratch.file_system))
    may_fail = configuration.truth("BIND_MOUNT_CVMFS") or shared or bool(facts.lent.job_binds)
    layers = look(dict.fromkeys(filter(None, [facts.engine.layers]), "look"), _LAYERS_SECONDS).get(facts.engine.layers)
    if facts.cvmfsexec:
        from ospool_ep.checks.cvmfsexec_checks import check_quota  # noqa: PLC0415 - a start without it needs none

        found += check_quota(configuration, facts.cvmfsexec, layers)
    return replace(
        token, findings=_in_order(configuration, found), may_fail=may_fail,
        no_room=no_room(configuration, facts.scratch, layers, facts.cvmfsexec),
        is_full=is_full(configuration, facts.scratch, layers), attributes=attributes,
    )  # fmt: skip


def look_at_host(
    configuration: Configuration, places: Optional[Places] = None, ask_engine: AskEngine = look_at_engine
) -> str:
    """What has gone wrong with this host since a pilot runs: its CVMFS, or another host in its scratch directory.

    Besides, what jobs are to get in their containers, and the pilot does not have.

    It says to other hosts that this one uses the directory. Takes 15 s at most, or little longer; a minute where the
    pilot is asked. Raises HelperFailed.
    """
    places = places or Places()
    cvmfs, scratch = CvmfsPlaces(configuration, places), configuration.text("WORKER_TEMP_DIR")
    lent = LentPlaces(configuration, places.mounts, places.fstab)
    purposes = dict.fromkeys((*cvmfs.paths, *lent.job_binds), "look")
    if scratch.startswith("/"):
        purposes[scratch] = "claim"
    seen, found = look(purposes, PATH_SECONDS), list[Finding]()
    if configuration.truth("BIND_MOUNT_CVMFS"):
        found += check_cvmfs(cvmfs.facts(seen), configuration.place("BIND_MOUNT_CVMFS"))
    if scratch in seen:
        found += check_sharing(seen[scratch])
    if lent.job_binds:
        here = {path: seen[path] for path in lent.job_binds}
        told = _check_job_binds(configuration, here, ask_engine(configuration.engine))
        # What can't be known without a pilot's answer is no trouble.
        found += (finding for finding in told if finding.severity is Severity.WARNING)
    return " ".join(f"{finding.message} {finding.hint}" for finding in found)


def leave_host(configuration: Configuration) -> None:
    """Say to other hosts that this one uses its scratch directory no longer. Takes 3 s at most. Raises HelperFailed."""
    scratch = configuration.text("WORKER_TEMP_DIR")
    if scratch.startswith("/"):
        look({scratch: "leave"}, _LEAVE_SECONDS)


def _check_gpus(configuration: Configuration, facts: HostFacts, places: Places, ask_info: AskInfo) -> Iterator[Finding]:
    address = facts.engine.choice.address
    if facts.gpus is None:
        return
    from ospool_ep.checks.gpu_checks import check_gpus, check_gpus_of_host  # noqa: PLC0415 - only where there are some
    from ospool_ep.checks.gpu_facts import gather_gpus  # noqa: PLC0415
    from ospool_ep.engine.interface import EngineError  # noqa: PLC0415

    by_interface = address is not None and address.kind == "podman"
    if address is None or facts.engine.answer is not Answer.WELL:
        # What needs no engine is said before there is one, too.
        yield from check_gpus_of_host(configuration, facts.gpus, by_interface=by_interface)
        return
    try:
        engine = ask_info(address.socket)
    except EngineError as failure:
        message = f"The engine does not say what it can do ({failure})."
        yield error("engine-unreachable", message, address.log)
        yield from check_gpus_of_host(configuration, facts.gpus, by_interface=by_interface)
        return
    # Its administrator may have moved them.
    moved = set(engine.cdi_directories) - set(places.cdi)
    seen = gather_gpus(places.nvidia, engine.cdi_directories) if moved else facts.gpus
    yield from check_gpus(configuration, seen, engine)


def _check_privileges(configuration: Configuration, facts: HostFacts, places: Places) -> Iterator[Finding]:
    address, key = facts.engine.choice.address, "OSPOOL_EP_PRIVILEGES"
    if configuration.choice(key) == OPTIONS[key].default:
        return
    from ospool_ep.checks.privilege_checks import check_privileges_here  # noqa: PLC0415 - only for other ones

    yield from check_privileges_here(configuration, address.kind if address else "", places.seccomp_profile)


def _check_guest(configuration: Configuration, engine: EngineFacts, ask_info: AskInfo) -> Iterator[Finding]:
    if configuration.is_guest:
        from ospool_ep.checks.guest_checks import check_guest_here  # noqa: PLC0415 - for what few sites set

        yield from check_guest_here(configuration, engine, ask_info)


def _check_job_binds(configuration: Configuration, here: Mapping[str, Sight], engine: EngineFacts) -> Iterator[Finding]:
    """What jobs get from no mount of the pilot: one that runs is asked whether it has that."""
    if here:
        from ospool_ep.checks.job_bind_checks import check_job_binds, missing_in_pilot  # noqa: PLC0415 - few sites

        address = engine.choice.address if engine.answer is Answer.WELL else None
        missing = missing_in_pilot(address, tuple(here)) if address else None
        yield from check_job_binds(configuration, here, missing)


def _in_order(configuration: Configuration, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    placed = configuration.placed(findings)
    return tuple(sorted(placed, key=lambda finding: (*configuration.order(finding), finding.key or "")))
