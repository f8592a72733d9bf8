"""What the file says of each key: its text, the line that sets it, and what the text stands for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Optional

from ospool_ep.configuration.findings import Finding, Place
from ospool_ep.configuration.htcondor_knobs import POOL_KNOBS, knob_of
from ospool_ep.configuration.numbers import as_number
from ospool_ep.configuration.option import GoesTo, Kind
from ospool_ep.configuration.options import DEFAULT_GPU_IMAGE, DEFAULT_IMAGE, OPTIONS
from ospool_ep.configuration.values import OSPOOL, OSPOOLS, as_engine, as_length, is_true, repositories

_SECONDS = {Kind.HOURS: 3600.0, Kind.MINUTES: 60.0}


@dataclass(frozen=True)
class Value:
    """A value as read, or the default; ``line`` is None for a default. Never printed by accident: it may be secret."""

    value: str = field(repr=False)
    line: Optional[int]
    goes_to: GoesTo


@dataclass(frozen=True)
class Configuration:
    """All known keys, in the order of the option table, and then the unknown ones that the file sets.

    ``own_path`` is the file of this service alone, which lies over the common one at ``path``; empty: it has none.
    ``own_keys`` are the keys that it sets.
    """

    path: str
    values: Mapping[str, Value]
    own_path: str = ""
    own_keys: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """The value; one that is empty is as good as none, and the default holds."""
        return self.values[key].value or OPTIONS[key].default

    def truth(self, key: str) -> bool:
        """Whether the value is plainly true, as the existing service understands it."""
        return is_true(self.text(key))

    def number(self, key: str) -> Optional[int]:
        """The positive integer, or None where there is none, or where the value is no such number."""
        return as_number(OPTIONS[key], self.text(key))

    def seconds(self, key: str) -> Optional[float]:
        """The hours or minutes of a key in seconds, or None where there are none, or where they are no such number."""
        length = as_length(self.text(key))
        return None if length is None else length * _SECONDS[OPTIONS[key].kind]

    def bytes(self, key: str) -> Optional[int]:
        """The GB of a key in bytes, or None where they are no positive number."""
        length = as_length(self.text(key))
        return None if length is None else int(length * 2**30)

    def choice(self, key: str) -> str:
        """The word that was chosen, in lower case; the default where the value is none of the key's words."""
        word = self.text(key).lower()
        return word if word in OPTIONS[key].words else OPTIONS[key].default

    @property
    def engine(self) -> str:
        """The word or the address of OSPOOL_EP_ENGINE; the default where the value is none."""
        return as_engine(self.text("OSPOOL_EP_ENGINE")) or OPTIONS["OSPOOL_EP_ENGINE"].default

    def line(self, key: str) -> Optional[int]:
        """The line that sets the key, or None."""
        return self.values[key].line

    def place(self, key: str) -> Place:
        """Where a finding about the key is."""
        return {"key": key, "line": self.line(key)}

    def file(self, key: str) -> str:
        """The file that sets the key, or would."""
        return self.own_path if key in self.own_keys else self.path

    def where(self, key: str) -> str:
        """The line that sets the key, for a sentence: with its file where there are two."""
        return f"line {self.line(key)}{f' of {self.file(key)}' if self.own_path else ''}"

    def placed(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The same findings; each that is about a key, and says no file, with the one that sets the key."""
        if not self.own_path:
            return tuple(findings)
        return tuple(found if found.file else replace(found, file=self.file(found.key or "")) for found in findings)

    def order(self, finding: Finding) -> tuple[bool, bool, int]:
        """By what findings are sorted: file by file and line by line; those without a line come last."""
        return finding.line is None, bool(self.own_path) and finding.file == self.own_path, finding.line or 0

    @property
    def repositories(self) -> tuple[str, ...]:
        """The CVMFS repositories that the pilot mounts by itself."""
        return repositories(self.text("CVMFSEXEC_REPOS"))

    @property
    def joins_ospool(self) -> bool:
        """Whether the pilot goes to the OSPool proper, and not to its test pool or another one."""
        return self.joins_an_ospool and not self.truth("ITB") and self.text("POOL") in ("", OSPOOL, "prod-ospool")

    @property
    def joins_an_ospool(self) -> bool:
        """Whether the pilot goes to the OSPool, or to its test pool."""
        elsewhere = self.text("CONDOR_HOST") or any(knob_of(key) in POOL_KNOBS for key in self.unknown_keys)
        return not elsewhere and (self.text("POOL") or OSPOOL) in OSPOOLS

    @property
    def advertises_host(self) -> bool:
        """Whether the pilot says on which host it runs; one with a random name does so only where that is asked for."""
        key = "OSPOOL_EP_ADVERTISE_HOST"
        return self.truth(key) if self.text(key) else not self.truth("GLIDEIN_RANDOMIZE_NAME")

    @property
    def is_backfill(self) -> bool:
        """Whether the pilot is a guest of this host at all hours."""
        return self.choice("OSPOOL_EP_PRIORITY") == "backfill"

    @property
    def is_guest(self) -> bool:
        """Whether it is one at some hours at least: outside of those of OSPOOL_EP_HOURS."""
        return self.is_backfill or bool(self.text("OSPOOL_EP_HOURS"))

    @property
    def image(self) -> str:
        """The reference of the image that the pilots are made from."""
        default = DEFAULT_GPU_IMAGE if self.truth("PROVIDE_NVIDIA_GPU") else DEFAULT_IMAGE
        return self.text("OSPOOL_EP_IMAGE") or default

    @property
    def unknown_keys(self) -> tuple[str, ...]:
        """The keys that the file sets, and that are not in the option table."""
        return tuple(key for key in self.values if key not in OPTIONS)

    def said_to_pilot(self) -> dict[str, str]:
        """What the file says of the pilot's keys, even where that is nothing, and the defaults of the others."""
        return {
            key: value.value
            for key, value in self.values.items()
            if value.goes_to.reaches_pilot and (value.line is not None or value.value)
        }

    def pilot_environment(self) -> dict[str, str]:
        """What the pilot gets. In its image an empty value beats a default, so none is passed on where there is one."""
        passed = {key: value or self._instead_of_nothing(key) for key, value in self.said_to_pilot().items()}
        return {key: value for key, value in passed.items() if value or not has_default(key)}

    def _instead_of_nothing(self, key: str) -> str:
        # An empty truth value is false, whatever the default is: that is how the pilot has read it, too.
        if key in OPTIONS and OPTIONS[key].kind is Kind.TRUTH and has_default(key):
            return "false"
        return self.text(key) if key in OPTIONS else ""


def has_default(key: str) -> bool:
    """Whether a key of the pilot that is not set comes down to something else than nothing."""
    option = OPTIONS.get(key)
    return option is not None and option.goes_to.reaches_pilot and bool(option.default or option.image_has_default)
