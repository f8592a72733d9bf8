"""What was measured, kept in build/faults, and the table that is made of it.

``python3 -m tests.faults.rows`` prints the table; with ``--page`` it writes FAULTS.md.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Optional

from tests.world import BUILD, ROOT

RESULTS = BUILD / "faults"
PAGE = ROOT / "FAULTS.md"
_END_OF_INTRODUCTION = "<!-- what follows is made by `make faults-page` -->\n"


@dataclass(frozen=True)
class Row:
    """What one service made of one fault.

    ``seconds_away``: for how long a core was free and no pilot would take a job for it. ``lines_lost``: None where
    nobody has counted. ``hand``: it had to be helped. ``pilots``: how many ran at the same time, at most. ``remark``:
    what the numbers don't tell. ``bugs``: messages that no fault excuses. ``cores``: how many the jobs had, at most.
    """

    fault: str
    side: str
    jobs: int
    jobs_lost: int
    seconds_away: float
    lines_lost: Optional[int]
    lines_doubled: int
    hand: bool
    same_pilot: bool
    pilots: int
    remark: str = ""
    bugs: tuple[str, ...] = ()
    cores: int = 0

    def save(self) -> None:
        """Keep it for the table."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{self.fault}.{self.side}.json").write_text(json.dumps(asdict(self), indent=1) + "\n")


def load(fault: str, side: str) -> Optional[Row]:
    """What was last measured, or None."""
    path = RESULTS / f"{fault}.{side}.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    return Row(**{**kept, "bugs": tuple(kept["bugs"])})


_HEAD = """\
| | jobs | lost | away, s | lines | hand | lost | away, s | lines | hand |
|---|---|---|---|---|---|---|---|---|---|
| **what happens** | **running** | **ospool-ep** | | | | **plain unit** | | | |
"""


def table(titles: Iterable[tuple[str, str]], page: str = "") -> str:
    """The table of all that was measured, in Markdown, from names and titles.

    What was not measured stands there as in the ``page``, or not at all.
    """
    kept = {cells[0]: cells[1:] for cells in (line.strip("| ").split(" | ") for line in page.splitlines())}
    rows = [_line(title, load(name, "ours"), load(name, "plain"), kept.get(title, [])) for name, title in titles]
    return _HEAD + "".join(rows)


def _line(title: str, ours: Optional[Row], plain: Optional[Row], kept: Sequence[str]) -> str:
    measured = ours or plain
    if measured is None and not kept:
        return ""
    jobs = str(measured.jobs) if measured else kept[0]
    return f"| {title} | {jobs} | {' | '.join((*_cells(ours, kept[1:5]), *_cells(plain, kept[5:9])))} |\n"


def _cells(row: Optional[Row], kept: Sequence[str]) -> Sequence[str]:
    if row is None:
        return [*kept, "", "", "", ""][:4]
    lines = [f"{row.lines_lost} lost"] if row.lines_lost else []
    lines += [f"{row.lines_doubled} doubled"] if row.lines_doubled else []
    told = "not counted" if row.lines_lost is None else ", ".join(lines) or "all"
    hand = ("yes" if row.hand else "no") + (f"; {row.remark}" if row.remark else "")
    away = "0" if row.seconds_away == 0 else f"{max(1, round(row.seconds_away))}"
    return (str(row.jobs_lost), away, told, hand)


def write_page(titles: Iterable[tuple[str, str]]) -> None:
    """Put what was measured into the table of FAULTS.md, behind what people have written there."""
    introduction, mark, rows = PAGE.read_text().partition(_END_OF_INTRODUCTION)
    PAGE.write_text(f"{introduction}{mark}\n{table(titles, rows)}")


def main() -> None:
    """Print the table, or write the page."""
    from tests.faults.catalogue import TITLES  # noqa: PLC0415 - the catalogue needs this module

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write FAULTS.md")
    if parser.parse_args().page:
        write_page(TITLES)
    else:
        print(table(TITLES), end="")


if __name__ == "__main__":
    main()
