"""A test has the same name in each process: workers side by side agree on it, and a person finds the test again."""

import os
import subprocess
import sys

from tests.world import ROOT

_LISTED = ("-p", "no:cacheprovider", "-o", "addopts=", "--quiet", "--collect-only", "tests/pure", "tests/contract")


# Each version of pytest names what has no id in its own way: this test runs with the oldest one, too.
def names(seed: str) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-m", "pytest", *_LISTED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_neither_the_time_nor_the_order_of_a_set_is_in_a_tests_name() -> None:
    # One collection takes some seconds, so that the two begin in different ones.
    first, second = names("1"), names("2")
    assert len(first) > 1000
    assert set(first) ^ set(second) == set()
    assert [name for name in first if "eyJ" in name] == []
