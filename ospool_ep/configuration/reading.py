"""Reads the configuration: what the file says of every key, and everything that is wrong with it, all together."""

import os
import shlex
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

from ospool_ep.configuration import environment_file
from ospool_ep.configuration.checks_across_keys import check_keys
from ospool_ep.configuration.contents import Configuration, Value
from ospool_ep.configuration.destination import destination
from ospool_ep.configuration.environment_file import Assignment, EnvironmentFile
from ospool_ep.configuration.environment_file_syntax import Oddity
from ospool_ep.configuration.findings import Finding, error
from ospool_ep.configuration.masking import looks_like_token
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.value_checks import check_value

# No container could be started with more; and this bounds the time that reading takes.
_MOST_BYTES = 4 * 1024 * 1024

_UNREADABLE = "config-unreadable"

# A quote that takes the lines behind it along is no matter of its own key alone.
_TAKES_MORE = (Oddity.QUOTED_NEWLINE.value, Oddity.UNCLOSED_QUOTE.value)


def read_configuration(path: str, own_path: str = "") -> tuple[Configuration, tuple[Finding, ...]]:
    """Read and check the file, with findings in the order of its lines; those without a line come last.

    ``own_path`` is the file of this service alone, if it has one: a key that is set there holds, also where it is
    empty, and all others come from ``path``. Of the value that it stands for nothing is said.

    What could be read is there even where there are errors; all is at its default where a file can't be opened.
    """
    files, unreadable = list[EnvironmentFile](), list[Finding]()
    for file_path in filter(None, (path, own_path)):
        try:
            files.append(environment_file.parse(_read(file_path)))
        except OSError as failure:
            unreadable.append(_unreadable(failure, path, own_path if file_path == own_path else ""))
    if unreadable:
        return _configuration(path, {}, own_path), tuple(unreadable)
    effective, own_keys, found = files[0].effective, tuple[str, ...](), files[0].findings
    if own_path:
        own = files[1].effective
        found = (*_still_said(found, path, own), *(replace(one, file=own_path) for one in files[1].findings))
        effective = {**effective, **{key: replace(item, file=own_path) for key, item in own.items()}}
        own_keys = tuple(own)
    configuration = _configuration(path, effective, own_path, own_keys)
    findings = configuration.placed([*found, *_check_values(effective), *check_keys(configuration, effective)])
    return configuration, tuple(sorted(findings, key=configuration.order))


def _still_said(found: Iterable[Finding], path: str, own: Container[str]) -> Iterator[Finding]:
    """What is wrong with the syntax of the common file, but for the values that the own one replaces."""
    for finding in found:
        if finding.key not in own or (finding.message, finding.hint) in _TAKES_MORE:
            yield replace(finding, file=path)


def could_be_read(findings: Iterable[Finding]) -> bool:
    """Whether there was a file to read, according to the findings of ``read_configuration``."""
    return all(finding.code != _UNREADABLE for finding in findings)


def _read(path: str) -> bytes:
    # Without O_NONBLOCK, opening a pipe waits for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("It is no regular file.")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError("It is larger than 4 MiB.")
    return data


def _unreadable(failure: OSError, path: str, own_path: str) -> Finding:
    """``own_path``: of the file of this service alone, if it is that one."""
    reason = f"{failure.strerror}." if failure.strerror else str(failure)
    hint = "Run ospool-ep as root." if isinstance(failure, PermissionError) else "Put the configuration there."
    if own_path and isinstance(failure, FileNotFoundError):
        make = f"install -D -m 644 /dev/null {shlex.quote(own_path)}"
        hint = f"If that is the name of the service, make the file: {make}. Set there what differs from {path}."
    whose = " of this service alone" if own_path else ""
    message = f"The configuration{whose} cannot be read: {reason}"
    return replace(error(_UNREADABLE, message, hint), file=own_path)


def _configuration(
    path: str, assignments: Mapping[str, Assignment], own_path: str, own_keys: tuple[str, ...] = ()
) -> Configuration:
    values = {option.name: Value(option.default, None, option.goes_to) for option in OPTIONS.values()}
    for key, item in assignments.items():
        if not looks_like_token(key):
            values[key] = Value(item.value, item.line, destination(key, item.value))
    return Configuration(path, values, own_path, own_keys)


def _check_values(assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in assignments.items():
        option = OPTIONS.get(key)
        if option and not option.obsolete:
            yield from check_value(option, item.value, item.line)
