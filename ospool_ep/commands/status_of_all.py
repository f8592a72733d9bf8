"""``ospool-ep status --all``: what each service of this host reports, below each other, or in one document."""

import argparse
import json
import time
from typing import Any, Optional

from ospool_ep import exit_codes
from ospool_ep.commands.each_service import acting_for, those_that_run
from ospool_ep.commands.service_reports import current_report, not_running
from ospool_ep.commands.status import as_data, as_text, exit_code
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import ServiceName


def run(options: argparse.Namespace) -> int:
    """Print them; a document for programs has an object for each service, by its name. The highest of their codes."""
    reports = {service: _report(service) for service in those_that_run()}
    if options.json:
        print(json.dumps({service.name: _data(service, current) for service, current in reports.items()}))
    elif reports:
        width = max(len(service.name) for service in reports)
        print("\n\n".join(_text(service, current, width) for service, current in reports.items()))
    else:
        print(not_running())
    return max(map(exit_code, reports.values()), default=exit_codes.NOT_RUNNING)


def _report(service: ServiceName) -> Optional[dict[str, Any]]:
    with acting_for(service):
        return current_report(RunDirectory())


def _data(service: ServiceName, current: Optional[dict[str, Any]]) -> dict[str, Any]:
    with acting_for(service):
        return as_data(current)


def _text(service: ServiceName, current: Optional[dict[str, Any]], width: int) -> str:
    with acting_for(service):
        # One may have ended just now.
        return as_text(current, time.time(), width) if current else f"{service.name}: {not_running()}"
