"""Whether the engine can hand out the NVIDIA GPUs that are offered: a GPU pilot without a GPU never starts.

Pure: facts in, findings out, and all of them at once, as each has another mend.
"""

import shlex
from collections.abc import Iterator

from ospool_ep.checks.cdi_specifications import Specification
from ospool_ep.checks.gpu_facts import GpuFacts
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.gpu_choice import ALL, chosen_gpus, deciding_key
from ospool_ep.container.create_request import NVIDIA_RUNTIME
from ospool_ep.engine.gpus import podman_version, uses_interface
from ospool_ep.engine.interface import EngineInfo
from ospool_ep.system.nvidia_driver import Gpu

# Before, Podman did not know the Container Device Interface as it is. Source: podman, RELEASE_NOTES.md, 4.1.0.
PODMAN_GIVES_GPUS_SINCE = (4, 1)

GENERATE = "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
_CONFIGURE = "nvidia-ctk runtime configure --runtime=docker && systemctl restart docker"
_MOST_NAMED = 3


def check_gpus(configuration: Configuration, facts: GpuFacts, engine: EngineInfo) -> Iterator[Finding]:
    """For a configuration that offers GPUs."""
    place = configuration.place("PROVIDE_NVIDIA_GPU")
    if engine.kind == "podman" and podman_version(engine) < PODMAN_GIVES_GPUS_SINCE:
        wanted = ".".join(map(str, PODMAN_GIVES_GPUS_SINCE))
        message = f"Podman {engine.version} hands out no GPU."
        yield error("gpu-podman-old", message, f"Update Podman; {wanted} does: dnf upgrade podman", **place)
    has_way = uses_interface(engine) or NVIDIA_RUNTIME in engine.runtimes
    if not has_way:
        message = f"Docker has no runtime '{NVIDIA_RUNTIME}', nor the Container Device Interface."
        yield error("gpu-runtime-missing", message, f"Give it the runtime: {_CONFIGURE}", **place)
    yield from check_gpus_of_host(configuration, facts, by_interface=uses_interface(engine), has_way=has_way)


def check_gpus_of_host(
    configuration: Configuration, facts: GpuFacts, *, by_interface: bool, has_way: bool = True
) -> Iterator[Finding]:
    """The same, as far as it can be told without asking the engine.

    ``by_interface``: GPUs come by the Container Device Interface. ``has_way``: the engine has a way to give them.
    """
    place = configuration.place("PROVIDE_NVIDIA_GPU")
    yield from _check_driver(configuration, facts)
    if not facts.toolkit:
        message = "There is no NVIDIA Container Toolkit: neither nvidia-ctk nor nvidia-container-runtime was found."
        hint = "Install it: dnf install nvidia-container-toolkit (from NVIDIA's repository libnvidia-container)"
        # The engine may have a runtime at another place; and a specification that somebody else has made can do.
        needed = not has_way or (by_interface and not facts.specifications)
        yield (error if needed else warning)("gpu-toolkit-missing", message, hint, **place)
    if by_interface and not facts.specifications:
        message = "No CDI specification here is of the kind nvidia.com/gpu: the engine knows no NVIDIA GPU."
        yield error("gpu-cdi-missing", message, f"Make one: {GENERATE}", **place)
    elif by_interface:
        yield from _check_specifications(configuration, facts)


def _check_driver(configuration: Configuration, facts: GpuFacts) -> Iterator[Finding]:
    place = configuration.place("PROVIDE_NVIDIA_GPU")
    if not facts.driver:
        message = "The NVIDIA driver is not loaded: there is no /proc/driver/nvidia/version."
        hint = "Load it, or install it if there is none: modprobe nvidia; why it fails: dmesg | grep -i nvrm"
        yield error("gpu-driver-missing", message, hint, **place)
        return
    if not facts.control:
        message = "The NVIDIA driver is loaded, and there is no device /dev/nvidiactl."
        hint = "Make the devices: nvidia-modprobe -c 0 -u; at each boot: systemctl enable --now nvidia-persistenced"
        yield error("gpu-device-missing", message, hint, **place)
    if facts.gpus == ():
        message = "The NVIDIA driver has found no GPU."
        yield error(
            "gpu-none-here", message, "Why not: dmesg | grep -i nvrm; is it there: lspci | grep -i nvidia", **place
        )
    elif facts.gpus is not None:
        missing = [name for name in chosen_gpus(configuration) if not _may_be_here(name, facts.gpus)]
        yield from _check_unknown(configuration, missing, "This host has")


def _check_unknown(configuration: Configuration, missing: list[str], who: str) -> Iterator[Finding]:
    if missing:
        message = f"{who} no GPU {', '.join(dict.fromkeys(missing))}."
        hint = "Write one of those that are there: nvidia-smi -L"
        yield error("gpu-unknown", message, hint, **configuration.place(deciding_key(configuration)))


def _check_specifications(configuration: Configuration, facts: GpuFacts) -> Iterator[Finding]:
    place = configuration.place("PROVIDE_NVIDIA_GPU")
    for one in facts.specifications:
        why = _stale_because(one, facts)
        if why:
            yield error(
                "gpu-cdi-stale",
                f"The CDI specification {one.path} is stale: {why}.",
                f"Make it anew: {_anew(one)}",
                **place,
            )
    names = {name for one in facts.specifications for name in one.names}
    nodes = {path for one in facts.specifications for path in one.host_paths}
    left_out = [gpu.node for gpu in facts.gpus or () if gpu.node and gpu.node not in nodes]
    if left_out and ALL in chosen_gpus(configuration):
        message = f"The CDI specification is stale: it does not have {_some(left_out)}, and no pilot gets that."
        yield warning("gpu-cdi-incomplete", message, f"Make it anew: {_anew(facts.specifications[-1])}", **place)
    unnamed = [name for name in chosen_gpus(configuration) if name not in names]
    # What the host does not have either is told by then.
    if facts.gpus is None or not facts.driver:
        yield from _check_unknown(configuration, unnamed, "The CDI specification of this host names")
    elif any(_may_be_here(name, facts.gpus) for name in unnamed):
        message = f"The CDI specification names no GPU {', '.join(unnamed)}; it names {_some(sorted(names))}."
        hint = f"Write one of those, or make it anew: {_anew(facts.specifications[-1])}"
        yield error("gpu-cdi-unnamed", message, hint, **configuration.place(deciding_key(configuration)))


def _may_be_here(name: str, gpus: tuple[Gpu, ...]) -> bool:
    # Which parts a GPU has the driver does not say in /proc.
    return name == ALL or name.startswith("MIG-") or any(name.partition(":")[0] in (str(g.index), g.uuid) for g in gpus)


def _stale_because(one: Specification, facts: GpuFacts) -> str:
    missing = [path for path in one.host_paths if path in facts.missing]
    if missing:
        return f"there is no {_some(list(dict.fromkeys(missing)))} any more"
    if one.library_version and facts.driver and one.library_version != facts.driver:
        return f"it was made for the driver {one.library_version}, and {facts.driver} is loaded"
    return ""


def _anew(one: Specification) -> str:
    return f"nvidia-ctk cdi generate --output={shlex.quote(one.path)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
