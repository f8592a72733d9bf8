"""`make test` runs the layers in their order, stops at the first that fails, and says what each took."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.world import ROOT

# In the place of make: notes the target, and fails at those that the environment names, in the middle of a test.
_MAKE = """#!/bin/sh
echo "$2" >>"$NOTED"
case " $BROKEN " in *" $2 "*) mkdir -p build/running; echo a_test_of "$2" >build/running/1; exit 2 ;; esac
"""


class Run:
    """The script, run with some layers; ``broken`` are targets that fail."""

    def __init__(self, directory: Path, *layers: str, broken: str = "") -> None:
        (directory / "make").write_text(_MAKE)
        (directory / "make").chmod(0o755)
        noted = directory / "noted"
        noted.touch()
        environment = {"PATH": f"{directory}:{os.environ['PATH']}", "NOTED": str(noted), "BROKEN": broken}
        done = subprocess.run(
            [ROOT / "tests/world/run-layers", *layers], cwd=directory, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.code, self.errors = done.returncode, done.stderr
        self.lines = [" ".join(line.split()) for line in done.stdout.splitlines() if line]
        self.targets = noted.read_text().split()


def test_each_layer_runs_after_its_set_up_and_is_told_with_its_minutes(tmp_path: Path) -> None:
    run = Run(tmp_path, "pure", "host")
    assert run.targets == ["set-up-pure", "test-pure", "set-up-host", "test-host"]
    assert run.lines == [
        "set-up 0.0 min passed",
        "pure 0.0 min passed",
        "host 0.0 min passed",
        "total 0.0 min",
        "Passed: pure host",
    ]
    assert run.code == 0


@pytest.mark.parametrize(
    ("broken", "targets", "told", "failed"),
    [
        ("test-pure", 2, ["set-up 0.0 min passed", "pure 0.0 min failed", "host 0.0 min not run"], "test-pure"),
        ("set-up-host", 3, ["set-up 0.0 min failed", "pure 0.0 min passed", "host 0.0 min not run"], "set-up-host"),
    ],
)
def test_nothing_runs_after_a_failure_and_nothing_is_said_to_have_passed_that_did_not_run(
    tmp_path: Path, broken: str, targets: int, told: list[str], failed: str
) -> None:
    run = Run(tmp_path, "pure", "host", broken=broken)
    assert run.targets == ["set-up-pure", "test-pure", "set-up-host", "test-host"][:targets]
    assert run.lines == [*told, "total 0.0 min"]
    assert (run.code, run.errors) == (1, f"Not ended: a_test_of {failed}\nFailed: make {failed}\n")


def test_what_an_earlier_run_did_not_end_is_not_told(tmp_path: Path) -> None:
    Run(tmp_path, "pure", broken="test-pure")
    assert "a_test_of test-pure" not in Run(tmp_path, "host", broken="set-up-host").errors


def test_no_layer_at_all_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert (run.code, run.targets, run.lines) == (2, [], [])
