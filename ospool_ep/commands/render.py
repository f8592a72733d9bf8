"""``ospool-ep render``: show what would be run."""

import argparse
import sys

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import has_errors
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import docker_command, from_configuration
from ospool_ep.service.helper_calls import token_path


def run(options: argparse.Namespace) -> int:
    """Print the 'docker run' line. 78: the configuration has errors."""
    configuration, findings = read_configuration(options.config)
    for finding in findings:
        print(finding.as_text(options.config), file=sys.stderr)
    if has_errors(findings):
        return exit_codes.CONFIG
    print(docker_command.render(from_configuration.build(configuration, token_path(configuration))))
    return exit_codes.OK
