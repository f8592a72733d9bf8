"""Reads the token, without its key, and says whether the pool can accept it.

No message, error or repr holds the token's text. What a token claims is shown, but shortened and made printable:
anybody can write claims.
"""

import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.checks.token_file import OSPOOL_ISSUER, TOO_MUCH, Flaw, Line, read_lines, used_line
from ospool_ep.checks.token_text import NotAToken, Token, shown
from ospool_ep.configuration.findings import Finding, Severity, about, error, warning
from ospool_ep.container.specification import PILOT_UID

REGISTRY = "https://os-registry.opensciencegrid.org/"

SOON_SECONDS = 7 * 86400
# Clocks that differ by less are no reason to worry anybody.
CLOCK_SKEW_SECONDS = 300

_ADVERTISE = frozenset(("ADVERTISE_STARTD", "ADVERTISE_MASTER"))
_WANTED = _ADVERTISE | {"READ"}

# Of a file that is no token's at all, so many lines are told.
_MOST_LINES = 5


@dataclass(frozen=True)
class Origin:
    """Where the operator put the token: the configuration key and its line, and the file it is to be in."""

    key: str
    line: Optional[int]
    path: str

    @property
    def place(self) -> str:
        """What holds the lines that are judged."""
        return "the value of TOKEN" if self.key == "TOKEN" else shlex.quote(self.path)

    @property
    def installing(self) -> str:
        """The command that puts a token from the file NEW_TOKEN in place."""
        command = f"install -o {PILOT_UID} -g {PILOT_UID} -m 600 NEW_TOKEN {shlex.quote(self.path)}"
        return f"{command} (and remove TOKEN from the configuration)" if self.key == "TOKEN" else command

    def rewriting(self, command: str) -> str:
        """The command that puts in place what another one makes of the file: nobody else can read it meanwhile."""
        install = f"install -o {PILOT_UID} -g {PILOT_UID} -m 600 /dev/stdin {shlex.quote(self.path)}"
        return f'(T=$({command}); [ -n "$T" ] && printf \'%s\\n\' "$T" | {install})'

    @property
    def renewal(self) -> str:
        """How to get a token that the pool accepts."""
        return f"Get a new token from {REGISTRY} and put it in place: {self.installing}"


def examine(content: bytes, origin: Origin, now: float, *, ospool: bool) -> list[Finding]:
    """Everything about the token that keeps the pilot out of the pool. ``now``: seconds since the epoch.

    ``ospool``: the pilot goes to the OSPool proper, whose issuer is known, and not to some test pool. What is wrong
    with the token that HTCondor uses is an error; what else stands beside it, and is of no use, is a warning.
    """
    return list(about(origin.key, origin.line, _examine(content, origin, now, ospool)))


def _examine(content: bytes, origin: Origin, now: float, ospool: bool) -> Iterator[Finding]:
    try:
        lines = read_lines(content)
    except NotAToken as reason:
        hint = origin.renewal
        if reason.encoding:
            plain = f"iconv -f {reason.encoding} -t ASCII {shlex.quote(origin.path)}"
            hint = f"Make it plain text: {origin.rewriting(plain)}"
        yield error("token-not-a-jwt", f"This is not a token of the pool. {reason}", hint)
        return
    used = used_line(lines)
    told = [line for line in lines if line is not used and (used is None or line.flaws or _expired(line, now))]
    if used and used.token:
        found = [*_flaws(used, origin), *_claims(used.token, _name(used, lines, origin), origin.renewal, now, ospool)]
        yield from _pointing_at_a_better_one(found, used, lines, now)
    for line in told[:_MOST_LINES]:
        yield from _of_no_use(line, origin, now) if used else _flaws(line, origin)
    if len(told) > _MOST_LINES:
        more = len(told) - _MOST_LINES
        lines_are = "more line of {} is" if more == 1 else "more lines of {} are"
        message = f"{more} {lines_are.format(origin.place)} of no use, either."
        yield warning("token-not-a-jwt", message, f"Leave nothing but the token in {origin.place}.")


def _name(line: Line, lines: Sequence[Line], origin: Origin) -> str:
    return "The token" if len(lines) == 1 else f"The token in {_where(line, origin)}"


def _where(line: Line, origin: Origin) -> str:
    return f"{_numbers(line)} of {origin.place}"


def _numbers(line: Line) -> str:
    return f"line {line.first}" if line.first == line.last else f"lines {line.first} to {line.last}"


def _sentence(line: Line, flaw: Flaw, origin: Origin) -> str:
    where = _where(line, origin)
    # What is wrapped, or is no token, is told of the lines; the rest of the token that they hold.
    of_lines = flaw.code in ("token-wrapped", "token-not-a-jwt")
    subject = f"{where[0].upper()}{where[1:]}" if of_lines else f"The token in {where}"
    return f"{subject} {flaw.what}" if flaw.what.endswith(".") else f"{subject} {flaw.what}."


