"""What about this host keeps the pilot from running or from getting jobs. Pure: facts in, findings out."""

import shlex
from collections.abc import Iterator

from ospool_ep.checks import permissions
from ospool_ep.checks.host_facts import HostFacts
from ospool_ep.checks.path_checks import check_scratch
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.container.specification import PILOT_UID


def check_host(configuration: Configuration, facts: HostFacts) -> Iterator[Finding]:
    """Everything but the token file and the engine."""
    if facts.no_user_namespaces:
        message = "AppArmor bars users from name spaces of their own: Apptainer can't run the containers of jobs."
        switch = "kernel.apparmor_restrict_unprivileged_userns=0"
        hint = f"Allow them: echo {switch} >/etc/sysctl.d/90-ospool-ep.conf && sysctl --system"
        yield warning("user-namespaces-barred", message, hint)
    if facts.scratch:
        yield from check_scratch(facts.scratch, configuration.line("WORKER_TEMP_DIR"))
    yield from _check_fuse(configuration, facts.fuse)
    if configuration.truth("BIND_MOUNT_CVMFS"):
        yield from _check_cvmfs(configuration, facts)
    if facts.opencl_vendors and not facts.opencl_vendors.is_directory:
        path = facts.opencl_vendors.path
        message = f"There is no directory {path}: jobs find no OpenCL."
        make = f"install -d -m 755 {shlex.quote(path)}"
        hint = f"Install the OpenCL part of the NVIDIA driver, or make the directory: {make}"
        yield warning("opencl-vendors-missing", message, hint, **configuration.place("PROVIDE_NVIDIA_GPU"))
    yield from _check_limits(configuration, facts)


def _check_limits(configuration: Configuration, facts: HostFacts) -> Iterator[Finding]:
    cpus, memory = configuration.number("NUM_CPUS"), configuration.number("MEMORY")
    memory_here = facts.memory_bytes >> 20
    if cpus is not None and cpus > facts.cpus:
        address = facts.engine.choice.address
        # Podman takes it for a share of the time that there is, and nothing else.
        refused = address is None or address.kind == "docker"
        then = "the engine refuses to start the pilot" if refused else "jobs get less than they are promised"
        message = f"{cpus} CPUs are more than this host has ({facts.cpus}): {then}."
        hint = f"Set NUM_CPUS={facts.cpus}, or leave it empty for all of them."
        yield (error if refused else warning)("cpus-exceed-host", message, hint, **configuration.place("NUM_CPUS"))
    if memory is not None and memory > memory_here:
        message = f"{memory} MB are more than this host has ({memory_here} MB): jobs may be killed."
        hint = f"Set MEMORY={memory_here} or less, or leave it empty for all of it."
        yield warning("memory-exceeds-host", message, hint, **configuration.place("MEMORY"))


def _check_fuse(configuration: Configuration, sight: Sight) -> Iterator[Finding]:
    if not sight.is_device:
        message = f"There is no device {sight.path}: the engine refuses to start the pilot."
        yield error("fuse-missing", message, "Load the kernel's module: modprobe fuse")
    elif configuration.repositories and sight.item and not permissions.permits(sight.item, 0o6):
        message = f"The pilot (uid {PILOT_UID}) may not be able to use {sight.path} ({sight.item.described})."
        hint = f"Give it the usual mode: chmod 666 {shlex.quote(sight.path)}"
        yield warning("fuse-not-usable-by-pilot", message, hint, **configuration.place("CVMFSEXEC_REPOS"))


def _check_cvmfs(configuration: Configuration, facts: HostFacts) -> Iterator[Finding]:
    # A repository that is mounted by itself, and anything else that somebody put there, is taken at its word; the
    # automounter is not: it is there with no repository behind it, too.
    mounted = any(kind != "autofs" for kind in facts.cvmfs_mounts) and not any(sight.hangs for sight in facts.cvmfs)
    if mounted or any(not sight.hangs and not sight.error for sight in facts.cvmfs):
        return
    hanging = [sight.path for sight in facts.cvmfs if sight.hangs]
    if hanging:
        message = f"CVMFS does not answer ({hanging[0]})."
    elif facts.cvmfs_mounts:
        message = f"CVMFS is set up, but mounts neither {' nor '.join(sight.path for sight in facts.cvmfs)}."
    else:
        message = "CVMFS is not mounted on this host."
    own = "let the pilot mount it: BIND_MOUNT_CVMFS=false and CVMFSEXEC_REPOS."
    hint = f"Try 'cvmfs_config settings && cvmfs_config probe', or {own}"
    yield error("cvmfs-not-mounted", message, hint, **configuration.place("BIND_MOUNT_CVMFS"))
