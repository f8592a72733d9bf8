"""Whether the pilot's scripts and HTCondor take a text as it is meant: names, pools, central managers.

Source: the scripts of the pilot's image, 10-setup-htcondor.sh and entrypoint.sh.
"""

import re
from collections.abc import Iterator

from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.option import Option
from ospool_ep.configuration.values import POOLS

_ADDRESS = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:\?\S*)?"
)
# Blanks at the end of a line do not count for HTCondor, nor do empty lines.
_BROKEN_LINE = re.compile(r"[\r\n]\s*\S")
# Another form of HTCondor's for an address, and what HTCondor replaces by something that is not known here.
_TAKEN_AT_ITS_WORD = re.compile(r"<\S+>|.*\$\w*\(.*")

_SUBSTITUTION = {"$(": ")", "${": "}"}


def check_name(option: Option, value: str) -> Iterator[Finding]:
    """A name stands between double quotes in HTCondor's configuration, and in a script of bash that each job runs."""
    hint = "Write the name without it."
    problem = problem_in_quotes(value, in_script=option.required)
    if problem:
        yield error(
            "name-refused", f"{quoted(value)} {problem}: HTCondor or the script of each job fails over it.", hint
        )
        return
    odd = [character for character in "'$`\\" if character in value]
    if odd:
        message = f"{quoted(value)} has {' and '.join(odd)}: the pilot's scripts and HTCondor may read something else."
        yield warning("name-is-expanded", message, hint)


def check_project(option: Option, value: str) -> Iterator[Finding]:
    """A job names one project, and the image compares it with all of the value."""
    yield from check_name(option, value)
    if re.search(r"[,;|\s]", value.strip()):
        message = (
            f"{quoted(value)} is compared as a whole, and no job's project has such a name: the pilot gets no job."
        )
        expression = "For several leave it empty, and compare ProjectName in GLIDEIN_Start_Extra."
        yield warning("project-without-jobs", message, f"Name one project. {expression}")


def problem_in_quotes(value: str, *, in_script: bool) -> str:
    """What keeps a text from standing between double quotes in HTCondor's configuration; empty where nothing does.

    ``in_script``: it stands so in a script of bash, too.
    """
    if '"' in value:
        return 'has a "'
    if re.search(r"[\r\n]", value):
        return "has a line break"
    if (len(value) - len(value.rstrip("\\"))) % 2:
        return "ends with a \\"
    return never_closed(value) if in_script else ""


def never_closed(value: str) -> str:
    """What a script of bash would look for the end of; empty where there is nothing."""
    if value.count("`") % 2:
        return "has a ` that never closes"
    for opens, closes in _SUBSTITUTION.items():
        if opens in value and closes not in value[value.rindex(opens) :]:
            return f"has a {opens} that never closes"
    return ""


def check_pool(option: Option, value: str) -> Iterator[Finding]:
    """The image looks at it first, also where CONDOR_HOST names another pool."""
    if _BROKEN_LINE.search(value):
        yield _broken(value, option.name)
        return
    if value in POOLS or ("." in value and not _wrong_addresses(value)):
        return
    message = f"{quoted(value)} is no pool: the pilot ends at once."
    if "." in value:
        message = f"{quoted(value)} is no pool, and no address of one."
    likely = value.strip().lower()
    hint = f"Write {option.name}={likely}." if likely in POOLS else f"Write {', '.join(POOLS)} or HOST:PORT."
    yield error("not-a-pool", message, hint)


def check_central_managers(option: Option, value: str) -> Iterator[Finding]:
    """HTCondor's list of addresses."""
    if _BROKEN_LINE.search(value):
        yield _broken(value, option.name)
        return
    wrong = _wrong_addresses(value)
    hint = "Write HOST or HOST:PORT; several with commas between them."
    if wrong:
        yield error("not-an-address", f"{quoted(wrong[0])} is no address of a central manager.", hint)
    elif not _split(value):
        yield error("not-an-address", f"{quoted(value)} names no central manager.", hint)


def _broken(value: str, name: str) -> Finding:
    message = f"{quoted(value)} has a line break, and HTCondor reads what follows as another setting."
    one_line = ",".join(_split(value))
    return error("line-break", message, f"Write it on one line: {name}={one_line}")


def _wrong_addresses(value: str) -> list[str]:
    return [address for address in _split(value) if not _is_address(address)]


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return 0 < int(match["port"] or 9618) < 65536 if match else _TAKEN_AT_ITS_WORD.fullmatch(text) is not None


def _split(value: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", value) if part]
