"""Whether this host can treat a pilot as a guest: what holds of that, and what does not. Facts in, findings out."""

import contextlib
from collections.abc import Callable, Iterator

from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, warning
from ospool_ep.engine.interface import EngineError, EngineInfo
from ospool_ep.engine.ping import Answer
from ospool_ep.system import slices

# Source: Enterprise Linux 8 has version 1 by itself; kernel-command-line(7).
_UNIFY = (
    "Let this host have version 2: grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=1"
    " and boot it anew."
)
_BY_SYSTEMD = {
    "docker": "Let systemd do so, while no pilot runs: "
    '"exec-opts": ["native.cgroupdriver=systemd"] in /etc/docker/daemon.json, then: systemctl restart docker',
    "podman": 'Let systemd do so: cgroup_manager = "systemd" below [engine] in /etc/containers/containers.conf;'
    " it holds from the next pilot on.",
}


def check_guest(
    configuration: Configuration, engine_kind: str, *, cgroups_are_unified: bool, by_systemd: bool
) -> Iterator[Finding]:
    """For a pilot that is to be a guest. ``engine_kind``: "docker" or "podman".

    ``by_systemd``: the engine has systemd make its cgroups.
    """
    backfill = configuration.is_backfill
    if cgroups_are_unified and by_systemd:
        return
    why = slices.NOT_BY_SYSTEMD if cgroups_are_unified else slices.NOT_UNIFIED
    holds = "It has the least share among the engine's containers alone, and" if backfill else "As everywhere,"
    message = f"The pilot does not step back behind this host's other work: {why}. {holds} its jobs are killed first."
    mend = _BY_SYSTEMD[engine_kind] if cgroups_are_unified else _UNIFY
    key = "OSPOOL_EP_PRIORITY" if backfill else "OSPOOL_EP_HOURS"
    yield warning("guest-without-slice", message, mend, **configuration.place(key))


def check_guest_here(
    configuration: Configuration, engine: EngineFacts, ask_info: Callable[[str], EngineInfo]
) -> Iterator[Finding]:
    """The same for this host and its engine; nothing where that does not answer."""
    address = engine.choice.address
    if address is None or engine.answer is not Answer.WELL:
        return
    unified = slices.cgroups_are_unified()
    # One that fails there is told of by other checks.
    with contextlib.suppress(EngineError):
        by_systemd = unified and ask_info(address.socket).limits_sums
        yield from check_guest(configuration, address.kind, cgroups_are_unified=unified, by_systemd=by_systemd)
