"""Declarations of figures: the `FIGURE` at the top of each figure's file.

Planning needs the declarations and must not import matplotlib. They are therefore parsed from the source of the file,
which is not executed, and may hold literals only. A file of this folder without a `FIGURE` holds code that figures
share.
"""

import ast
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from earthdim.storage import python_source

FOLDER = Path(__file__).parent
CAPTIONS = FOLDER.parents[2] / "report"

INPUTS = {
    "variants": "", "dimension": "", "datasets": "",
    "probe": "tasks", "controls": "tasks",
    "correlation": "tasks", "correlation_families": "tasks", "correlation_summary": "tasks",
    "scale": "scale", "costly": "costly", "jacobian": "jacobian", "draws": "replicates of its sample",
    "table1": "compare: [table1]",
    "maps": "", "coastline": "the data set coastline", "curves": "trained variants",
}  # fmt: skip
"""Inputs that figures may have (tables, maps, coastlines, loss curves) -> what each requires of the experiment."""

NEEDS = ("trained variants", "untrained twins", *dict.fromkeys(need for need in INPUTS.values() if need))
"""Possible requirements of a figure on its experiment."""

CHOSEN = {
    "cell": "", "splits": "", "kinds of heads": "", "objectives": "", "batch": "",
    "estimator": "estimator", "k": "estimator", "activation estimator": "", "activation k": "",
    "heads": "head", "split": "split", "optimistic split": "optimistic_split",
}  # fmt: skip
"""Values that an experiment sets for its figures -> the key of its `shown` that sets each, or ""."""


class DeclarationError(ValueError):
    """The declaration of a figure is missing or invalid."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The declaration of a figure: its place in the report, inputs, options and caption.

    Attributes
    ----------
    title : str
        Title in the report.
    category : str
        Section of the report.
    inputs : tuple of str
        Keys of `INPUTS`: arguments of `draw` that are always passed.
    optional : tuple of str
        Keys of `INPUTS`: tables that are passed to `draw` if the experiment makes them.
    needs : tuple of str
        Members of `NEEDS`, in addition to those of the inputs.
    options : dict
        Constant arguments of `draw`.
    chosen : dict
        Argument of `draw` -> the key of `CHOSEN` whose value it gets.
    caption : str
        A Jinja template in reStructuredText with the variables `facts` and `experiment`, or the name of such a file
        in workflow/report, ending in .rst.
    caption_inputs : tuple of str
        Inputs that only the caption needs: dimension, maps.
    vector : bool
        Whether the figure is also written as SVG.
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
                    f"{key}: {value!r} is not a {'dict' if key == 'chosen' else 'list of names'}"
                )
            for name in value.values() if key == "chosen" else value:
                if name not in known:
                    raise DeclarationError(f"{key}: unknown name {name!r}; known names: {', '.join(known)}")
        if self.caption.endswith(".rst") and not (CAPTIONS / self.caption).is_file():
            raise DeclarationError(f"caption: workflow/report/{self.caption} does not exist")

    def template(self) -> str:
        """Return the template of the caption."""
        return (CAPTIONS / self.caption).read_text() if self.caption.endswith(".rst") else self.caption

    @property
    def all_needs(self) -> tuple[str, ...]:
        """All requirements on the experiment: `needs` first, then those of the inputs."""
        read = (INPUTS[name] for name in (*self.inputs, *self.caption_inputs))
        return tuple(dict.fromkeys([*self.needs, *(need for need in read if need)]))

    @property
    def shows(self) -> tuple[str, ...]:
        """The keys of `shown` that the figure depends on."""
        return tuple(dict.fromkeys(part for name in self.chosen.values() if (part := CHOSEN[name])))


@cache
def figures(folder: Path = FOLDER) -> dict[str, Path]:
    """Return the figures of the package: name -> file."""
    return {path.stem: path for path in sorted(folder.glob("*.py")) if _call(path) is not None}


@cache
def declared(name: str, folder: Path = FOLDER) -> Figure:
    """Read the declaration of a figure.

    Raises
    ------
    DeclarationError
        Naming the file and the key, if there is no declaration or an invalid one.
    """
    path = folder / f"{name}.py"
    call = _call(path) if path.is_file() else None
    if call is None:
        raise DeclarationError(f"figures/{path.name}: has no statement FIGURE = Figure(...)")
    known = {
        part.name: part.default is MISSING and part.default_factory is MISSING for part in fields(Figure)
    }
    values = {}
    for keyword in call.keywords:
        if keyword.arg not in known:
            raise DeclarationError(
                f"figures/{path.name}: FIGURE: unknown key {keyword.arg!r}; known keys: {', '.join(known)}"
            )
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError:
            raise DeclarationError(
                f"figures/{path.name}: FIGURE: {keyword.arg} must be a literal, not an expression"
            ) from None
    missing = [key for key, required in known.items() if required and key not in values]
    if missing or call.args:
        raise DeclarationError(
            f"figures/{path.name}: FIGURE: lacks {(missing or ['keywords for its arguments'])[0]}"
        )
    try:
        return Figure(**values)
    except DeclarationError as error:
        raise DeclarationError(f"figures/{path.name}: FIGURE: {error}") from None


@cache
def _call(path: Path) -> ast.Call | None:
    """The call in the statement `FIGURE = Figure(...)` of a file, or None."""
    if b"FIGURE" not in path.read_bytes():
        return None
    try:
        tree = python_source.parse(path)
    except SyntaxError as error:
        raise DeclarationError(f"figures/{path.name}: line {error.lineno}: {error.msg}") from None
    value = python_source.assigned(tree, "FIGURE")
    return value if isinstance(value, ast.Call) else None
