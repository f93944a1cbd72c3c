"""What a figure says of itself: the `FIGURE` at the head of its file, read without running the file.

Planning asks for declarations and must not wait for matplotlib; so they are read from the file's text, and hold
literals only. A file of this folder without a `FIGURE` is shared by figures and is none itself.
"""

import ast
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
CAPTIONS = FOLDER.parents[2] / "report"

INPUTS = {
    "variants": "", "dimension": "", "datasets": "",
    "probe": "tasks", "correlation": "tasks", "correlation_families": "tasks", "correlation_summary": "tasks",
    "scale": "scale", "costly": "costly", "jacobian": "jacobian", "draws": "replicates of its sample",
    "table1": "compare: [table1]",
    "maps": "", "coastline": "the data set coastline", "curves": "trained variants",
}  # fmt: skip
"""What a figure may read (tables by their names, local maps, coast lines, loss curves), and what each needs of an
experiment."""

NEEDS = ("trained variants", "untrained twins", *dict.fromkeys(need for need in INPUTS.values() if need))
"""What a figure may need of an experiment."""

CHOSEN = {
    "cell": "", "splits": "", "kinds of heads": "", "objectives": "",
    "estimator": "estimator", "k": "estimator", "activation estimator": "", "activation k": "",
    "heads": "head", "split": "split", "optimistic split": "optimistic_split",
}  # fmt: skip
"""What an experiment chooses for its figures, and the key of its `shown` that says so where one does."""


class DeclarationError(ValueError):
    """A figure's declaration is missing or wrong."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure's place in the report, what it reads, and what it is drawn with.

    Attributes
    ----------
    title : str
        Its name in the report.
    category : str
        Its section of the report.
    inputs : tuple of str
        What `draw` takes by these names, of `INPUTS`.
    optional : tuple of str
        Likewise, where the experiment makes it.
    needs : tuple of str
        Of `NEEDS`, beside what the inputs need.
    options : dict
        Arguments of `draw` that are always the same.
    chosen : dict
        Argument of `draw` -> what the experiment chooses for it, of `CHOSEN`.
    caption : str
        Text in reStructuredText, a Jinja template of `facts` and `experiment`; or the name of its file in
        workflow/report, which ends in .rst.
    caption_inputs : tuple of str
        What the caption's facts are measured from, where `draw` does not read it: dimension, maps.
    vector : bool
        Whether there is an SVG beside the PNG.
    """

    title: str
    category: str
    inputs: tuple[str, ...]
    caption: str
    optional: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    caption_inputs: tuple[str, ...] = ()
    vector: bool = True

    def __post_init__(self):
        for key, known in (
            ("inputs", INPUTS), ("optional", INPUTS), ("caption_inputs", INPUTS), ("needs", NEEDS), ("chosen", CHOSEN),
        ):  # fmt: skip
            value = getattr(self, key)
            if isinstance(value, str) or (key == "chosen" and not isinstance(value, Mapping)):
                raise DeclarationError(
                    f"{key}: {value!r} is no {'dict' if key == 'chosen' else 'list of names'}"
                )
            for name in value.values() if key == "chosen" else value:
                if name not in known:
                    raise DeclarationError(f"{key}: there is no {name!r}; there are {', '.join(known)}")
        if self.caption.endswith(".rst") and not (CAPTIONS / self.caption).is_file():
            raise DeclarationError(f"caption: there is no file {self.caption} in workflow/report")

    def template(self) -> str:
        """The caption's text."""
        return (CAPTIONS / self.caption).read_text() if self.caption.endswith(".rst") else self.caption

    @property
    def all_needs(self) -> tuple[str, ...]:
        """What it needs of an experiment, its own needs first."""
        read = (INPUTS[name] for name in (*self.inputs, *self.caption_inputs))
        return tuple(dict.fromkeys([*self.needs, *(need for need in read if need)]))

    @property
    def shows(self) -> tuple[str, ...]:
        """The keys of `shown` that it draws."""
        return tuple(dict.fromkeys(part for name in self.chosen.values() if (part := CHOSEN[name])))


@cache
def figures(folder: Path = FOLDER) -> dict[str, Path]:
    """Name of each figure -> its file."""
    return {path.stem: path for path in sorted(folder.glob("*.py")) if _call(path) is not None}


@cache
def declared(name: str, folder: Path = FOLDER) -> Figure:
    """Read a figure's declaration.

    Raises
    ------
    DeclarationError
        Naming the file and the key, if it has none or one that means nothing.
    """
    path = folder / f"{name}.py"
    call = _call(path) if path.is_file() else None
    if call is None:
        raise DeclarationError(f"figures/{path.name}: has no line FIGURE = Figure(...)")
    known = {
        part.name: part.default is MISSING and part.default_factory is MISSING for part in fields(Figure)
    }
    values = {}
    for keyword in call.keywords:
        if keyword.arg not in known:
            raise DeclarationError(
                f"figures/{path.name}: FIGURE: there is no {keyword.arg!r}; there are {', '.join(known)}"
            )
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError:
            raise DeclarationError(
                f"figures/{path.name}: FIGURE: {keyword.arg} must be a literal, not computed"
            ) from None
    missing = [key for key, required in known.items() if required and key not in values]
    if missing or call.args:
        raise DeclarationError(
            f"figures/{path.name}: FIGURE: lacks {(missing or ['the names of its arguments'])[0]}"
        )
    try:
        return Figure(**values)
    except DeclarationError as error:
        raise DeclarationError(f"figures/{path.name}: FIGURE: {error}") from None


@cache
def _call(path: Path) -> ast.Call | None:
    """The call in a file's `FIGURE = Figure(...)`, if it has one."""
    text = path.read_text()
    if "FIGURE" not in text:
        return None
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise DeclarationError(f"figures/{path.name}: line {error.lineno}: {error.msg}") from None
    for node in body:
        names = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
        if names == ["FIGURE"] and isinstance(node.value, ast.Call):
            return node.value
    return None
