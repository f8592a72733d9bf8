"""The token that the pilot gets: what is wrong with it, and why the pool may refuse it."""

import hashlib
import time
from typing import Optional

from ospool_ep.checks.host_facts import PATH_SECONDS
from ospool_ep.checks.path_checks import check_token_file
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.permissions import as_root
from ospool_ep.checks.token import Origin, describe, examine
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Checked, Finding, Severity, warning


def check_token(configuration: Configuration, file: Optional[Sight]) -> Checked:
    """What is wrong with the token, a hash of it, and what is to be said of it. ``file``: as it was seen just now."""
    content, origin = _token(configuration, file)
    findings: list[Finding] = []
    if file and origin.key == "TOKEN_LOCATION":
        findings += check_token_file(file, origin.line)
        if content is None and not findings:
            message = f"Only root can look into {origin.path}: what the token says was not examined."
            hint = as_root()
            findings.append(warning("token-not-examined", message, hint, key=origin.key, line=origin.line))
    if content is not None:
        findings += examine(content, origin, time.time(), ospool=configuration.joins_ospool)
    digest = hashlib.sha256(content.strip()).hexdigest()[:16] if content is not None else ""
    notes = (f"{finding.message} {finding.hint}" for finding in findings if _is_worth_a_note(finding))
    return Checked(tuple(findings), digest, next(notes, ""))


def look_at_token(configuration: Configuration) -> tuple[str, str]:
    """A hash of the pilot's token, empty where it can't be read; and what is wrong with it, or soon will be."""
    checked = check_token(configuration, _seen_token(configuration))
    return checked.token, checked.token_note


def explain_refusal(configuration: Configuration, identity: str) -> str:
    """Why the pool may refuse the token that the pilot has, and what to do. ``identity``: the pool's name for it."""
    content, origin = _token(configuration, _seen_token(configuration))
    why = describe(content, origin, time.time()) if content is not None else "The token cannot be read."
    known = f"The pool knows it as {identity}. " if identity else ""
    return f"{why} {known}{origin.renewal}"


def _seen_token(configuration: Configuration) -> Sight:
    location = configuration.text("TOKEN_LOCATION")
    return look({location: "read"}, PATH_SECONDS)[location]


def _token(configuration: Configuration, file: Optional[Sight]) -> tuple[Optional[bytes], Origin]:
    """The token that the pilot gets: the configuration's own where it holds one, else the file's."""
    location, text = configuration.text("TOKEN_LOCATION"), configuration.text("TOKEN")
    if text:
        return text.encode(errors="surrogateescape"), Origin("TOKEN", configuration.line("TOKEN"), location)
    content = file.content if file else None
    return content, Origin("TOKEN_LOCATION", configuration.line("TOKEN_LOCATION"), location)


def _is_worth_a_note(finding: Finding) -> bool:
    """Said of a token again and again while a pilot runs: no pilot that starts later will get jobs."""
    return finding.severity is Severity.ERROR or finding.code == "token-expires-soon"
