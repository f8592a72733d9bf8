"""Which NVIDIA GPUs a configuration offers, by the names that NVIDIA's tools have for them, and what is wrong with it.

OSPOOL_EP_GPUS holds where it is set, and NVIDIA_VISIBLE_DEVICES else, as before there was the other key.
Source: NVIDIA Container Toolkit, "Specialized Configurations with Docker"; NVIDIA, "MIG User Guide", device names.
"""

import re
from collections.abc import Iterator

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, error, info, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.option import Option

ALL = "all"
KEY, OLDER_KEY = "OSPOOL_EP_GPUS", "NVIDIA_VISIBLE_DEVICES"

# What NVIDIA's runtime takes for no GPU at all.
_NONE = ("none", "void")
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_INDEX = "(?:0|[1-9][0-9]{0,3})"
# A part of a GPU has a UUID of its own; drivers before 470 name it by its GPU. Or it is the second number.
_NAME = re.compile(
    rf"{ALL}|{_INDEX}|{_INDEX}:{_INDEX}|GPU-{_UUID}|MIG-{_UUID}|MIG-GPU-{_UUID}/[0-9]{{1,3}}/[0-9]{{1,3}}"
)

_HOW = "Write all, or numbers or UUIDs, separated by commas, as they are here: nvidia-smi -L"
_OFFER_NONE = "To offer none, write PROVIDE_NVIDIA_GPU=false."


def names(text: str) -> tuple[str, ...]:
    """The names in a list, without the blanks around them and without those that are empty."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def deciding_key(configuration: Configuration) -> str:
    """The key that says which GPUs are offered."""
    older = configuration.line(KEY) is None or not configuration.values[KEY].value.strip()
    return OLDER_KEY if older and configuration.line(OLDER_KEY) is not None else KEY


def chosen_gpus(configuration: Configuration) -> tuple[str, ...]:
    """The GPUs that the pilot gets: all, numbers or UUIDs; none without PROVIDE_NVIDIA_GPU."""
    if not configuration.truth("PROVIDE_NVIDIA_GPU"):
        return ()
    return names(configuration.text(deciding_key(configuration))) or (ALL,)


def check_gpus(option: Option, value: str) -> Iterator[Finding]:
    """What is wrong with a list of GPUs, as far as it can be told without the host."""
    found = names(value)
    if not found or (found[0] in _NONE and len(found) == 1):
        # NVIDIA's own key may say so; what follows with PROVIDE_NVIDIA_GPU is told there.
        if option.name == KEY:
            yield error("gpu-none-chosen", f"{quoted(value)} chooses no GPU.", _OFFER_NONE)
        return
    wrong = [name for name in dict.fromkeys(found) if not _NAME.fullmatch(name)]
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if wrong:
        noun = "are no GPUs" if len(wrong) > 1 else "is no GPU"
        yield error("gpu-not-a-name", f"{', '.join(map(quoted, wrong))} {noun}.", _HOW)
    if twice:
        yield error("gpu-twice", f"{', '.join(map(quoted, twice))} stands there twice.", "Write each GPU once.")
    if ALL in found and set(found) != {ALL}:
        yield error("gpu-all-and-others", "all stands beside others.", "Write all alone, or the others without it.")
    if len(found) <= value.count(","):
        message = "A comma stands there with no GPU before or behind it, and counts for nothing."
        yield warning("gpu-empty-name", message, f"Write {option.name}={','.join(found)}")


def check_gpu_keys(configuration: Configuration) -> Iterator[Finding]:
    """What the two keys and PROVIDE_NVIDIA_GPU say together."""
    if not configuration.truth("PROVIDE_NVIDIA_GPU"):
        yield from _check_without_effect(configuration)
        return
    older, line = names(configuration.text(OLDER_KEY)), configuration.line(OLDER_KEY)
    if deciding_key(configuration) == OLDER_KEY:
        if not older or older[0] in _NONE:
            hint = "Remove the line for all of them, or write PROVIDE_NVIDIA_GPU=false."
            yield from about(OLDER_KEY, line, [error("gpu-none-chosen", "This chooses no GPU.", hint)])
    elif line is not None and set(older) != set(names(configuration.text(KEY))):
        message = f"This has no effect: {KEY} in {configuration.where(KEY)} chooses other GPUs, and holds."
        yield from about(OLDER_KEY, line, [warning("gpu-two-choices", message, "Remove one of the two lines.")])


def _check_without_effect(configuration: Configuration) -> Iterator[Finding]:
    chosen = names(configuration.text(KEY))
    if configuration.line(KEY) is not None and chosen not in ((), (ALL,)):
        message = "This has no effect: no GPU is offered without PROVIDE_NVIDIA_GPU."
        hint = "Write PROVIDE_NVIDIA_GPU=true to offer them, or remove the line."
        yield from about(KEY, configuration.line(KEY), [info("gpu-not-offered", message, hint)])
