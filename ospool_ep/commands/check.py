"""``ospool-ep check``: find all that keeps the pilot from getting jobs."""

import argparse
import json
import sys

from ospool_ep import exit_codes
from ospool_ep.checks.check import CheckResult, run_checks
from ospool_ep.commands.each_service import acting_for, those_that_count
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.this_service import ServiceName


def run(options: argparse.Namespace) -> int:
    """Print what was found. 0: a pilot can run; 78: something keeps it from getting jobs.

    Of all services, each under its name: 78 where that is so for one of them.
    """
    if options.all:
        return _run_all(options)
    try:
        result = run_checks(options.config)
    except HelperFailed as failure:
        print(f"ospool-ep check: {failure}", file=sys.stderr)
        return exit_codes.FAILED
    print(result.as_json() if options.json else result.as_text())
    return _exit_code(result)


def _run_all(options: argparse.Namespace) -> int:
    results, codes = dict[ServiceName, CheckResult](), []
    for service in those_that_count(options.config):
        try:
            with acting_for(service):
                results[service] = run_checks(options.config)
        except HelperFailed as failure:
            print(f"ospool-ep check: {service.name}: {failure}", file=sys.stderr)
            codes.append(exit_codes.FAILED)
    if options.json:
        print(json.dumps({service.name: result.as_data() for service, result in results.items()}, indent=2))
    else:
        print("\n\n".join(f"{service.name}:\n{result.as_text()}" for service, result in results.items()))
    return max([*codes, *map(_exit_code, results.values())])


def _exit_code(result: CheckResult) -> int:
    return exit_codes.OK if result.ok else exit_codes.CONFIG
