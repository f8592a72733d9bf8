"""``ospool-ep reload --all``: have all services of this host read their configurations again, at the same time."""

import argparse

from ospool_ep.commands import reload
from ospool_ep.commands.each_service import acting_for, those_that_run


def run(options: argparse.Namespace) -> int:
    """The highest of the exit codes that a reload of each has. A line about one begins with its name."""
    asked = {}
    for service in those_that_run():
        with acting_for(service):
            asked[service] = reload.Asked(f"{service.name}: ", quiet=options.quiet)
    codes = []
    for service, one in asked.items():
        with acting_for(service):
            codes.append(one.answered())
    return max(codes) if codes else reload.run(options)
