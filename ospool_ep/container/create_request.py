"""A container specification in the words of the Docker API: the body of POST /containers/create.

Written out and not left to the SDK, whose helpers know no unmasked system paths, and add the proxies of root's
``~/.docker/config.json`` to the environment. Source: Docker Engine API, "Create a container".
"""

from typing import Any

from ospool_ep.container.specification import ContainerSpec, Mount

_NANO = 1_000_000_000

# With two files of half the size the older half is dropped at a time. A reader that follows is at fault only when
# it is behind by a whole file, so the files are few and large and not many and small.
_LOG_FILES = 2


def create_body(spec: ContainerSpec, engine_kind: str) -> dict[str, Any]:
    """The body for an engine of that kind ("docker" or "podman")."""
    return {
        "Image": spec.image,
        "User": spec.user,
        "Env": [f"{key}={value}" for key, value in spec.environment],
        "Labels": dict(spec.labels),
        "StopTimeout": spec.stop_timeout_seconds,
        "HostConfig": _host_config(spec, engine_kind),
    }


def _host_config(spec: ContainerSpec, engine_kind: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Binds": [bind(mount) for mount in spec.mounts],
        "Devices": [{"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"} for path in spec.devices],
        "SecurityOpt": _security_options(spec, engine_kind),
        "Ulimits": [{"Name": "nofile", "Soft": spec.open_files, "Hard": spec.open_files}],
        "PidsLimit": spec.pids_limit,
        "LogConfig": _log_config(spec.log_max_bytes, engine_kind),
        "NetworkMode": "default",
        "RestartPolicy": {"Name": "no"},
    }
    if spec.unmasked_system_paths and engine_kind != "podman":
        config["MaskedPaths"] = config["ReadonlyPaths"] = []
    if spec.cpus is not None:
        config["NanoCpus"] = spec.cpus * _NANO
    if spec.memory_bytes is not None:
        config["Memory"] = spec.memory_bytes
    if spec.runtime:
        config["Runtime"] = spec.runtime
    return config


def _security_options(spec: ContainerSpec, engine_kind: str) -> list[str]:
    # Docker's engine refuses the word, which its command line makes two empty lists of; Podman's reads no such lists.
    # Source: docker/cli, cli/command/container/opts.go; podman, pkg/api/handlers/compat/containers_create.go.
    unmasked = ["systempaths=unconfined"] if spec.unmasked_system_paths and engine_kind == "podman" else []
    return [*spec.security_options, *unmasked]


def bind(mount: Mount) -> str:
    """The mount as the command line's ``--volume`` has it, and the API's ``Binds``."""
    options = [word for word in ("ro" if mount.read_only else "", mount.propagation) if word]
    return ":".join((mount.source, mount.target, *([",".join(options)] if options else [])))


def log_options(max_bytes: int) -> dict[str, str]:
    """The options of Docker's log driver ``local``."""
    # Compressing costs CPU, and a reader of a compressed file makes the engine unpack it all first.
    return {"max-size": str(max_bytes // _LOG_FILES), "max-file": str(_LOG_FILES), "compress": "false"}


def _log_config(max_bytes: int, engine_kind: str) -> dict[str, Any]:
    if engine_kind == "podman":
        # Podman has no driver "local"; this one has one file and starts it anew at that size.
        return {"Type": "k8s-file", "Config": {"max-size": str(max_bytes)}}
    return {"Type": "local", "Config": log_options(max_bytes)}
