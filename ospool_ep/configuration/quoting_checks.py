"""Whether a text stays what it is between the quotes that the pilot's scripts put around it, or without any.

Source: the image's entrypoint.sh and 10-setup-htcondor.sh; the shell reads CVMFS's file, HTCondor the environment.
"""

import re
from collections.abc import Iterator

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.pilot_text_checks import never_closed

_LINE_BREAK = re.compile(r"[\r\n]")
# What ends a value, or a command, outside of quotes.
_ENDS_A_VALUE = re.compile(r"[\s;|&<>()]")
_ESCAPED = re.compile(r"\\.", re.DOTALL)


def check_quoting(configuration: Configuration) -> Iterator[Finding]:
    """What is wrong with the keys whose values have no form but that."""
    for key, check in (
        ("CVMFS_HTTP_PROXY", _check_cvmfs_proxy), ("EXTRA_JOB_ENV", _check_job_environment),
        ("SINGULARITY_BIND_EXTRA", _check_binds),
    ):  # fmt: skip
        # Without repositories of its own the pilot writes no file for CVMFS.
        if configuration.text(key) and (key != "CVMFS_HTTP_PROXY" or configuration.repositories):
            yield from about(key, configuration.line(key), check(configuration.text(key)))


def _check_cvmfs_proxy(value: str) -> Iterator[Finding]:
    problem = _problem_in_shell(value)
    hint = "Write http://HOST:PORT; several with | or ; between them."
    if problem:
        message = f"{quoted(value)} {problem}: CVMFS cannot read the file that the pilot writes it into."
        yield error("proxy-not-quotable", message, hint)
        return
    odd = [character for character in '"$`\\' if character in value]
    if odd:
        message = f"{quoted(value)} has {' and '.join(odd)}: CVMFS may read something else."
        yield warning("proxy-is-expanded", message, hint)


def _problem_in_shell(value: str) -> str:
    """What breaks a text between double quotes in a script; empty where it comes to some value, if to another one."""
    if _LINE_BREAK.search(value):
        return "has a line break"
    if (len(value) - len(value.rstrip("\\"))) % 2:
        return "ends with a \\"
    # The first quote closes that of the script, and the next one opens another.
    plain = _ESCAPED.sub("", value)
    pieces = plain.split('"')
    if len(pieces) % 2 == 0:
        return 'has a " that never closes'
    if any(_ENDS_A_VALUE.search(piece) or "'" in piece for piece in pieces[1::2]):
        return 'has a " in its midst'
    return never_closed(plain)


def _check_job_environment(value: str) -> Iterator[Finding]:
    """The image writes it between the double quotes of HTCondor's list of the environment, condor_submit(1)."""
    hint = 'Write NAME=VALUE, with blanks between several; a " is "" there, and what has blanks stands in \'…\'.'
    if _LINE_BREAK.search(value):
        yield error("environment-refused", f"{quoted(value)} has a line break, and HTCondor's line ends there.", hint)
    elif '"' in value.replace('""', ""):
        yield warning("environment-odd", f'{quoted(value)} has a " that is not doubled: jobs may fail over it.', hint)
    elif value.count("'") % 2:
        yield warning("environment-odd", f"{quoted(value)} has a ' that never closes: jobs may fail over it.", hint)


def _check_binds(value: str) -> Iterator[Finding]:
    hint = "Write the directories on one line and without quotes, with commas between them."
    if _LINE_BREAK.search(value.strip()):
        yield warning("bind-not-found", f"{quoted(value)} has a line break, and what follows it is not bound.", hint)
    elif re.search("[\"']", value):
        yield warning("bind-not-found", f"{quoted(value)} has a quote, which counts as part of a path.", hint)
