"""A container specification as a ``docker run`` or ``podman run`` line that can be pasted and makes the same."""

import csv
import io
import shlex
from collections.abc import Iterable, Iterator

from ospool_ep.configuration import image_reference
from ospool_ep.container import create_request
from ospool_ep.container.create_request import bind, cdi_devices, is_bind
from ospool_ep.container.specification import ContainerSpec, Mount


def render(spec: ContainerSpec, engine_kind: str, command: str = "") -> str:
    """The command, one option on each line. It holds no secret: the token is mounted by its path.

    ``engine_kind``: "docker" or "podman"; ``command`` is its command line where that is not its name alone.
    """
    options = (shlex.join(option) for option in _options(spec, engine_kind))
    first = f"{command or engine_kind} run --detach --pull=always"
    # Podman's command looks for a short name in other registries than the API does, which the service asks.
    image = str(image_reference.parse(spec.image)) if engine_kind == "podman" else spec.image
    return " \\\n    ".join((first, *options, shlex.quote(image)))


def _options(spec: ContainerSpec, engine_kind: str) -> Iterator[tuple[str, ...]]:
    unmasked = ["systempaths=unconfined"] if spec.unmasked_system_paths else []
    log_driver, log_options = create_request.log(spec, engine_kind)
    options: dict[str, Iterable[object]] = {
        "--name": [spec.name],
        "--user": [spec.user],
        "--userns": ["host"],
        "--security-opt": [*spec.security_options, *unmasked],
        "--cap-drop": ["ALL"] if spec.capabilities else [],
        "--cap-add": create_request.capabilities(spec),
        "--device": spec.devices,
        "--ulimit": [f"nofile={spec.open_files}:{spec.most_open_files}"],
        "--pids-limit": [spec.pids_limit],
        "--shm-size": _set(spec.shm_bytes),
        "--cpus": _set(spec.cpus),
        "--memory": _set(spec.memory_bytes),
        "--network": _set(spec.network or None),
        "--oom-score-adj": [create_request.GUEST_OOM_SCORE] if spec.guest else [],
        "--cpu-shares": [create_request.BACKFILL_CPU_SHARES] if spec.backfill else [],
        "--cgroup-parent": _set(spec.cgroup_parent or None),
        "--stop-timeout": [spec.stop_timeout_seconds],
        "--log-driver": [log_driver],
        "--log-opt": map("=".join, log_options.items()),
        "--label": map("=".join, spec.labels),
        "--volume": [bind(mount) for mount in spec.mounts if is_bind(mount, engine_kind)],
        "--mount": [_mount(mount) for mount in spec.mounts if not is_bind(mount, engine_kind)],
        "--env": map("=".join, spec.environment),
    }
    for option, values in options.items():
        for value in values:
            yield (option, str(value))
    yield from _of_one_engine(spec, engine_kind)


def _of_one_engine(spec: ContainerSpec, engine_kind: str) -> Iterator[tuple[str, ...]]:
    if engine_kind == "podman":
        # Podman's command gives the proxies of its caller to the container, and the API does not.
        yield ("--http-proxy=false",)
    if engine_kind == "podman" or spec.gpus_by_cdi:
        yield from (("--device", device) for device in cdi_devices(spec))
    elif spec.gpus:
        yield ("--runtime", create_request.NVIDIA_RUNTIME)


def _set(value: object) -> list[object]:
    return [] if value is None else [value]


def _mount(mount: Mount) -> str:
    # Both commands read it as a line of comma-separated values, in which a field with a comma or a quote is quoted.
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    fields += ["readonly"] if mount.read_only else []
    fields += [f"bind-propagation={mount.propagation}"] if mount.propagation else []
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
