"""How the GPUs of a pilot come into its container with the engine that makes it, so that it keeps them.

With Docker it is NVIDIA's runtime where Docker has it: that goes by the driver as it is now, where a specification of
the Container Device Interface is a file that somebody has to make anew at each update of the driver; and it is what a
host of the existing service has. Where Docker does not have it, and has the interface on, it is the interface. Podman's
API takes no other way.
"""

from dataclasses import replace

from ospool_ep.container.create_request import NVIDIA_RUNTIME
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.interface import EngineInfo
from ospool_ep.system.nvidia_driver import device_nodes


def with_gpus(spec: ContainerSpec, engine: EngineInfo, root: str = "/") -> ContainerSpec:
    """The container with all that the GPUs need there. ``root`` is the directory that holds the host's files.

    The runtime gives the container its devices behind the engine's back, and each `systemctl daemon-reload` takes away
    what systemd was not told of: they are named to the engine, too. What the interface gives is told to all of them.
    Source: NVIDIA/nvidia-container-toolkit, issue 48.
    """
    if not spec.gpus or engine.kind == "podman":
        return spec
    if uses_interface(engine):
        return replace(spec, gpus_by_cdi=True)
    named = (node for node in device_nodes(spec.gpus, root) if node not in spec.devices)
    return replace(spec, devices=(*spec.devices, *named))


def uses_interface(engine: EngineInfo) -> bool:
    """Whether GPUs come by the Container Device Interface."""
    return engine.kind == "podman" or (NVIDIA_RUNTIME not in engine.runtimes and bool(engine.cdi_directories))
