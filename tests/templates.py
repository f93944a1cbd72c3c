"""Read and apply the templates of the documentation: fenced blocks whose title names a file."""

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.M | re.S)
TITLE = re.compile(r"(?P<file>\S+?)(?: \((?P<how>append|after|replace)(?:: (?P<text>.*))?\))?")


@dataclass(frozen=True)
class Template:
    """A block of a page: a whole file, or a change of one."""

    file: str
    how: str
    text: str
    content: str

    def follow(self, root: Path) -> None:
        """Apply the template to a copy of the project."""
        path = root / self.file
        if not self.how:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.content)
            return
        before = path.read_text()
        if self.how == "append":
            path.write_text(f"{before}\n\n{self.content}")
            return
        assert before.count(self.text) == 1, f"{self.file}: {self.text!r} is not there exactly once"
        new = f"{self.text}\n{self.content.rstrip()}" if self.how == "after" else self.content.rstrip()
        path.write_text(before.replace(self.text, new))


def templates(page: Path) -> list[Template]:
    """The titled blocks of a page, in its order."""
    found = []
    for title, content in BLOCK.findall(page.read_text(encoding="utf-8")):
        match = TITLE.fullmatch(title)
        assert match, f"{page.name}: the title {title!r} names no file"
        found.append(Template(match["file"], match["how"] or "", match["text"] or "", content))
    return found
