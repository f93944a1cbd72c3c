"""DATA.md from the leaves of config/dataset, config/task, config/modality and config/weights.

    envs/run python docs/data.py --check     fail if DATA.md differs from the leaves
    envs/run python docs/data.py --write     write it

`docs/templates/DATA.md.j2` holds the text; facts come from the leaves.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "DATA.md"
FACTS = ("package", "source", "licence", "citation")


def leaf(path: Path) -> dict[str, Any]:
    """The content of a leaf, arguments of its target and other keys on one level."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {**content, **content.get("build", {})}


def leaves(group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every leaf of a group, by name."""
    folder = ROOT / "config" / group
    for path in sorted(folder.rglob("*.yaml")):
        yield str(path.relative_to(folder).with_suffix("")), leaf(path)


def dataset(name: str, use: str = "") -> str:
    """The heading and the facts of a data set, and what uses it."""
    about = leaf(ROOT / "config" / "dataset" / f"{name}.yaml")["about"]
    facts = "\n".join(f"- {fact.capitalize()}: {about[fact]}" for fact in FACTS)
    used = "; ".join(filter(None, [use, *users(name)]))
    return f"## {about['title']} (`{name}`)\n\n{facts}\n- Used for: {used}"


def users(name: str) -> Iterator[str]:
    """Modality sources and tasks that read a data set."""
    sources = {
        source: {**part, **part.get("build", {})}["dataset"]
        for _, content in leaves("modality")
        for source, part in content.get("sources", {}).items()
    }
    for kind, found in (
        ("modality source", sources),
        ("task", {task: content["dataset"] for task, content in leaves("task")}),
    ):
        for user in sorted(user for user, read in found.items() if read == name):
            yield f"{kind} `{user}`"


def tasks() -> str:
    """The table of tasks, those of regression first."""
    order = sorted(leaves("task"), key=lambda item: (item[1]["kind"] != "regression", item[0]))
    rows = []
    for name, task in order:
        leaks = " | ".join(", ".join(task[key]) or "-" for key in ("leaked_by", "leaked_in_part_by"))
        about = task["about"]
        label = f"{about['title']}, {about['unit']}"
        rows.append(f"| `{name}` | {task['set']} | `{task['dataset']}` | {label} | {leaks} |")
    return "\n".join(
        ["| task | set | data set | label | leaked by | in part by |", "|---|---|---|---|---|---|", *rows]
    )


def weights() -> str:
    """The table of released weights."""
    rows = [
        f"| `{name}` | {part['about']['title']} | {part['about']['licence']} | {part['sha256'] or ''} |"
        for name, part in leaves("weights")
        if part["kind"] == "released"
    ]
    return "\n".join(["| leaf | weights | licence | SHA-256 |", "|---|---|---|---|", *rows])


def page() -> str:
    """DATA.md as the leaves have it."""
    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text = (ROOT / "docs" / "templates" / "DATA.md.j2").read_text(encoding="utf-8")
    return jinja.from_string(text).render(dataset=dataset, tasks=tasks, weights=weights)


def main(arguments: list[str] | None = None) -> int:
    """Write DATA.md, or compare it with the leaves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write DATA.md")
    parser.add_argument("--check", action="store_true", help="fail if it differs (the default)")
    chosen = parser.parse_args(arguments)
    text = page()
    if chosen.write:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print("DATA.md differs from the leaves of config/; run docs/data.py --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
