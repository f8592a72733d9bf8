"""What is wrong with the file of OSPOOL_EP_CVMFS_DEFAULT: the image copies it, and a shell reads it. Pure.

The image puts CVMFS_HTTP_PROXY and CVMFS_QUOTA_LIMIT of the environment in place of those in the file, or behind its
end. Sources: its entrypoint.sh; the documentation of CernVM-FS, "Client Configuration": the files are sourced by
/bin/sh. No value is ever shown: a proxy's may hold a password.
"""

import re
import shlex
from collections.abc import Iterator, Mapping

from ospool_ep.configuration.findings import Finding, info, warning
from ospool_ep.configuration.masking import quoted

# What the image writes into its copy where the environment has it.
_OF_ENVIRONMENT = ("CVMFS_HTTP_PROXY", "CVMFS_QUOTA_LIMIT")
# Where they say so, the cache is not in /cvmfs-cache. Source: the documentation of CernVM-FS, "Client parameters".
_ELSEWHERE = ("CVMFS_CACHE_BASE", "CVMFS_CACHE_DIR", "CVMFS_ALIEN_CACHE", "CVMFS_WORKSPACE", "CVMFS_CACHE_PRIMARY")
_SETTING = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
# CVMFS allows what else a shell reads: a line that begins so is taken at its word.
_OF_SHELL = re.compile(
    r"(?:if|then|else|elif|fi|case|esac|for|do|done|while|\.|source|unset|export|test|\[|:)(?:[\s;]|$)"
)
_REPLACED = re.compile(r"\$\(|`|\$\{")
_SEPARATORS = frozenset(";|&<>()")


def check_settings(path: str, text: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    """``environment``: what the configuration says of each key, empty where it says nothing."""
    lines = text.split("\n")
    wins = [key for key in (*_OF_ENVIRONMENT, "CVMFSEXEC_DEBUG") if environment.get(key)]
    for number, line in enumerate(lines, 1):
        yield from _check_line(f"line {number} of {path}", line, environment)
    if lines[-1].strip() and wins:
        message = f"The last line of {path} has no end: the image may write {wins[0]} right behind it, as one with it."
        yield warning("cvmfs-setting-cut", message, f"End it: echo >>{shlex.quote(path)}")


def _check_line(where: str, line: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    text, code = line.strip(" \t"), "not-a-cvmfs-setting"
    if not text or text.startswith("#") or _OF_SHELL.match(text):
        return
    if "\r" in text:
        yield warning(code, f"{_first(where)} ends as on Windows, and the value with it.", "Mend it: sed -i 's/\\r$//'")
        return
    match = _SETTING.fullmatch(text)
    if match is None:
        message = f"{_first(where)} is no NAME=VALUE as a shell reads it, and sets nothing."
        yield warning(code, message, "Write no blanks around the =, and # before a comment.")
        return
    name, value = match[1], match[2]
    problem = _problem(value)
    if problem:
        message = f"{_first(where)} does not set {name} to all that stands there: {problem}."
        yield warning(code, message, f"Put the value between quotes: {name}='...'")
    if name in _ELSEWHERE:
        message = (
            f"With {name} in {where} CVMFS has its cache elsewhere than in /cvmfs-cache, where each pilot has its own."
        )
        yield warning(
            "cvmfs-cache-elsewhere", message, "Remove the line; OSPOOL_EP_CVMFS_CACHE says where on this host."
        )
    elif name in _OF_ENVIRONMENT and environment.get(name):
        message = f"{name} in {where} has no effect: what the configuration says of it holds."
        yield info("cvmfs-setting-not-used", message, f"Remove it there, or leave {name} empty.")
    elif not name.startswith("CVMFS_"):
        message = f"{quoted(name)} in {where} is no parameter of CVMFS: their names begin with CVMFS_."
        yield info("cvmfs-setting-unknown", message, "Look at its spelling.")


def _problem(value: str) -> str:
    """What a shell makes of it, if that is not one word; empty where it is, or where that can't be told."""
    if _REPLACED.search(value):
        return ""
    lexer = shlex.shlex(value, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return "a quote or a backslash has no end"
    separator = next((word for word in words if _SEPARATORS.issuperset(word) and word), "")
    if separator:
        return f"a shell takes what follows {separator[0]} for another command"
    if len(words) > 1 or (words and value[:1].isspace()):
        return "a shell takes what follows the blank for a command"
    return ""


def _first(text: str) -> str:
    return text[0].upper() + text[1:]
