"""A container specification as a ``docker run`` line that can be pasted and makes the same container."""

import shlex
from collections.abc import Iterator

from ospool_ep.container.create_request import bind, log_options
from ospool_ep.container.specification import ContainerSpec


def render(spec: ContainerSpec) -> str:
    """The command, one option on each line. It holds no secret: the token is mounted by its path."""
    return " \\\n    ".join((*(shlex.join(option) for option in _options(spec)), shlex.quote(spec.image)))


def _options(spec: ContainerSpec) -> Iterator[tuple[str, ...]]:
    yield ("docker", "run", "--detach", "--pull=always")
    yield ("--name", spec.name)
    yield ("--user", spec.user)
    for option in spec.security_options:
        yield ("--security-opt", option)
    if spec.unmasked_system_paths:
        yield ("--security-opt", "systempaths=unconfined")
    for device in spec.devices:
        yield ("--device", device)
    yield ("--ulimit", f"nofile={spec.open_files}:{spec.open_files}")
    yield ("--pids-limit", str(spec.pids_limit))
    if spec.cpus is not None:
        yield ("--cpus", str(spec.cpus))
    if spec.memory_bytes is not None:
        yield ("--memory", str(spec.memory_bytes))
    if spec.runtime:
        yield ("--runtime", spec.runtime)
    yield ("--stop-timeout", str(spec.stop_timeout_seconds))
    yield ("--log-driver", "local")
    for key, value in log_options(spec.log_max_bytes).items():
        yield ("--log-opt", f"{key}={value}")
    for key, value in spec.labels:
        yield ("--label", f"{key}={value}")
    for mount in spec.mounts:
        yield ("--volume", bind(mount))
    for key, value in spec.environment:
        yield ("--env", f"{key}={value}")
