"""What is wrong, where, and how to mend it: the one form in which a problem is reported to the operator."""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Optional, TypedDict

from ospool_ep.configuration.masking import mask
from ospool_ep.wording import printable


class Severity(str, enum.Enum):
    """ERROR keeps the pilot from getting jobs; WARNING does not; INFO is good to know, and may well be meant."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Place(TypedDict):
    """The key that a finding concerns, and the line (from 1) where it is set; each None where there is none."""

    key: Optional[str]
    line: Optional[int]


@dataclass(frozen=True)
class Finding:
    """One problem. ``message`` says what, ``hint`` how to mend it; neither ever holds the token's text.

    ``key`` is the configuration key it concerns and ``line`` the line (from 1) where that key is set, each
    None where there is none. ``file`` is where that line stands; empty: in the common configuration.
    """

    code: str
    severity: Severity
    message: str
    hint: str
    key: Optional[str] = None
    line: Optional[int] = None
    file: str = ""

    def as_json(self, config_path: str) -> dict[str, object]:
        """The finding as ``--json`` prints it."""
        return {**asdict(self), "severity": self.severity.value, "file": self.file or config_path}

    def as_text(self, config_path: str) -> str:
        """One line: ``FILE:LINE: severity: KEY: message. hint [code]``; without a line, just the file."""
        file = self.file or config_path
        where = file if self.line is None else f"{file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        return f"{where}: {self.severity.value}: {key}{self.message} {self.hint} [{self.code}]"


@dataclass(frozen=True)
class Checked:
    """What was found. ``token`` is a hash of the pilot's token, empty where it can't be read.

    ``token_note`` says what is wrong with the token, or soon will be. ``may_fail``: what is well on this host now is to
    be looked at again while a pilot runs. ``no_room``: why there is no room on this host's disks for a second pilot,
    and ``is_full``: why there is none for two that run, as clauses; empty: there is, or this was not looked at.
    ``attributes`` are those of the operator's file for the pilot, as its image reads them; empty for none.
    """

    findings: tuple[Finding, ...]
    token: str
    token_note: str = ""
    may_fail: bool = False
    no_room: str = ""
    is_full: str = ""
    attributes: str = ""


def error(code: str, message: str, hint: str, *, key: Optional[str] = None, line: Optional[int] = None) -> Finding:
    """A finding that keeps the pilot from getting jobs."""
    return Finding(code, Severity.ERROR, _safe(message), _safe(hint), key, line)


def warning(code: str, message: str, hint: str, *, key: Optional[str] = None, line: Optional[int] = None) -> Finding:
    """A finding that the operator should know of, and that does not stop the pilot."""
    return Finding(code, Severity.WARNING, _safe(message), _safe(hint), key, line)


def info(code: str, message: str, hint: str, *, key: Optional[str] = None, line: Optional[int] = None) -> Finding:
    """A finding that the operator may well have meant as it is."""
    return Finding(code, Severity.INFO, _safe(message), _safe(hint), key, line)


def about(key: str, line: Optional[int], findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same findings, of that key and line."""
    return (replace(finding, key=key, line=line) for finding in findings)


def files_with_errors(findings: Iterable[Finding], config_path: str) -> str:
    """The files that an operator has to look into, for a sentence."""
    wrong = (finding for finding in findings if finding.severity is Severity.ERROR and (finding.key or finding.line))
    return " and ".join(dict.fromkeys(finding.file or config_path for finding in wrong)) or config_path


def _safe(text: str) -> str:
    """Text from the configuration may stand in it: nothing secret, nothing that upsets a terminal."""
    return printable(mask(text))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any of the findings keeps the pilot from getting jobs."""
    return any(finding.severity is Severity.ERROR for finding in findings)
