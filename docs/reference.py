"""Reference pages made from the code: keys and leaves of config, columns of tables, figures.

`docs/hooks.py` puts the results into the pages when the site is built, so that they cannot differ from the code.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from earthdim.figures.declaration import declared, figures
from earthdim.storage.schema import COLUMNS, SCHEMA_VERSIONS

ROOT = Path(__file__).parents[1]
CONFIG, SCHEMAS = ROOT / "config", ROOT / "workflow" / "schemas"
WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null",
         "array": "list", "object": "mapping"}  # fmt: skip


def configuration() -> str:
    """One section for each group of config: the keys of its schema, then its leaves."""
    groups = sorted(path.name for path in CONFIG.iterdir() if path.is_dir())
    return "\n".join([_root_keys(), *(_group(name) for name in groups)])


def _root_keys() -> str:
    schema = _schema("config")
    return f"## `config/config.yaml`\n\n{_sentence(schema)}\n\n{_keys(schema)}\n{_yaml(CONFIG / 'config.yaml')}\n"


def _group(name: str) -> str:
    schema = _schema(name)
    leaves = sorted((CONFIG / name).rglob("*.yaml"))
    rows = "\n".join(
        f"| `{leaf.relative_to(CONFIG / name).with_suffix('')}` | {_cell(about(leaf))} |" for leaf in leaves
    )
    return (
        f"## `config/{name}`\n\n{_sentence(schema)}\n\n{_keys(schema)}\n| leaf | about |\n|---|---|\n{rows}\n"
    )


def about(leaf: Path) -> str:
    """The first paragraph of the comments at the head of a leaf, without Hydra's directive; else its title."""
    lines = []
    for line in leaf.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or (lines and line.strip() == "#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.lstrip("# "))
    if lines:
        return " ".join(lines)
    content = yaml.safe_load(leaf.read_text(encoding="utf-8"))
    return str((content.get("about") or {}).get("title") or content.get("title") or "")


def _yaml(path: Path) -> str:
    return f'```yaml title="{path.relative_to(ROOT)}"\n{path.read_text(encoding="utf-8").rstrip()}\n```\n'


def _schema(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


def _sentence(schema: Mapping[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _keys(schema: Mapping[str, Any]) -> str:
    found = list(keys(schema))
    if not found:
        return ""
    head, rule = "| key | value | required |", "|---|---|---|"
    meanings = any(text for *_, text in found)
    rows = [head + " meaning |" if meanings else head, rule + "---|" if meanings else rule]
    for key, kind, required, text in found:
        row = f"| `{key}` | {_cell(kind)} | {'yes' if required else ''} |"
        rows.append(f"{row} {_cell(text)} |" if meanings else row)
    return "\n".join([*rows, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def keys(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, bool, str]]:
    """Every key of a schema: its dotted name, its type and range, whether it is required, its description."""
    definitions = schema.get("$defs", {})
    seen = set()
    for key, part, required in _walk(schema, "", definitions):
        if key not in seen:
            seen.add(key)
            yield key, _kind(part, definitions), required, _sentence(part)


def _walk(schema: Mapping[str, Any], at: str, definitions: Mapping) -> Iterator[tuple[str, Mapping, bool]]:
    required = set(schema.get("required", []))
    for name, part in schema.get("properties", {}).items():
        if isinstance(part, Mapping):
            whole = {**_resolved(part, definitions), **{k: v for k, v in part.items() if k != "$ref"}}
            yield f"{at}{name}", whole, name in required
            yield from _walk(whole, f"{at}{name}.", definitions)
    more = schema.get("additionalProperties")
    if isinstance(more, Mapping):
        whole = _resolved(more, definitions)
        yield from _walk(whole, f"{at}*.", definitions)
    for part in schema.get("allOf", []):
        if "then" in part:
            for key, whole, required in _walk(part["then"], at, definitions):
                text = f"{_condition(part['if'])} {_sentence(whole)}"
                yield key, {**whole, "description": text}, required


def _condition(schema: Mapping[str, Any]) -> str:
    """The condition of an `if`, in words: the values of the keys that it names."""
    words = [
        f"{key}: {' or '.join(str(value) for value in part.get('enum', [part.get('const')]))}"
        for key, part in schema.get("properties", {}).items()
    ]
    return f"Only with `{', '.join(words)}`." if words else ""


def _resolved(part: Mapping[str, Any], definitions: Mapping) -> Mapping[str, Any]:
    reference = part.get("$ref", "")
    return definitions[reference.rpartition("/")[2]] if reference.startswith("#/$defs/") else part


def _kind(part: Mapping[str, Any], definitions: Mapping) -> str:
    part = _resolved(part, definitions)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return " or ".join(f"`{value}`" for value in part["enum"])
    if "expected" in part:
        return part["expected"]
    types = part.get("type", [])
    words = " or ".join(WORDS[name] for name in ([types] if isinstance(types, str) else types))
    ranges = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = " and ".join(f"{sign} {part[key]:,}" for key, sign in ranges.items() if key in part)
    if "array" in types and isinstance(part.get("items"), Mapping):
        words += f" of {_kind(part['items'], definitions) or 'values'}"
    return f"{words}, {bounds}" if words and bounds else words or bounds


def columns() -> str:
    """One section for each table: its schema version and its columns with their meaning."""
    meanings = descriptions()
    parts = []
    for table, names in COLUMNS.items():
        known = meanings["columns"] | meanings["only"].get(table, {})
        rows = "\n".join(f"| `{name}` | {_cell(known[name])} |" for name in names)
        parts.append(
            f"## `{table}.csv`\n\n{meanings['tables'][table].strip()}\n\n| column | meaning |\n|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def descriptions() -> dict[str, Any]:
    """The meaning of tables and of columns, each written once: `docs/columns.yaml`."""
    return yaml.safe_load((ROOT / "docs" / "columns.yaml").read_text(encoding="utf-8"))


def versions() -> str:
    """The schema version of every kind of artefact."""
    rows = "\n".join(f"| `{kind}` | {version} |" for kind, version in SCHEMA_VERSIONS.items())
    return f"| artefact | version |\n|---|---|\n{rows}\n"


def figure_list() -> str:
    """Every figure: title, section of the report, what it reads, and its caption's first paragraph."""
    rows = []
    for name in figures():
        figure = declared(name)
        caption = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "…", figure.template(), flags=re.S)
        first = caption.strip().split("\n\n")[0].replace("``", "`")
        read = ", ".join(f"`{table}`" for table in figure.inputs)
        rows.append(f"| `{name}` | {figure.title} | {figure.category} | {read} | {_cell(first)} |")
    return "\n".join(
        ["| figure | title | section | reads | caption begins |", "|---|---|---|---|---|", *rows, ""]
    )
