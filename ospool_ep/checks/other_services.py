"""Who lends beside this service: asks systemd, looks into the others' run-time directories, reads their files.

A host with ospool-ep alone has no file beside the common one, and does not come here.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Optional

from ospool_ep.checks.lenders import Beside, Directory, Lender, Standing, lender, those_before, wanted_ones
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import has_errors
from ospool_ep.configuration.reading import could_be_read, read_configuration
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.services import service_files
from ospool_ep.system.systemctl import UnitState, unit_states
from ospool_ep.this_service import ServiceName, this_service

# Those that hang are compared by their paths. What the others have is not worth a longer wait.
_LOOK_SECONDS = 5.0

AskUnits = Callable[[Sequence[str]], Optional[Mapping[str, UnitState]]]


def look_beside(
    configuration: Configuration, *, in_service: bool, run: str = "/run", ask: Optional[AskUnits] = None
) -> tuple[Lender, Beside]:
    """This service and the others. ``in_service``: for one that is about to start a pilot, and not for a person.

    ``run`` is where the run-time directories are. Takes 5 s where a scratch directory hangs, and 10 s where systemd
    does. HelperFailed, see ``path_probe``.
    """
    ours, (services, no_services) = this_service(), service_files(configuration.path)
    every = tuple(dict.fromkeys((ServiceName(), *services, ours)))
    states = (ask or unit_states)([service.unit for service in every]) or {}
    standings = {one: _standing(one, states.get(one.unit, UnitState()), Path(run), ours) for one in every}
    others = [standing for one, standing in standings.items() if one != ours]
    counted = those_before(standings[ours], others) if in_service else wanted_ones(others)
    configurations, not_counted = _configurations(configuration.path, counted)
    scratch = _scratch_directories({ours: configuration, **configurations})
    made = {one: lender(one, its, scratch.get(one)) for one, its in {ours: configuration, **configurations}.items()}
    lenders = tuple(made[one] for one in configurations)
    return made[ours], Beside(lenders, not_counted, no_services, in_service or standings[ours].wanted)


def _standing(service: ServiceName, state: UnitState, run: Path, ours: ServiceName) -> Standing:
    directory = RunDirectory(run / service.name)
    try:
        runs = directory.service_pid() is not None
    except OSError:
        # Only root sees the lock; systemd removes the directory as it ends the service.
        runs = state.runs
    # A process of this service that begins has no lock yet; what it finds there the one before has left to it.
    has_place = (runs or service == ours) and (directory.has_place or _has_pilots(directory))
    return Standing(service, runs or state.runs or state.enabled, has_place)


def _has_pilots(directory: RunDirectory) -> bool:
    try:
        report: object = directory.read_status()
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and bool(report.get("pilots"))


def _configurations(
    path: str, services: Iterable[ServiceName]
) -> tuple[dict[ServiceName, Configuration], dict[ServiceName, str]]:
    """What the files of those services say; and of which they are of no use, with the reason."""
    read, wrong = dict[ServiceName, Configuration](), dict[ServiceName, str]()
    for service in services:
        configuration, findings = read_configuration(path, service.own_file(path))
        if not could_be_read(findings):
            wrong[service] = "its configuration can't be read"
        elif has_errors(findings):
            wrong[service] = "its configuration has errors"
        else:
            read[service] = configuration
    return read, wrong


def _scratch_directories(configurations: Mapping[ServiceName, Configuration]) -> dict[ServiceName, Directory]:
    paths = {one: its.text("WORKER_TEMP_DIR") for one, its in configurations.items()}
    paths = {one: path for one, path in paths.items() if path.startswith("/")}
    # Where no other one has such a directory there is nothing to compare.
    seen = look(dict.fromkeys(paths.values(), "look"), _LOOK_SECONDS) if len(paths) > 1 else {}
    return {one: _directory(path, seen.get(path)) for one, path in paths.items()}


def _directory(path: str, sight: Optional[Sight]) -> Directory:
    whole = os.path.abspath(path)  # noqa: PTH100 - pathlib leaves ".." as it is
    if sight is None or sight.hangs or not sight.inode:
        return Directory(path, (sight.leads_to if sight else "") or whole)
    return Directory(path, sight.leads_to or whole, (sight.device, sight.inode))
