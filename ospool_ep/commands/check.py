"""``ospool-ep check``: find all that keeps the pilot from getting jobs."""

import argparse
import sys

from ospool_ep import exit_codes
from ospool_ep.checks.check import run_checks
from ospool_ep.system.helper_program import HelperFailed


def run(options: argparse.Namespace) -> int:
    """Print what was found. 0: a pilot can run; 78: something keeps it from getting jobs."""
    try:
        result = run_checks(options.config)
    except HelperFailed as failure:
        print(f"ospool-ep check: {failure}", file=sys.stderr)
        return exit_codes.FAILED
    print(result.as_json() if options.json else result.as_text())
    return exit_codes.OK if result.ok else exit_codes.CONFIG
