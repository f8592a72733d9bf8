"""Whether this service lends too much beside the others of this host. A host with one service pays nothing for that."""

from collections.abc import Iterable

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Severity
from ospool_ep.configuration.reading import could_be_read
from ospool_ep.system.services import service_files


def check_beside(
    configuration: Configuration, findings: Iterable[Finding], *, in_service: bool, nvidia: str = "/"
) -> tuple[Finding, ...]:
    """What more is wrong with it, beside what was found in its file: ``findings``. Raises HelperFailed.

    For a person all services count that systemd starts, or that run. ``in_service``: for one that is about to start a
    pilot, those count that have their place, or come first: one that is added wrongly gives way, and no other one.
    Below ``nvidia`` is what its driver has. Takes 15 s at most, and that only where a file system and systemd hang.
    """
    found = tuple(findings)
    if not could_be_read(found) or not has_others(configuration.path):
        return ()
    from ospool_ep.checks.lenders import Host  # noqa: PLC0415 - for hosts with several services
    from ospool_ep.checks.other_services import look_beside  # noqa: PLC0415
    from ospool_ep.checks.services_together import check_together  # noqa: PLC0415
    from ospool_ep.system.host_capacity import capacity  # noqa: PLC0415
    from ospool_ep.system.nvidia_driver import gpus  # noqa: PLC0415

    ours, others = look_beside(configuration, in_service=in_service)
    here = capacity()
    host = Host(here.cpus, here.memory_bytes >> 20, gpus(nvidia) if ours.gpus else None)
    # What a wrong value comes to says nothing about the others.
    wrong = {finding.key for finding in found if finding.severity is Severity.ERROR}
    return tuple(
        one for one in check_together(configuration, ours, others, host) if not one.key or one.key not in wrong
    )


def has_others(config_path: str) -> bool:
    """Whether a service of this host has a configuration of its own, which costs a system call."""
    return any(service_files(config_path))
