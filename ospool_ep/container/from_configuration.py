"""From the configuration to the pilot's container: what the existing service makes, and what differs on purpose.

Source of the values: the pilot image's documentation, "Open Science Pool Containers", and ``ospool-ep`` 25-1.
"""

from dataclasses import replace

from ospool_ep import __version__
from ospool_ep.configuration.classad_syntax import fits_into_parentheses, is_in_parentheses
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.gpu_choice import chosen_gpus
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container import specification
from ospool_ep.container.cvmfs_mounts import cvmfsexec_mounts
from ospool_ep.container.fingerprint import fingerprint
from ospool_ep.container.privileges import privileges, without_pid_namespaces
from ospool_ep.container.specification import ContainerSpec, Mount
from ospool_ep.this_service import this_service

CVMFS = "/cvmfs"
OPENCL_VENDORS = "/etc/OpenCL/vendors"
HOST_NETWORK = "host"

_MIB = 1 << 20

# A burst that is written faster than the journal takes it waits in the engine's copy: 300,000 lines of 60 bytes are
# 28 MB there. A reader that is behind by more than half of this misses lines.
_LOG_MAX_BYTES = 256 * _MIB


# A process gets the few that it may have had since release 25-1: a program that closes all that it could have open, one
# by one, would take long over half a million. One that needs more raises it, up to what systemd gives to services.
_OPEN_FILES = 2048
_MOST_OPEN_FILES = 524_288

# Watchtower stops a container whose image has become old, and makes another: it would evict all jobs. Its forks read
# the same label. Source: https://containrrr.dev/watchtower/container-selection
_LEAVE_ALONE = ("com.centurylinklabs.watchtower.enable", "false")

# The image puts && and a clause of its own behind it, and no parentheses around it. What counts in the fingerprint is
# what the operator wrote: the pilots that run were given that.
START_CLAUSE = "GLIDEIN_Start_Extra"


def build(configuration: Configuration, token_path: str, host_memory_bytes: int, host_open_files: int) -> ContainerSpec:
    """The container for a configuration without errors.

    ``token_path`` is the token's file on the host. The host's memory, and how many open files it can allow a process,
    are as in ``system.host_capacity``.
    """
    memory, gpu = configuration.number("MEMORY"), configuration.truth("PROVIDE_NVIDIA_GPU")
    allowed = privileges(configuration)
    environment = dict(configuration.pilot_environment())
    expression = environment.get(START_CLAUSE)
    if expression and not is_in_parentheses(expression) and fits_into_parentheses(expression):
        environment[START_CLAUSE] = f"({expression})"
    if without_pid_namespaces(configuration):
        environment["SINGULARITY_DISABLE_PID_NAMESPACES"] = "True"
    if gpu:
        # Without it NVIDIA's runtime adds nothing and says nothing, unless the image asks for it. It takes a blank
        # for a part of a name.
        environment["NVIDIA_VISIBLE_DEVICES"] = ",".join(chosen_gpus(configuration))
    network = _network(configuration)
    if network == HOST_NETWORK:
        # Two pilots of one name would take each other's place in the pool as they hand over. Every shipped file says
        # false, so that nobody has meant it.
        environment["GLIDEIN_RANDOMIZE_NAME"] = "true"
    spec = ContainerSpec(
        image=configuration.image,
        name=this_service().container_name,
        user=str(specification.PILOT_UID),
        environment=tuple(environment.items()),
        mounts=_mounts(configuration, token_path, gpu),
        devices=("/dev/fuse",),
        security_options=allowed.security_options,
        unmasked_system_paths=allowed.own_proc,
        open_files=min(_OPEN_FILES, host_open_files),
        most_open_files=min(_MOST_OPEN_FILES, host_open_files),
        pids_limit=16384,
        stop_timeout_seconds=specification.STOP_TIMEOUT_SECONDS,
        labels=(),
        log_max_bytes=_LOG_MAX_BYTES,
        cpus=configuration.number("NUM_CPUS"),
        memory_bytes=None if memory is None else memory * _MIB + specification.MEMORY_MARGIN_BYTES,
        shm_bytes=(host_memory_bytes if memory is None else memory * _MIB) // 2,
        gpus=chosen_gpus(configuration),
        # A job that outlives the hours goes on as a guest, and no container leaves its slice.
        guest=configuration.is_guest,
        backfill=configuration.is_backfill,
        capabilities=allowed.capabilities,
        network=network,
    )
    ours = (
        (specification.FINGERPRINT_LABEL, fingerprint(configuration)),
        (specification.INSTANCE_LABEL, this_service().name),
        (specification.VERSION_LABEL, __version__),
    )
    return replace(spec, labels=(*ours, _LEAVE_ALONE))


def _network(configuration: Configuration) -> str:
    """The network as ``ContainerSpec`` has it."""
    value = configuration.text("OSPOOL_EP_NETWORK")
    if value == OPTIONS["OSPOOL_EP_NETWORK"].default:
        return ""
    from ospool_ep.configuration.network import network_of  # noqa: PLC0415 - for what few sites set

    return network_of(value)


def _mounts(configuration: Configuration, token_path: str, gpu: bool) -> tuple[Mount, ...]:
    scratch = configuration.text("WORKER_TEMP_DIR")
    mounts = [Mount(scratch, specification.SCRATCH_TARGET)] if scratch else []
    mounts.append(Mount(token_path, specification.TOKEN_TARGET, read_only=True))
    if configuration.truth("BIND_MOUNT_CVMFS"):
        # What autofs mounts later on the host must appear in the container, too.
        mounts.append(Mount(CVMFS, CVMFS, propagation="shared"))
    if configuration.text("OSPOOL_EP_BIND"):
        from ospool_ep.configuration.binds import binds  # noqa: PLC0415 - for what few sites set

        lent = binds(configuration.text("OSPOOL_EP_BIND"))
        mounts += (Mount(bind.source, bind.target, read_only=not bind.writable) for bind in lent)
    mounts += cvmfsexec_mounts(configuration)
    if gpu:
        mounts.append(Mount(OPENCL_VENDORS, OPENCL_VENDORS, read_only=True, may_be_missing=True))
    return tuple(mounts)
