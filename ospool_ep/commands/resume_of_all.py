"""``ospool-ep resume --all``: take the drains of all services of this host back."""

import argparse

from ospool_ep.commands.each_service import acting_for, those_that_run
from ospool_ep.commands.resume import resume


def run(_options: argparse.Namespace) -> int:
    """The highest of the exit codes that ``resume`` has for each. A line about one begins with its name."""
    codes = []
    for service in those_that_run():
        with acting_for(service):
            codes.append(resume(f"{service.name}: "))
    return max(codes) if codes else resume()
