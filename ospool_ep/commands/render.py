"""``ospool-ep render``: show what would be run."""

import argparse
import contextlib
import os
import sys
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.checks.engine_checks import check_engine
from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.checks.host_facts import attributes_path
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import has_errors
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import docker_command
from ospool_ep.container.advertised import with_attributes, with_host
from ospool_ep.container.create_request import NVIDIA_RUNTIME
from ospool_ep.container.cvmfs_mounts import where_there
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.address import DOCKER, EngineAddress
from ospool_ep.engine.choice import Undecided
from ospool_ep.engine.chosen import chosen_engine
from ospool_ep.service.helper_calls import container_spec
from ospool_ep.system import systemctl
from ospool_ep.this_service import this_service


def run(options: argparse.Namespace) -> int:
    """Print the 'docker run' or 'podman run' line. 78: mend the configuration or the engine first."""
    configuration, findings = read_configuration(options.config, this_service().own_file(options.config))
    for finding in findings:
        print(finding.as_text(options.config), file=sys.stderr)
    if has_errors(findings):
        return exit_codes.CONFIG
    choice = chosen_engine(configuration.engine)
    if choice.address is None:
        found = check_engine(EngineFacts(choice, None), True, configuration.place("OSPOOL_EP_ENGINE"))
        for finding in configuration.placed(found):
            print(finding.as_text(options.config), file=sys.stderr)
        # Where the line is only looked at, and there is no engine for it, it is Docker's.
        if choice.undecided not in (Undecided.NONE_INSTALLED, Undecided.NOT_KNOWN):
            return exit_codes.CONFIG
    engine = choice.address or DOCKER
    spec = where_there(_spec(configuration), os.path.isfile)
    spec = _with_gpus(spec, engine, sleeps=bool(choice.to_start)) if spec.gpus else spec
    print(docker_command.render(spec, engine.kind, engine.command))
    return exit_codes.OK


def _spec(configuration: Configuration) -> ContainerSpec:
    """The container, with the operator's own file of attributes: the service mounts a copy, which only it makes."""
    spec, path = container_spec(configuration, _open_files()), attributes_path(configuration)
    if configuration.advertises_host:
        spec = with_host(spec, os.uname().nodename)
    return with_attributes(spec, path) if path else spec


def _with_gpus(spec: ContainerSpec, address: EngineAddress, *, sleeps: bool) -> ContainerSpec:
    """As the engine would be told of them; where it sleeps or is silent, it is taken for one with NVIDIA's runtime."""
    from ospool_ep.engine.adapter import DockerEngine  # noqa: PLC0415 - half of what the whole command may cost
    from ospool_ep.engine.gpus import with_gpus  # noqa: PLC0415
    from ospool_ep.engine.interface import EngineError, EngineInfo  # noqa: PLC0415

    info = EngineInfo(address.kind, "", "", frozenset((NVIDIA_RUNTIME,)), "")
    # To ask it would start it.
    with contextlib.suppress(EngineError):
        info = info if sleeps else DockerEngine(address.url).info()
    return with_gpus(spec, info)


def _open_files() -> Optional[int]:
    """How many open files systemd allows the service, running or not; None where it does not say, or sets no limit."""
    text = (systemctl.ask("show", "--property=LimitNOFILE", "--value", this_service().unit) or "").strip()
    return int(text) if text.isdecimal() else None
