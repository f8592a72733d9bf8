"""The figures of a benchmark: rounds, medians, ratios and goals; as JSON, as a table in Markdown, and as a plot."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Optional

_SIDES = ("ours", "plain", "floor", "quadlet")
_NONE = "-"


@dataclass(frozen=True)
class Goal:
    """What a figure should be: at most so much of a baseline's, or an absolute bound; None: there is no such goal.

    ``least`` is a bound from below.
    """

    of_plain: Optional[float] = None
    of_floor: Optional[float] = None
    most: Optional[float] = None
    least: Optional[float] = None

    def __str__(self) -> str:
        parts = [
            f"≤ {self.of_plain:g} of plain" if self.of_plain is not None else "",
            f"≤ {self.of_floor:g} of floor" if self.of_floor is not None else "",
            f"≤ {self.most:g}" if self.most is not None else "",
            f"≥ {self.least:g}" if self.least is not None else "",
        ]
        return ", ".join(filter(None, parts))


@dataclass
class Figure:
    """One thing that is measured, in rounds for each side; a side's figure is the median of its rounds."""

    name: str
    unit: str
    goal: Goal
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, side: str, value: float) -> None:
        """One more round of that side."""
        self.rounds.setdefault(side, []).append(value)

    def of(self, side: str) -> Optional[float]:
        """The median of that side; None where it was not measured."""
        values = self.rounds.get(side)
        return median(values) if values else None

    def ratio(self, baseline: str = "plain") -> Optional[float]:
        """Ours to that baseline; None where there is none, or it is 0."""
        ours, other = self.of("ours"), self.of(baseline)
        return ours / other if ours is not None and other else None

    @property
    def met(self) -> Optional[bool]:
        """Whether the goal is met; None where what it takes to say so was not measured."""
        ours, goal = self.of("ours"), self.goal
        if ours is None:
            return None
        verdicts: list[bool] = []
        for most, baseline in ((goal.of_plain, self.of("plain")), (goal.of_floor, self.of("floor"))):
            if most is not None:
                if baseline is None:
                    return None
                verdicts.append(ours <= most * baseline)
        if goal.most is not None:
            verdicts.append(ours <= goal.most)
        if goal.least is not None:
            verdicts.append(ours >= goal.least)
        return all(verdicts) if verdicts else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "unit": self.unit,
            **{side: self.of(side) for side in _SIDES},
            "ratio": self.ratio(),
            "ratio_to_floor": self.ratio("floor"),
            "goal": str(self.goal),
            "met": self.met,
            "rounds": self.rounds,
        }


def write(figures: Sequence[Figure], directory: Path, facts: Iterable[str], more: str = "") -> None:
    """Write results.json, results.md and results.svg.

    ``facts`` tell where, when and how it was measured; ``more`` stands behind the table.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "results.json": json.dumps([figure.as_json() for figure in figures], indent=1, ensure_ascii=False) + "\n",
        "results.md": "".join(f"- {fact}\n" for fact in facts) + "\n" + table(figures) + more,
        "results.svg": plot(figures),
    }
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def table(figures: Iterable[Figure]) -> str:
    """The table in Markdown; the rounds stand beside the medians."""
    head = "| what | unit | ospool-ep | plain unit | floor | Quadlet | ratio | goal | met |\n" + "|---" * 9 + "|\n"
    return head + "".join(_row(figure) for figure in figures)


def _row(figure: Figure) -> str:
    ratios = [f"{ratio:.2f}" for ratio in (figure.ratio(), figure.ratio("floor")) if ratio is not None]
    verdict = {True: "yes", False: "**no**", None: _NONE}[figure.met]
    cells = [_cell(figure, side) for side in _SIDES]
    texts = [figure.name, figure.unit, *cells, " / ".join(ratios) or _NONE, str(figure.goal) or _NONE, verdict]
    return f"| {' | '.join(texts)} |\n"


def _cell(figure: Figure, side: str) -> str:
    value = figure.of(side)
    if value is None:
        return _NONE
    rounds = figure.rounds[side]
    return _short(value) + (f" ({', '.join(map(_short, rounds))})" if len(rounds) > 1 else "")


def _short(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


_ROW_HEIGHT, _LEFT, _WIDTH = 46, 330, 420
_COLOURS = {"ours": "#1f6f8b", "plain": "#b0b0b0", "floor": "#e0a030", "quadlet": "#8a6fb0"}


def plot(figures: Iterable[Figure]) -> str:
    """Bars as SVG: each figure by the share of its largest side, so that all fit under each other."""
    drawn = [figure for figure in figures if figure.of("ours") is not None and figure.of("plain")]
    height = _ROW_HEIGHT * len(drawn) + 40
    size = f'width="{_LEFT + _WIDTH + 120}" height="{height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    for number, side in enumerate(_SIDES):
        parts.append(f'<rect x="{_LEFT + 100 * number}" y="8" width="12" height="12" fill="{_COLOURS[side]}"/>')
        parts.append(f'<text x="{_LEFT + 100 * number + 17}" y="18">{"ospool-ep" if side == "ours" else side}</text>')
    for row, figure in enumerate(drawn):
        parts += _bars(figure, 30 + row * _ROW_HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bars(figure: Figure, top: int) -> list[str]:
    values = [(side, value) for side in _SIDES if (value := figure.of(side)) is not None]
    largest = max(value for _, value in values) or 1.0
    bar = (_ROW_HEIGHT - 8) / len(values)
    parts = [
        f'<text x="{_LEFT - 8}" y="{top + 22}" text-anchor="end">{escape(figure.name)}, {escape(figure.unit)}</text>'
    ]
    for number, (side, value) in enumerate(values):
        y, width = top + number * bar, _WIDTH * value / largest
        parts.append(
            f'<rect x="{_LEFT}" y="{y:.1f}" width="{width:.1f}" height="{bar - 1:.1f}" fill="{_COLOURS[side]}"/>'
        )
        parts.append(f'<text x="{_LEFT + width + 5:.1f}" y="{y + bar - 2:.1f}" font-size="10">{_short(value)}</text>')
    return parts
