"""``ospool-ep render``: show what would be run."""

import argparse
import sys

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import has_errors
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import docker_command
from ospool_ep.engine.address import PODMAN_SOCKET, default_socket
from ospool_ep.service.helper_calls import container_spec


def run(options: argparse.Namespace) -> int:
    """Print the 'docker run' or 'podman run' line. 78: the configuration has errors."""
    configuration, findings = read_configuration(options.config)
    for finding in findings:
        print(finding.as_text(options.config), file=sys.stderr)
    if has_errors(findings):
        return exit_codes.CONFIG
    # Told by the socket, for an engine that does not run: the line is to be tried by hand.
    engine_kind = "podman" if default_socket() == PODMAN_SOCKET else "docker"
    print(docker_command.render(container_spec(configuration), engine_kind))
    return exit_codes.OK
