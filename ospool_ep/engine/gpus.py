"""How the GPUs of a pilot come into its container with the engine that makes it, so that it keeps them.

With Docker it is NVIDIA's runtime where Docker has it: that goes by the driver as it is now, where a specification of
the Container Device Interface is a file that somebody has to make anew at each update of the driver; and it is what a
host of the existing service has. Where Docker does not have it, and has the interface on, it is the interface. Podman
has no other way.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ospool_ep.container.create_request import NVIDIA_RUNTIME
from ospool_ep.container.libpod_request import Untranslatable, libpod_body
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.interface import EngineError, EngineInfo
from ospool_ep.system.nvidia_driver import device_nodes

# Before, the API that it shares with Docker passed over DeviceRequests; Podman's own had a way since CDI was there.
# Source: podman, pull request 25171, issues 19338 and 28436; NVIDIA/nvidia-container-toolkit, issue 833.
PODMAN_TAKES_REQUESTS_SINCE = (5, 4)
# The version of that API that Podman 4 and 5 have.
LIBPOD_CREATE = "/v4.0.0/libpod/containers/create"


def with_gpus(spec: ContainerSpec, engine: EngineInfo, root: str = "/") -> ContainerSpec:
    """The container with all that the GPUs need there. ``root`` is the directory that holds the host's files.

    With a Podman that takes no such wish over the API that it shares with Docker, it is made over Podman's own.

    The runtime gives the container its devices behind the engine's back, and each `systemctl daemon-reload` takes away
    what systemd was not told of: they are named to the engine, too. What the interface gives is told to all of them.
    Source: NVIDIA/nvidia-container-toolkit, issue 48.
    """
    if not spec.gpus:
        return spec
    if engine.kind == "podman":
        return spec if podman_version(engine) >= PODMAN_TAKES_REQUESTS_SINCE else _over_libpod(spec)
    if uses_interface(engine):
        return replace(spec, gpus_by_cdi=True)
    named = (node for node in device_nodes(spec.gpus, root) if node not in spec.devices)
    return replace(spec, devices=(*spec.devices, *named))


def podman_version(engine: EngineInfo) -> tuple[int, ...]:
    """The first two numbers of it."""
    return tuple(map(int, re.findall(r"\d+", engine.version)[:2]))


def for_libpod(body: dict[str, Any], spec: ContainerSpec) -> dict[str, Any]:
    """The request for LIBPOD_CREATE. EngineError where it can't say the same."""
    try:
        return libpod_body(body, spec.name)
    except Untranslatable as what:
        since = ".".join(map(str, PODMAN_TAKES_REQUESTS_SINCE))
        raise EngineError(f"With GPUs only Podman {since} and later can be told of: {what}. Update it.") from what


def _over_libpod(spec: ContainerSpec) -> ContainerSpec:
    # This API makes no source that is not there, and refuses the container.
    mounts = tuple(mount for mount in spec.mounts if not mount.may_be_missing or Path(mount.source).exists())
    return replace(spec, mounts=mounts, gpus_by_libpod=True)


def uses_interface(engine: EngineInfo) -> bool:
    """Whether GPUs come by the Container Device Interface."""
    return engine.kind == "podman" or (NVIDIA_RUNTIME not in engine.runtimes and bool(engine.cdi_directories))
