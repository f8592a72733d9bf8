"""``ospool-ep config``: what the configuration says and what becomes of it; no secret, no odd character."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from ospool_ep import exit_codes
from ospool_ep.configuration.contents import Configuration, Value
from ospool_ep.configuration.findings import Finding
from ospool_ep.configuration.masking import HIDDEN, looks_like_token
from ospool_ep.configuration.option import Kind
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.reading import could_be_read, read_configuration
from ospool_ep.this_service import this_service
from ospool_ep.wording import printable

_HEADINGS = ("KEY", "VALUE", "LINE", "GOES TO")


def run(options: argparse.Namespace) -> int:
    """Print all that could be read. 78: there is no file that can be read."""
    configuration, findings = read_configuration(options.config, this_service().own_file(options.config))
    write = as_json if options.json else as_text
    print(write(configuration, findings))
    return exit_codes.OK if could_be_read(findings) else exit_codes.CONFIG


def as_json(configuration: Configuration, findings: Iterable[Finding]) -> str:
    """For programs: every key with its value as read, its line and file (null for a default) and where it goes."""
    values = {
        key: {
            "value": _shown(key, value),
            "line": value.line,
            "file": None if value.line is None else configuration.file(key),
            "goes_to": value.goes_to.value,
        }
        for key, value in configuration.values.items()
    }
    told = [finding.as_json(configuration.path) for finding in findings]
    return json.dumps({"values": values, "findings": told}, indent=2)


def as_text(configuration: Configuration, findings: Iterable[Finding]) -> str:
    """For people: a table of the same, and a line for each finding below it."""
    rows = [_HEADINGS]
    for key, value in configuration.values.items():
        rows.append((key, printable(_shown(key, value)), _line(configuration, key), value.goes_to.value))
    # A long value, say an expression, does not push the columns of all others out of sight.
    widths = [min(max(len(row[column]) for row in rows), 48) for column in range(len(_HEADINGS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*table, *(finding.as_text(configuration.path) for finding in findings)])


def _line(configuration: Configuration, key: str) -> str:
    """The line, with the file's own name where there are two files."""
    line = configuration.line(key)
    if line is None:
        return "default"
    return f"{printable(Path(configuration.file(key)).name)}:{line}" if configuration.own_path else str(line)


def _shown(key: str, value: Value) -> str:
    secret = key in OPTIONS and OPTIONS[key].kind is Kind.SECRET
    return HIDDEN if value.value and (secret or looks_like_token(value.value)) else value.value
