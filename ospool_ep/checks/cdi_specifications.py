"""What the specifications of the Container Device Interface on this host say of NVIDIA's GPUs.

They are YAML or JSON. This reads what the NVIDIA Container Toolkit writes, and what people write like it; a library for
all of YAML is not worth its place in the package. Source: Container Device Interface, SPEC.md.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A specification says "kind" and "name" in the same way in both, but for quotes. Nothing else in one is called so.
_KIND = re.compile(r"""^[\s{,]*["']?kind["']?\s*:\s*["']?nvidia\.com/gpu["']?\s*(?:,|#|$)""", re.MULTILINE)
_NAME = re.compile(r"""(?:^|[{,\[])[\s{-]*["']?name["']?\s*:\s*["']?([A-Za-z0-9][A-Za-z0-9_.:-]*)""", re.MULTILINE)
_PATH = re.compile(r"""^\s*(?P<item>-\s+)?["']?(?P<key>\w+)["']?\s*:\s*["']?(?P<value>[^"'\s#]*)""")
# Libraries of the driver are called after its version.
_VERSION = re.compile(r"/lib(?:cuda|nvidia-ml)\.so\.(\d{3,4}\.\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class Specification:
    """One of the kind nvidia.com/gpu: its file, the GPUs that it names, and the files of the host that it gives.

    ``library_version`` is that of the driver whose libraries it gives; empty where none of them says so.
    """

    path: str
    names: frozenset[str]
    host_paths: tuple[str, ...]

    @property
    def library_version(self) -> str:
        """As 580.65.06."""
        found = (_VERSION.search(path) for path in self.host_paths)
        return next((match[1] for match in found if match), "")


def specifications(directories: Iterable[str]) -> tuple[Specification, ...]:
    """Those in the directories that count: what a later directory says of a GPU holds.

    As a rule one that somebody has made by hand is in /etc/cdi, and that which a newer toolkit makes at each boot in
    /var/run/cdi.
    """
    counting: list[Specification] = []
    named: set[str] = set()
    for directory in reversed(tuple(directories)):
        paths = (path for path in sorted(Path(directory).glob("*")) if path.suffix in (".yaml", ".yml", ".json"))
        here = [found for path in paths for found in _read(path)]
        counting = [*(one for one in here if not one.names <= named), *counting]
        named.update(*(one.names for one in here))
    return tuple(counting)


def _read(path: Path) -> list[Specification]:
    try:
        # A FIFO would be waited for.
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return []
    # JSON, which YAML is, too, need not have a line for each field.
    lines = re.sub(r"([{,])", r"\1\n", text) if text.lstrip().startswith("{") else text
    if not _KIND.search(lines):
        return []
    items = _of_json(text) if lines is not text else _of_lines(text)
    return [Specification(str(path), frozenset(_NAME.findall(lines)), tuple(_host_paths(items)))]


def _host_paths(items: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """The files of the host: of mounts, of device nodes, and the programs of hooks."""
    for item in items:
        # A device node is where it is in the container, unless it says otherwise.
        path = item.get("hostPath") or item.get("path", "")
        if path.startswith("/"):
            yield path


def _of_lines(text: str) -> Iterator[dict[str, str]]:
    item: dict[str, str] = {}
    for line in text.splitlines():
        found = _PATH.match(line)
        if line.lstrip().startswith("-"):
            yield item
            item = {}
        if found and found["key"] in ("path", "hostPath"):
            item[found["key"]] = found["value"]
    yield item


def _of_json(text: str) -> Iterator[dict[str, str]]:
    try:
        yield from _objects(json.loads(text))
    except (ValueError, RecursionError):
        return


def _objects(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        yield {key: text for key, text in value.items() if isinstance(text, str)}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _objects(one)