def _flaws(line: Line, origin: Origin) -> Iterator[Finding]:
    for flaw in line.flaws:
        hint = f"{flaw.mend} Then put it in place: {origin.installing}" if flaw.mend else origin.renewal
        if flaw.can_be_joined and origin.key != "TOKEN":
            lines = f"sed -n {line.first},{line.last}p {shlex.quote(origin.path)}"
            lines += " | grep -v '^[[:space:]]*#'" if flaw.among_comments else ""
            hint = f"{flaw.mend} {origin.rewriting(f'{lines} | tr -d {shlex.quote(TOO_MUCH)}')}"
        yield error(flaw.code, _sentence(line, flaw, origin), hint)


def _of_no_use(line: Line, origin: Origin, now: float) -> Iterator[Finding]:
    for flaw in line.flaws:
        message = f"{_sentence(line, flaw, origin)} It is not used: another line has the token."
        yield warning(flaw.code, message, "Remove it, or put # before it.")
    if not line.flaws and _expired(line, now) and line.token and line.token.expires_at is not None:
        message = f"The token in {_where(line, origin)} expired on {moment(line.token.expires_at)}, and is not used."
        yield warning("token-expired", message, "Remove it, or put # before it.")


def _pointing_at_a_better_one(
    found: Sequence[Finding], used: Line, lines: Sequence[Line], now: float
) -> Iterator[Finding]:
    """The client goes by the first token from the right issuer, and never tries another one."""
    issuer = used.token.issuer if used.token else ""
    better = (
        line for line in lines if line.token and line.token.issuer == issuer and line.taken and not line.flaws
        and not _expired(line, now) and line is not used
    )  # fmt: skip
    other = next(better, None)
    for finding in found:
        if other and finding.severity is Severity.ERROR:
            hint = f"HTCondor uses the first one, and not that in line {other.first}: remove {_numbers(used)}."
            yield replace(finding, hint=hint)
        else:
            yield finding


def _expired(line: Line, now: float) -> bool:
    expires = line.token.expires_at if line.token else None
    return expires is not None and expires <= now


def _claims(token: Token, name: str, renewal: str, now: float, ospool: bool) -> Iterator[Finding]:
    expires = token.expires_at
    if expires is not None and expires <= now:
        message = f"{name} expired on {moment(expires)}; it is now {moment(now)} here."
        yield error(
            "token-expired", message, f"If that is wrong, set the clock with 'chronyc makestep'. Else: {renewal}"
        )
    elif expires is not None and expires - now < SOON_SECONDS:
        message = f"{name} expires on {moment(expires)}: no pilot that starts later gets jobs."
        yield warning("token-expires-soon", message, renewal)
    yield from _examine_clock(token, name, now)
    yield from _examine_scopes(token, name, renewal)
    if ospool and token.issuer != OSPOOL_ISSUER:
        message = f"{name} is from {shown(token.issuer)}; the OSPool's are from {OSPOOL_ISSUER}."
        yield warning("token-other-pool", message, renewal)


def _examine_clock(token: Token, name: str, now: float) -> Iterator[Finding]:
    """A host whose clock was not set yet finds the same of a good token, and once more as its clock is set."""
    hint = f"If the clock of this host is wrong (now {moment(now)}), set it: chronyc makestep"
    latest = now + CLOCK_SKEW_SECONDS
    if token.not_before is not None and token.not_before > latest:
        yield error("token-not-yet-valid", f"{name} is valid from {moment(token.not_before)} on.", hint)
    elif token.issued_at is not None and token.issued_at > latest:
        # HTCondor itself asks how old a token is at most, and for no beginning.
        message = f"{name} was made on {moment(token.issued_at)}, which is yet to come."
        yield warning("token-made-later", message, hint)


def _examine_scopes(token: Token, name: str, renewal: str) -> Iterator[Finding]:
    # DAEMON may include the others, by the pool's own settings: that is for the pool to say.
    if token.scopes is None or "DAEMON" in token.scopes:
        return
    missing = sorted(_WANTED - token.scopes)
    if missing:
        report = error if _ADVERTISE.intersection(missing) else warning
        message = f"{name} does not allow {' and '.join(missing)}, only {shown(' '.join(sorted(token.scopes)))}."
        yield report("token-wrong-scope", message, renewal)


def describe(content: bytes, origin: Origin, now: float) -> str:
    """What the token itself says that may explain why the pool refuses it, in one or two sentences."""
    try:
        lines = read_lines(content)
    except NotAToken as reason:
        return f"The token is not one of the pool's. {reason}"
    line = used_line(lines) or lines[0]
    if line.flaws or line.token is None:
        return _sentence(line, line.flaws[0], origin)
    token = line.token
    if token.expires_at is not None and token.expires_at <= now:
        return f"The token expired on {moment(token.expires_at)}; it is now {moment(now)} here."
    expiry = f", expires on {moment(token.expires_at)}" if token.expires_at is not None else ""
    scopes = " ".join(sorted(token.scopes)) if token.scopes else "everything"
    return (
        f"The token is for {shown(token.identity)}, from {shown(token.issuer)}, allows {shown(scopes)}{expiry}:"
        " it may be for another pool, or revoked."
    )


def moment(seconds: float) -> str:
    """A time for people, in UTC."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.3g} s after 1970"
