"""What about this host keeps the pilot from running or from getting jobs. Pure: facts in, findings out."""

import shlex
from collections.abc import Iterator

from ospool_ep.checks import permissions
from ospool_ep.checks.cvmfs_checks import check_cvmfs
from ospool_ep.checks.cvmfs_propagation import check_propagation
from ospool_ep.checks.host_facts import HostFacts
from ospool_ep.checks.name_space_checks import Kernel, check_name_spaces
from ospool_ep.checks.path_checks import check_scratch, remount
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.container.specification import PILOT_UID

# The service keeps a few KiB; below that a file that is replaced may find no room beside the old one.
LEAST_KEPT_BYTES = 64 * 1024


def check_host(configuration: Configuration, facts: HostFacts) -> Iterator[Finding]:
    """Everything but the token file and the engine."""
    cpus = min(configuration.number("NUM_CPUS") or facts.cpus, facts.cpus)
    yield from check_name_spaces(configuration, _kernel(facts), cpus)
    for kept in facts.kept:
        yield from _check_kept(kept)
    if facts.scratch:
        yield from check_scratch(facts.scratch, facts.stamp, configuration.line("WORKER_TEMP_DIR"))
    yield from _check_fuse(configuration, facts.fuse)
    if configuration.truth("BIND_MOUNT_CVMFS"):
        yield from check_cvmfs(facts.cvmfs, configuration.place("BIND_MOUNT_CVMFS"))
        yield from check_propagation(facts.cvmfs.directory, facts.cvmfs.top, configuration.place("BIND_MOUNT_CVMFS"))
    if facts.lent.binds:
        from ospool_ep.checks.bind_checks import check_bind_mounts  # noqa: PLC0415 - for what few sites set

        yield from check_bind_mounts(configuration, facts.lent, facts.engine.docker)
    if facts.cvmfsexec:
        from ospool_ep.checks.cvmfsexec_checks import check_cvmfsexec  # noqa: PLC0415 - a start without it needs none

        yield from check_cvmfsexec(configuration, facts.cvmfsexec)
    if facts.opencl_vendors and not facts.opencl_vendors.is_directory:
        path = facts.opencl_vendors.path
        message = f"There is no directory {path}: jobs find no OpenCL."
        make = f"install -d -m 755 {shlex.quote(path)}"
        hint = f"Install the OpenCL part of the NVIDIA driver, or make the directory: {make}"
        yield warning("opencl-vendors-missing", message, hint, **configuration.place("PROVIDE_NVIDIA_GPU"))
    yield from _check_limits(configuration, facts)


def _kernel(facts: HostFacts) -> Kernel:
    address = facts.engine.choice.address
    return Kernel(facts.switches, facts.apparmor and address is not None and address.kind == "docker")


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


def _check_kept(sight: Sight) -> Iterator[Finding]:
    """Whether the service can keep there what it has to."""
    path = shlex.quote(sight.path)
    if sight.read_only:
        message = f"{sight.path} is read-only: the service cannot keep there what it has to."
        yield warning("state-not-writable", message, f"Allow it: {remount(sight.path, 'rw')}")
    elif sight.free_bytes is not None and sight.free_bytes < LEAST_KEPT_BYTES:
        message = f"Hardly any space is free in {sight.path}: what the service keeps there may be lost."
        yield warning("state-not-writable", message, f"Make room. What fills the disk: du -xh {path} | sort -h | tail")
    elif sight.free_files == 0:
        message = f"No more files can be made in {sight.path}: what the service keeps there may be lost."
        yield warning("state-not-writable", message, f"Remove some. How many there are: df -i {path}")
