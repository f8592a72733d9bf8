"""From the configuration to the pilot's container: what the existing service makes, and what differs on purpose.

Source of the values: the pilot image's documentation, "Open Science Pool Containers", and ``ospool-ep`` 25-1.
"""

from dataclasses import replace

from ospool_ep import __version__
from ospool_ep.configuration.contents import Configuration
from ospool_ep.container import specification
from ospool_ep.container.fingerprint import fingerprint
from ospool_ep.container.specification import ContainerSpec, Mount

SCRATCH_TARGET = "/pilot"
CVMFS = "/cvmfs"
OPENCL_VENDORS = "/etc/OpenCL/vendors"

# HTCondor keeps to the MEMORY it was told; the processes that manage the jobs need some room beside them.
_MEMORY_MARGIN_MIB = 100
_MIB = 1 << 20

# A burst that is written faster than the journal takes it waits in the engine's copy: 300,000 lines of 60 bytes are
# 28 MB there. A reader that is behind by more than half of this misses lines.
_LOG_MAX_BYTES = 256 * _MIB


def build(configuration: Configuration, token_path: str) -> ContainerSpec:
    """The container for a configuration without errors. ``token_path`` is the token's file on the host."""
    memory, gpu = configuration.number("MEMORY"), configuration.truth("PROVIDE_NVIDIA_GPU")
    environment = dict(configuration.pilot_environment())
    if gpu:
        # The GPU devices are not visible to a job in a PID namespace of its own.
        environment["SINGULARITY_DISABLE_PID_NAMESPACES"] = "True"
    spec = ContainerSpec(
        image=configuration.image,
        name=specification.CONTAINER_NAME,
        user=str(specification.PILOT_UID),
        environment=tuple(environment.items()),
        mounts=_mounts(configuration, token_path, gpu),
        devices=("/dev/fuse",),
        # Not separated by SELinux: the jobs of other people run in it, under HTCondor and Apptainer, which bring their
        # own walls; and what is mounted keeps the label that its owner gave it. Both engines take it without SELinux.
        security_options=("label=disable", "seccomp=unconfined", "no-new-privileges"),
        unmasked_system_paths=True,
        open_files=2048,
        pids_limit=16384,
        stop_timeout_seconds=specification.STOP_TIMEOUT_SECONDS,
        labels=(),
        log_max_bytes=_LOG_MAX_BYTES,
        cpus=configuration.number("NUM_CPUS"),
        memory_bytes=None if memory is None else (memory + _MEMORY_MARGIN_MIB) * _MIB,
        runtime="nvidia" if gpu else "",
    )
    labels = ((specification.FINGERPRINT_LABEL, fingerprint(configuration)), (specification.VERSION_LABEL, __version__))
    return replace(spec, labels=labels)


def _mounts(configuration: Configuration, token_path: str, gpu: bool) -> tuple[Mount, ...]:
    scratch = configuration.text("WORKER_TEMP_DIR")
    mounts = [Mount(scratch, SCRATCH_TARGET)] if scratch else []
    mounts.append(Mount(token_path, specification.TOKEN_TARGET, read_only=True))
    if configuration.truth("BIND_MOUNT_CVMFS"):
        # What autofs mounts later on the host must appear in the container, too.
        mounts.append(Mount(CVMFS, CVMFS, propagation="shared"))
    if gpu:
        mounts.append(Mount(OPENCL_VENDORS, OPENCL_VENDORS, read_only=True))
    return tuple(mounts)
