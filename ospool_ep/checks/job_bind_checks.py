"""Whether the pilot has what its jobs' containers are to get by SINGULARITY_BIND_EXTRA.

Before a pilot runs that can't be known: its image may have anything. One that runs is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.binds import Bind, binds, check_binds, is_within
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, has_errors, info, warning
from ospool_ep.configuration.job_binds import KEY
from ospool_ep.container.specification import FINGERPRINT_LABEL, PILOT_UID, made_by
from ospool_ep.engine.address import EngineAddress
from ospool_ep.this_service import this_service

# It looks at a few paths; one of them may hang.
_ANSWERS_SECONDS = 10.0


def missing_in_pilot(address: EngineAddress, paths: Sequence[str]) -> Optional[frozenset[str]]:
    """Which of the paths the newest pilot does not have; None where none runs, or none answers within 10 s.

    What it has by a mount of its own counts as missing: the configuration that is checked names no such mount.
    """
    from ospool_ep.engine.adapter import DockerEngine  # noqa: PLC0415 - only where there is something to ask
    from ospool_ep.engine.interface import EngineError  # noqa: PLC0415
    from ospool_ep.pilot.paths import missing_command, read_missing  # noqa: PLC0415

    engine = DockerEngine(address.url, timeout_seconds=int(_ANSWERS_SECONDS))
    try:
        pilots = engine.labelled(FINGERPRINT_LABEL)
        ours = [pilot for pilot in pilots if made_by(pilot.labels) == this_service().name]
        if not ours:
            return None
        pilot = ours[-1]
        done = engine.execute(pilot.id, missing_command(paths), user=str(PILOT_UID), timeout_seconds=_ANSWERS_SECONDS)
    except EngineError:
        return None
    missing = read_missing(done.output, paths)
    mounted = {path for path in paths for target in pilot.mount_targets if is_within(path, target)}
    return None if missing is None else missing | mounted


def check_job_binds(
    configuration: Configuration, here: Mapping[str, Sight], missing: Optional[frozenset[str]]
) -> Iterator[Finding]:
    """``here`` is what was seen on this host of each path that is in no mount, ``missing`` as ``missing_in_pilot``."""
    lent = binds(configuration.text("OSPOOL_EP_BIND"))
    return about(KEY, configuration.line(KEY), _found(here, missing, lent))


def _found(here: Mapping[str, Sight], missing: Optional[frozenset[str]], lent: Sequence[Bind]) -> Iterator[Finding]:
    for path, sight in here.items():
        is_here = not sight.error and not sight.hangs
        hint = _mend(path, lent, is_here=is_here)
        then = "jobs in containers fail over it, or go without it"
        if missing is not None:
            if path in missing:
                yield warning("job-bind-missing", f"{path} is not in the pilot: {then}.", hint)
        elif is_here:
            message = f"{path} is on this host, and in no mount of the pilot: unless the image has it, {then}."
            yield warning("job-bind-missing", message, hint)
        else:
            message = f"{path} is in no mount of the pilot: unless the image has it, {then}."
            check = this_service().command("check")
            yield info("job-bind-unknown", message, f"While a pilot runs, {check} asks it. {hint}")


def _mend(path: str, lent: Sequence[Bind], *, is_here: bool) -> str:
    for bind in lent:
        if is_within(path, bind.source):
            return f"In the pilot it is {bind.target}{path[len(bind.source) :]}: write that."
    if is_within(path, "/cvmfs"):
        return "Set CVMFSEXEC_REPOS or BIND_MOUNT_CVMFS."
    lend = f"Mount it into the pilot: OSPOOL_EP_BIND={path}"
    if has_errors(check_binds(path)):
        # Where the pilot needs its own: the jobs' containers can have it there all the same.
        lend = f"Mount it elsewhere, OSPOOL_EP_BIND={path}:/srv{path}, and write /srv{path}:{path} here."
    return lend if is_here else f"Remove it, or make it on this host. {lend}"
