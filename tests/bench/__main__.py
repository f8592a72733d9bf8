"""``make bench``: measure everything, and write the table, the JSON and the plot into build/bench."""

import argparse
import pickle
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

from tests.bench import figures, goodput, guest, hand_over, measures, minutes, spread
from tests.bench.figures import Figure
from tests.bench.stand import Stand
from tests.faults.ground import standing_ground
from tests.world import BUILD, ROOT
from tests.world.progress import note, step

RESULTS = BUILD / "bench"
_KEPT = RESULTS / "figures.pickle"
PAGE = ROOT / "BENCHMARKS.md"
_END_OF_INTRODUCTION = "<!-- what follows is made by `make bench` and `make bench ARGS=--page` -->\n"

# What takes seconds and varies by as much has so many times the rounds.
_MORE_ROUNDS = 3

Part = Callable[[], Iterator[Figure]]


def main() -> None:
    """Measure, in the order of the table; what was measured is written after each part."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of what takes seconds (default: 3)")
    parser.add_argument("--rest-minutes", type=float, default=10.0, help="at rest, for each side (default: 10)")
    parser.add_argument("--page", action="store_true", help="put the last results into BENCHMARKS.md; measure nothing")
    parser.add_argument("--only", metavar="PART", action="append", help="measure that part alone")
    parser.add_argument("--add", action="store_true", help="keep the other parts of the runs before this one")
    options = parser.parse_args()
    if options.page:
        write_page()
        return
    done: dict[str, list[Figure]] = pickle.loads(_KEPT.read_bytes()) if options.add and _KEPT.exists() else {}
    facts = [*_facts(), *(["in several runs, each of some parts"] if done else [])]
    with standing_ground("bench") as ground:
        stand = Stand(ground)
        parts = _parts(stand, options.rounds, options.rest_minutes)
        for name, part in parts.items():
            if options.only and name not in options.only:
                continue
            stand.clear()
            with step(f"measuring: {name}"):
                done[name] = list(part())
            RESULTS.mkdir(parents=True, exist_ok=True)
            _KEPT.write_bytes(pickle.dumps(done))
            figures.write(_in_order(done, parts), RESULTS, facts)
        facts += [f"{_version(stand, 'systemctl')}, {_version(stand, 'docker')}"]
    lost = "\nWhere the slot-hours of the simulated month went, means of all seeds:\n\n"
    figures.write(_in_order(done, parts), RESULTS, facts, lost + goodput.by_cause(goodput.accounts()))
    note(figures.table(_in_order(done, parts)))
    note(f"written: {RESULTS}/results.md, results.json, results.svg")


def _parts(stand: Stand, rounds: int, rest_minutes: float) -> dict[str, Part]:
    return {
        "spread": spread.figures,
        "goodput": goodput.figures,
        "commands": lambda: measures.commands(stand, rounds),
        "start": lambda: measures.start_and_stop(stand, _MORE_ROUNDS * rounds),
        "update": lambda: measures.updates(stand, 400, rounds),
        "large-update": lambda: measures.updates(stand, 2000, 1),
        "log": lambda: measures.log_lines(stand, rounds),
        "minutes": lambda: minutes.figures(stand),
        "hand-over": lambda: hand_over.figures(stand),
        "guest": guest.figures,
        "jobs": lambda: measures.jobs_lost(stand),
        "rest": lambda: measures.at_rest(stand, 1, 60 * rest_minutes),
    }


def _in_order(done: Mapping[str, list[Figure]], parts: Iterable[str]) -> list[Figure]:
    return [figure for name in parts for figure in done.get(name, [])]


def write_page() -> None:
    """Put the results into BENCHMARKS.md, behind what people have written there."""
    introduction, mark, _ = PAGE.read_text().partition(_END_OF_INTRODUCTION)
    PAGE.write_text(f"{introduction}{mark}\n{(RESULTS / 'results.md').read_text()}")


def _facts() -> list[str]:
    memory = Path("/proc/meminfo").read_text().split()[1]
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    cpu = model[0].partition(": ")[2] if model else platform.machine()
    return [
        f"measured on {date.today().isoformat()} by `make bench`",
        f"{len(model) or 1} CPUs ({cpu}), {int(memory) / 1e6:.0f} GB, Linux {platform.release()}",
    ]


def _version(stand: Stand, command: str) -> str:
    return stand.host.do(command, "--version").split("\n")[0].split("(")[0].strip()


if __name__ == "__main__":
    began = time.monotonic()
    main()
    note(f"in {(time.monotonic() - began) / 60:.0f} min")
