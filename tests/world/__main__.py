"""The commands behind the Makefile's targets."""

import argparse
import shutil
import subprocess
import sys

from tests.support.waiting import Expired
from tests.world import BUILD, ROOT
from tests.world.engine import ensure_engine, remove_all_of_ours, stop_private
from tests.world.progress import StepFailed, note


def engine() -> None:
    """Find the engine of this machine or start a private one."""
    print(f"unix://{ensure_engine().socket}")


def engine_stop() -> None:
    """Stop the private engine."""
    stop_private()


def clean() -> None:
    """Remove everything that was made here, and say which packages stay."""
    remove_all_of_ours()
    record = BUILD / "apt-packages"
    if record.exists():
        note(f"these Debian packages were installed and stay: {' '.join(sorted(record.read_text().split()))}")
    shutil.rmtree(BUILD, ignore_errors=True)
    for cache in [*ROOT.glob("*/**/__pycache__"), *ROOT.glob(".*_cache"), ROOT / ".hypothesis"]:
        shutil.rmtree(cache, ignore_errors=True)


COMMANDS = {"engine": engine, "engine-stop": engine_stop, "clean": clean}


def main() -> int:
    """Run one command. Exit code 1 with one line of explanation where the world could not be made."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.world", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        COMMANDS[parser.parse_args().command]()
    except (StepFailed, Expired, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
