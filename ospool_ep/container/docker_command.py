"""A container specification as a ``docker run`` line that can be pasted and makes the same container."""

import shlex
from collections.abc import Iterable, Iterator

from ospool_ep.container.create_request import bind, log_options
from ospool_ep.container.specification import ContainerSpec


def render(spec: ContainerSpec) -> str:
    """The command, one option on each line. It holds no secret: the token is mounted by its path."""
    return " \\\n    ".join((*(shlex.join(option) for option in _options(spec)), shlex.quote(spec.image)))


def _options(spec: ContainerSpec) -> Iterator[tuple[str, ...]]:
    yield ("docker", "run", "--detach", "--pull=always")
    unmasked = ["systempaths=unconfined"] if spec.unmasked_system_paths else []
    options: dict[str, Iterable[object]] = {
        "--name": [spec.name],
        "--user": [spec.user],
        "--security-opt": [*spec.security_options, *unmasked],
        "--device": spec.devices,
        "--ulimit": [f"nofile={spec.open_files}:{spec.open_files}"],
        "--pids-limit": [spec.pids_limit],
        "--cpus": [spec.cpus] if spec.cpus is not None else [],
        "--memory": [spec.memory_bytes] if spec.memory_bytes is not None else [],
        "--runtime": [spec.runtime] if spec.runtime else [],
        "--stop-timeout": [spec.stop_timeout_seconds],
        "--log-driver": ["local"],
        "--log-opt": map("=".join, log_options(spec.log_max_bytes).items()),
        "--label": map("=".join, spec.labels),
        "--volume": map(bind, spec.mounts),
        "--env": map("=".join, spec.environment),
    }
    for option, values in options.items():
        for value in values:
            yield (option, str(value))
