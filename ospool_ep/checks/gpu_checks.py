"""Whether the engine can hand out the NVIDIA GPUs that are offered: a GPU pilot without a GPU never starts."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error
from ospool_ep.container.create_request import NVIDIA_RUNTIME
from ospool_ep.container.from_configuration import chosen_gpus
from ospool_ep.engine.interface import EngineInfo

# Before, Podman's API passed over the devices that it was asked for. Source: podman, pull request 25171.
PODMAN_GIVES_GPUS_SINCE = (5, 4)

# What the runtime of NVIDIA takes for no GPU at all; and what Podman would look for in vain.
_NONE = ("", "none", "void")

# A specification is YAML or JSON, and says "kind" and "name" in both in the same way, but for quotes. Nothing else in
# one is called so. Source: Container Device Interface, SPEC.md.
_KIND = re.compile(r"""^[\s{,]*["']?kind["']?\s*:\s*["']?nvidia\.com/gpu["']?\s*(?:,|#|$)""", re.MULTILINE)
_NAME = re.compile(r"""(?:^|[{,\[])[\s{-]*["']?name["']?\s*:\s*["']?([A-Za-z0-9][A-Za-z0-9_.:-]*)""", re.MULTILINE)


def gpu_names(directories: Iterable[str]) -> frozenset[str]:
    """The GPUs that the specifications of the Container Device Interface in those directories name."""
    names: set[str] = set()
    for path in (path for directory in directories for path in Path(directory).glob("*")):
        if path.suffix in (".yaml", ".yml", ".json"):
            names.update(_names_in(path))
    return frozenset(names)


def _names_in(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # JSON, which YAML is, too, need not have a line for each field.
    lines = re.sub(r"([{,])", r"\1\n", text) if text.lstrip().startswith("{") else text
    return _NAME.findall(lines) if _KIND.search(lines) else []


def check_gpus(configuration: Configuration, engine: EngineInfo, cdi_directories: Iterable[str]) -> Iterator[Finding]:
    """For a configuration that offers GPUs."""
    if engine.kind == "podman" and _version(engine.version) < PODMAN_GIVES_GPUS_SINCE:
        wanted = ".".join(map(str, PODMAN_GIVES_GPUS_SINCE))
        message = f"Podman {engine.version} hands out no GPU over its API."
        hint = f"Update Podman; {wanted} does: dnf upgrade podman"
        yield error("gpu-podman-old", message, hint, **configuration.place("PROVIDE_NVIDIA_GPU"))
        return
    of_host = tuple(check_gpus_of_host(configuration, engine.kind, cdi_directories))
    yield from of_host
    if not of_host and engine.kind != "podman" and NVIDIA_RUNTIME not in engine.runtimes:
        configure = "nvidia-ctk runtime configure --runtime=docker && systemctl restart docker"
        hint = f"Install the NVIDIA Container Toolkit, then: {configure}"
        message = f"The engine has no runtime '{NVIDIA_RUNTIME}'."
        yield error("gpu-runtime-missing", message, hint, **configuration.place("PROVIDE_NVIDIA_GPU"))


def check_gpus_of_host(configuration: Configuration, kind: str, cdi_directories: Iterable[str]) -> Iterator[Finding]:
    """The same, as far as it can be told without asking the engine, which is of that kind."""
    chosen = configuration.values["NVIDIA_VISIBLE_DEVICES"]
    if chosen.line is not None and chosen.value.strip() in _NONE:
        hint = "Remove the line for all of them, or write PROVIDE_NVIDIA_GPU=false."
        yield error("gpu-none-chosen", "This chooses no GPU.", hint, **configuration.place("NVIDIA_VISIBLE_DEVICES"))
    elif kind == "podman":
        yield from _check_podman(configuration, gpu_names(cdi_directories))


def _check_podman(configuration: Configuration, there: frozenset[str]) -> Iterator[Finding]:
    # A runtime "nvidia" that is registered counts for nothing: Podman's API does not read which one is asked for.
    missing = [name for name in chosen_gpus(configuration) if name not in there]
    if not there:
        message = "Podman knows no NVIDIA GPU: no CDI specification here is of the kind nvidia.com/gpu."
        generate = "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
        hint = f"Install the NVIDIA Container Toolkit, then: {generate}"
        yield error("gpu-cdi-missing", message, hint, **configuration.place("PROVIDE_NVIDIA_GPU"))
    elif missing:
        message = f"The CDI specification of this host names no GPU {', '.join(missing)}."
        hint = "Write one of those that it names: nvidia-ctk cdi list"
        yield error("gpu-unknown", message, hint, **configuration.place("NVIDIA_VISIBLE_DEVICES"))


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:2]))
