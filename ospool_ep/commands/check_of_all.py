"""``ospool-ep check --all``: what is found for each service of this host, below each other, or in one document."""

import argparse
import json
import sys

from ospool_ep import exit_codes
from ospool_ep.checks.check import CheckResult, run_checks
from ospool_ep.commands.each_service import acting_for, those_that_count
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.this_service import ServiceName


def run(options: argparse.Namespace) -> int:
    """Print it; a document for programs has an object for each service, by its name. 78: for one a pilot can't run."""
    results, codes = dict[ServiceName, CheckResult](), [exit_codes.OK]
    for service in those_that_count(options.config):
        try:
            with acting_for(service):
                own_file = service.own_file(options.config)
                results[service] = run_checks(options.config, own_path=own_file)
        except HelperFailed as failure:
            print(f"ospool-ep check: {service.name}: {failure}", file=sys.stderr)
            codes.append(exit_codes.FAILED)
    if options.json:
        print(json.dumps({service.name: result.as_data() for service, result in results.items()}, indent=2))
    else:
        print("\n\n".join(f"{service.name}:\n{result.as_text()}" for service, result in results.items()))
    return max([*codes, *(exit_codes.CONFIG for result in results.values() if not result.ok)])
