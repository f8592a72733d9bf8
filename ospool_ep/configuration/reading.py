"""Reads the configuration: what the file says of every key, and everything that is wrong with it, all together."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from ospool_ep.configuration import environment_file
from ospool_ep.configuration.checks_across_keys import check_keys
from ospool_ep.configuration.contents import Configuration, Value
from ospool_ep.configuration.destination import destination
from ospool_ep.configuration.environment_file import Assignment
from ospool_ep.configuration.findings import Finding, error
from ospool_ep.configuration.masking import looks_like_token
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.value_checks import check_value

# No container could be started with more; and this bounds the time that reading takes.
_MOST_BYTES = 4 * 1024 * 1024

_UNREADABLE = "config-unreadable"


def read_configuration(path: str) -> tuple[Configuration, tuple[Finding, ...]]:
    """Read and check the file, with findings in the order of its lines; those without a line come last.

    What could be read is there even where there are errors; all is at its default where the file can't be opened.
    """
    try:
        data = _read(path)
    except OSError as failure:
        return _configuration(path, {}), (_unreadable(failure),)
    file = environment_file.parse(data)
    configuration = _configuration(path, file.effective)
    findings = [*file.findings, *_check_values(file.effective), *check_keys(configuration, file.effective)]
    return configuration, tuple(sorted(findings, key=lambda finding: (finding.line is None, finding.line or 0)))


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


def _unreadable(failure: OSError) -> Finding:
    reason = f"{failure.strerror}." if failure.strerror else str(failure)
    hint = "Run ospool-ep as root." if isinstance(failure, PermissionError) else "Put the configuration there."
    return error(_UNREADABLE, f"The configuration cannot be read: {reason}", hint)


def _configuration(path: str, assignments: Mapping[str, Assignment]) -> Configuration:
    values = {option.name: Value(option.default, None, option.goes_to) for option in OPTIONS.values()}
    for key, item in assignments.items():
        if not looks_like_token(key):
            values[key] = Value(item.value, item.line, destination(key, item.value))
    return Configuration(path, values)


def _check_values(assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in assignments.items():
        option = OPTIONS.get(key)
        if option and not option.obsolete:
            yield from check_value(option, item.value, item.line)
