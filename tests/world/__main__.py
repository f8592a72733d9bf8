"""The commands behind the Makefile's targets."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from tests.support.container_host import ContainerHost
from tests.support.endpoint import Endpoint
from tests.support.host import PODMAN, Host
from tests.support.pool import MANAGER_NAME, PROJECT, PoolError
from tests.support.virtual_machine import VirtualMachine, close_all_machines
from tests.world import BUILD, ROOT
from tests.world import demo as demonstration
from tests.world.engine import ensure_engine, remove_all_of_ours, running_engine, stop_private
from tests.world.hosts import boot_endpoint, ensure_image
from tests.world.images import FIRST_PILOT, NEXT_PILOT
from tests.world.machines import boot_machine_endpoint, ensure_machine
from tests.world.oldest import run_oldest
from tests.world.progress import StepFailed, headline, note
from tests.world.rpm import ensure_package


def engine() -> None:
    """Find the engine of this machine or start a private one."""
    print(f"unix://{ensure_engine().socket}")


def engine_stop() -> None:
    """Stop the private engine and the virtual machines."""
    close_all_machines()
    stop_private()


def images() -> None:
    """Make the image of the test hosts, with all that goes into it."""
    ensure_image(ensure_engine())


def rpm() -> None:
    """Build the RPM and print its path."""
    print(ensure_package())


def demo() -> None:
    """Run a job through the service on a fresh host, and keep the host."""
    demonstration.run_demo()


def demo_shell() -> None:
    """A shell in the host of the demonstration."""
    engine = running_engine()
    if engine is None or not ContainerHost(engine, demonstration.NAME).exists:
        raise StepFailed("there is no host of a demonstration: run `make demo` first")
    _enter(ContainerHost(engine, demonstration.NAME))


def test_oldest() -> None:
    """The tests that need no host, with the oldest Python and libraries."""
    run_oldest()


def host() -> None:
    """Boot a host with a pool and the package for a developer, unless it is there already, and enter it."""
    _offer(ContainerHost(ensure_engine(), _DEVELOPERS), boot_endpoint, "host")


def vm() -> None:
    """The same with a virtual machine."""
    _offer(VirtualMachine(_DEVELOPERS), boot_machine_endpoint, "vm")


def vm_images() -> None:
    """Make what virtual machines start from."""
    ensure_machine()


_DEVELOPERS = "developer"


def _offer(host: Host, boot: Callable[[str], Endpoint], target: str) -> None:
    if not host.exists:
        boot(_DEVELOPERS).set_up()
    headline(
        "The host has the package, a good token and two names; "
        f"`make clean` removes it, `make {target}` enters it again"
    )
    manager = f"{host.engine.command} exec --interactive --tty --user alice {MANAGER_NAME} bash"
    note("start:             systemctl start ospool-ep; ospool-ep status; journalctl --follow --unit ospool-ep")
    note(f"submit a job:      {manager}, then: cd; condor_submit, condor_q, condor_status")
    note(f'                   its description needs a line +ProjectName = "{PROJECT}"')
    note(f"another image:     OSPOOL_EP_IMAGE={NEXT_PILOT} in /etc/osg/ospool-ep.cfg; the first is {FIRST_PILOT}")
    note("registry away:     systemctl stop docker-registry")
    if host.engine is PODMAN:
        note("podman-docker:     dpkg --install /srv/debs/podman-docker_*.deb")
    if sys.stdin.isatty():
        _enter(host)


def _enter(host: Host) -> None:
    os.execvp(host.shell_command[0], host.shell_command)


def clean() -> None:
    """Remove everything that was made here, and say which packages stay."""
    close_all_machines()
    remove_all_of_ours()
    record = BUILD / "apt-packages"
    if record.exists():
        note(f"these Debian packages were installed and stay: {' '.join(sorted(record.read_text().split()))}")
    shutil.rmtree(BUILD, ignore_errors=True)
    for cache in [*ROOT.glob("*/**/__pycache__"), *ROOT.glob(".*_cache"), ROOT / ".hypothesis"]:
        shutil.rmtree(cache, ignore_errors=True)


COMMANDS: dict[str, Callable[[], None]] = {
    "engine": engine,
    "engine-stop": engine_stop,
    "images": images,
    "rpm": rpm,
    "demo": demo,
    "demo-shell": demo_shell,
    "host": host,
    "vm": vm,
    "vm-images": vm_images,
    "test-oldest": test_oldest,
    "clean": clean,
}


def main() -> int:
    """Run one command. Exit code 1 with one line of explanation where the world could not be made."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.world", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        COMMANDS[parser.parse_args().command]()
    except (StepFailed, AssertionError, PoolError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
