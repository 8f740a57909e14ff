"""The page: a table of all algorithms, and what became of each group of state in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "what-sb3-preserves.md"
BEGIN, END = "<!-- audit -->", "<!-- end -->"
LIBRARIES = ("stable_baselines3", "sb3_contrib", "gymnasium", "torch", "numpy")
KINDS = ("saved", "derived", "lost and needed", "lost and inert")


def versions() -> dict[str, str]:
    """Of the libraries that are audited."""
    return {name: version(name).partition("+")[0] for name in LIBRARIES}


def render(cells: Sequence[Mapping[str, Any]], made_with: Mapping[str, str]) -> str:
    """The part of the page that the audit writes."""
    by_name: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        by_name.setdefault(cell["name"], {})[cell["way"]] = cell
    scenarios = sum(len(cell["verdicts"]) for cell in cells)
    lines = [
        f"{len(by_name)} subjects, {scenarios} scenarios, "
        f"{sum(cell['vacuous'] for cell in cells)} of them vacuous; two runs alike differed in "
        f"{sum(cell['noise'] for cell in cells)} leaves. "
        + ", ".join(f"{name} {number}" for name, number in made_with.items())
        + ".",
        "",
        "| algorithm | `save` and `load` | what is lost and needed | `save_run` and `resume` | s |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(name, ways) for name, ways in by_name.items()]
    lines += ["", *_groups(by_name)]
    return "\n".join(lines).rstrip()


def _row(name: str, ways: Mapping[str, Mapping[str, Any]]) -> str:
    needed = ", ".join(f"`{group}`" for group in ways["stock"]["groups"].get(KINDS[2], {}))
    seconds = sum(cell["seconds"] for cell in ways.values())
    words = [_word(ways[way]) for way in ("stock", "ours")]
    return f"| {name} | {words[0]} | {needed} | {words[1]} | {seconds:.0f} |"


def _word(cell: Mapping[str, Any]) -> str:
    first = cell["verdicts"][0]
    same = all(verdict == first for verdict in cell["verdicts"])
    text = first if same else " ".join(cell["verdicts"])
    return f"{text}, {len(cell['verdicts'])} of {len(cell['verdicts'])}" if same else text


def _groups(by_name: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    lines = []
    for name, ways in by_name.items():
        lines += [f"### {name}", "", "| state | what becomes of it | evidence |", "|---|---|---|"]
        groups = ways["stock"]["groups"]
        for kind in KINDS:
            for group, members in groups.get(kind, {}).items():
                evidence = ", ".join(m if m.startswith("and ") else f"`{m}`" for m in members)
                lines.append(f"| `{group}` | {kind} | {evidence} |")
        lines.append("")
    return lines


def write(text: str) -> None:
    """Puts the text into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def committed() -> str:
    """What the page says now."""
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()
