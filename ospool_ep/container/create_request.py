"""A container specification in the words of the Docker API, as each engine reads them: POST /containers/create.

Written out and not left to the SDK, whose helpers know no unmasked system paths, and add the proxies of root's
``~/.docker/config.json`` to the environment. Sources: Docker Engine API, "Create a container"; Podman,
pkg/api/handlers/compat/containers_create.go, which passes over in silence what it does not know.
"""

from typing import Any

from ospool_ep.container.specification import ContainerSpec, Mount

NVIDIA_RUNTIME = "nvidia"
_NANO = 1_000_000_000
# The kernel kills what has the highest score, and among those that have this one the largest: a job, and not what
# manages the jobs. Nothing in the container lowers it again, as an engine of root's has CAP_SYS_RESOURCE; and no engine
# changes it in a container that runs. Source: Linux, fs/proc/base.c, __set_oom_adj.
GUEST_OOM_SCORE = 1000
# The least that there is. Source: docker-run(1), --cpu-shares.
BACKFILL_CPU_SHARES = 2

# With two files of half the size the older half is dropped at a time. A reader that follows is at fault only when
# it is behind by a whole file, so the files are few and large and not many and small.
_LOG_FILES = 2


def create_body(spec: ContainerSpec, engine_kind: str, seccomp: str = "") -> dict[str, Any]:
    """The body for an engine of that kind ("docker" or "podman").

    ``seccomp`` is the text of the seccomp profile, where the container has one of its own.
    """
    of_its_own = _for_podman(spec) if engine_kind == "podman" else _for_docker(spec, seccomp)
    return {
        "Image": spec.image,
        "User": spec.user,
        "Env": [f"{key}={value}" for key, value in spec.environment],
        "Labels": dict(spec.labels),
        "StopTimeout": spec.stop_timeout_seconds,
        "HostConfig": {**_host_config(spec, engine_kind), **of_its_own},
    }


def _host_config(spec: ContainerSpec, engine_kind: str) -> dict[str, Any]:
    """What both read in the same way."""
    log_driver, log_opts = log(spec, engine_kind)
    config: dict[str, Any] = {
        "Binds": [bind(mount) for mount in spec.mounts if is_bind(mount, engine_kind)],
        "Mounts": [_mount(mount) for mount in spec.mounts if not is_bind(mount, engine_kind)],
        "Devices": [{"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"} for path in spec.devices],
        "Ulimits": [{"Name": "nofile", "Soft": spec.open_files, "Hard": spec.most_open_files}],
        "PidsLimit": spec.pids_limit,
        "LogConfig": {"Type": log_driver, "Config": log_opts},
        "NetworkMode": spec.network or "default",
        # Where the engine maps users ("userns-remap"), uid 1000 in the container would be none that may write here.
        "UsernsMode": "host",
        "RestartPolicy": {"Name": "no"},
    }
    if spec.cpus is not None:
        config["NanoCpus"] = spec.cpus * _NANO
    if spec.memory_bytes is not None:
        config["Memory"] = spec.memory_bytes
    if spec.shm_bytes is not None:
        config["ShmSize"] = spec.shm_bytes
    if spec.guest:
        config["OomScoreAdj"] = GUEST_OOM_SCORE
    if spec.backfill:
        config["CpuShares"] = BACKFILL_CPU_SHARES
    if spec.cgroup_parent:
        config["CgroupParent"] = spec.cgroup_parent
    if spec.capabilities:
        config["CapDrop"], config["CapAdd"] = ["ALL"], capabilities(spec)
    return config


def _for_docker(spec: ContainerSpec, seccomp: str) -> dict[str, Any]:
    # Docker's command reads the profile itself, and sends its text; Podman's engine reads it, at the path that it gets.
    texts = {f"seccomp={spec.seccomp_profile}": f"seccomp={seccomp}"}
    config: dict[str, Any] = {"SecurityOpt": [texts.get(option, option) for option in spec.security_options]}
    if spec.unmasked_system_paths:
        # The command line's "systempaths=unconfined"; the engine itself does not know that word.
        config["MaskedPaths"] = config["ReadonlyPaths"] = []
    if spec.gpus and spec.gpus_by_cdi:
        config["DeviceRequests"] = _cdi_requests(spec)
    elif spec.gpus:
        # Which ones the runtime reads in the environment: NVIDIA_VISIBLE_DEVICES.
        config["Runtime"] = NVIDIA_RUNTIME
    return config


def _for_podman(spec: ContainerSpec) -> dict[str, Any]:
    unmasked = ["systempaths=unconfined"] if spec.unmasked_system_paths else []
    config: dict[str, Any] = {"SecurityOpt": [*spec.security_options, *unmasked]}
    if spec.gpus:
        # Since 5.4; before, ``libpod_request`` says it. Runtime is passed over; and to the name of such a device among
        # Devices Podman added a path and its permissions, and there is none of that name. Source: podman, pull requests
        # 25171 and 28495.
        config["DeviceRequests"] = _cdi_requests(spec)
    return config


def _cdi_requests(spec: ContainerSpec) -> list[dict[str, Any]]:
    return [{"Driver": "cdi", "DeviceIDs": cdi_devices(spec)}]


def cdi_devices(spec: ContainerSpec) -> list[str]:
    """The GPUs by the names that the Container Device Interface has for them."""
    return [f"nvidia.com/gpu={gpu}" for gpu in spec.gpus]


def capabilities(spec: ContainerSpec) -> list[str]:
    """In the long form, which newer commands make of the short one, and older ones leave as it is."""
    return [f"CAP_{name}" for name in spec.capabilities]


def is_bind(mount: Mount, engine_kind: str) -> bool:
    """Whether it is told as a bind, ``SOURCE:TARGET:OPTIONS``, and not as a mount, which has a field for each.

    A bind makes a source that is not there, as a directory of root's: a scratch on the wrong disk, or in place of a
    token. Docker refuses a mount without its source; Podman's API makes that, too, and can't have a comma in it.
    """
    if mount.may_be_missing:
        return True
    return engine_kind == "podman" and ":" not in mount.source


def bind(mount: Mount) -> str:
    """The mount as the command line's ``--volume`` has it, and the API's ``Binds``."""
    options = [word for word in ("ro" if mount.read_only else "", mount.propagation) if word]
    return ":".join((mount.source, mount.target, *([",".join(options)] if options else [])))


def _mount(mount: Mount) -> dict[str, Any]:
    # Podman takes any BindOptions as the wish to leave out what is mounted below.
    options = {"BindOptions": {"Propagation": mount.propagation}} if mount.propagation else {}
    fields = {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
    return {**fields, **options}


def log(spec: ContainerSpec, engine_kind: str) -> tuple[str, dict[str, str]]:
    """The log driver that keeps the pilot's log, and its options."""
    if engine_kind == "podman":
        # Podman has no driver "local"; this one has one file and starts it anew at that size.
        return "k8s-file", {"max-size": str(spec.log_max_bytes)}
    # Compressing costs CPU, and a reader of a compressed file makes the engine unpack it all first.
    size = str(spec.log_max_bytes // _LOG_FILES)
    return "local", {"max-size": size, "max-file": str(_LOG_FILES), "compress": "false"}
