"""MkDocs hooks: generated parts of pages, and pages that are files of the repository's root.

A page may hold two kinds of placeholder, each on a line of its own:

- ``<!-- generated: NAME -->`` is replaced by the function NAME of `docs/reference.py`;
- ``<!-- file: NAME.md -->`` is replaced by a file of the repository's root, with its links changed to the pages here.
"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
PAGES = {f"{name.upper()}.md": f"{name}.md" for name in ("data", "security", "contributing", "changelog")}


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _file(name: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    for file, page in PAGES.items():
        text = text.replace(f"]({file}", f"]({page}")
    return text.replace("](docs/", "](")


def on_page_markdown(markdown: str, **_) -> str:
    """Replace the placeholders of a page; see above."""
    reference = _reference()
    markdown = re.sub(
        r"^<!-- generated: (\w+) -->$", lambda match: getattr(reference, match[1])(), markdown, flags=re.M
    )
    return re.sub(r"^<!-- file: (\w+\.md) -->$", lambda match: _file(match[1]), markdown, flags=re.M)
