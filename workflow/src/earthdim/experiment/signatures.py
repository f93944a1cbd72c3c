"""Arguments of targets and their types, read from source text. Nothing is imported or run."""

import ast
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from earthdim.build import PACKAGES
from earthdim.experiment.code import module_file
from earthdim.experiment.validation import is_number, is_whole
from earthdim.storage import python_source

WORDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}


class Argument(NamedTuple):
    """An argument of a target: its annotation and its default, as syntax trees."""

    annotation: ast.expr | None
    default: ast.expr | None


def argument_names(path: str) -> set[str]:
    """Names of the arguments of a target; empty if its source text does not state them."""
    found = definition(path)
    return set(arguments(found) or ()) if found is not None else set()


def is_decorated(node: ast.ClassDef | ast.FunctionDef, name: str) -> bool:
    """Whether a class or function has a decorator whose text contains a name."""
    return any(name in ast.unparse(decorator) for decorator in node.decorator_list)


def arguments(node: ast.AST) -> dict[str, Argument] | None:
    """Return the keyword arguments of a class or function, or None if its source text does not state them."""
    if isinstance(node, ast.ClassDef):
        inits = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if not inits:
            fields = (item for item in node.body if isinstance(item, ast.AnnAssign))
            named = {field.target.id: Argument(field.annotation, field.value) for field in fields}
            return named if is_decorated(node, "dataclass") else None
        node = inits[0]
    signature = node.args
    if signature.kwarg is not None:
        return None
    missing = len(signature.args) - len(signature.defaults)
    pairs = [
        *zip(signature.args, [None] * missing + signature.defaults, strict=True),
        *zip(signature.kwonlyargs, signature.kw_defaults, strict=True),
    ]
    return {
        argument.arg: Argument(argument.annotation, default)
        for argument, default in pairs
        if argument.arg != "self"
    }


def definition(path: str) -> ast.ClassDef | ast.FunctionDef | None:
    """Find the class or function at a dotted path in source text; importing torch would take seconds."""
    module, _, name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")):
        return None
    if path.startswith("earthdim."):
        file = module_file(module)
        return python_source.definition(file, name) if file is not None else None
    root, *below = module.split(".")
    folder = Path(find_spec(root).origin).parent.joinpath(*below)
    nodes = (python_source.definition(file, name) for file in sorted(folder.glob("*.py")))
    return next((node for node in nodes if node is not None), None)


def argument_of(path: Any, key: str) -> Argument | None:
    """Return one argument of a target; None if the target is unknown or does not state such an argument."""
    known = isinstance(path, str) and path.startswith(tuple(f"{package}." for package in PACKAGES))
    found = definition(path) if known else None
    return (arguments(found) or {}).get(key) if found is not None else None


def expected_type(argument: Argument, value: Any) -> str:
    """Describe the type that an argument requires if a value does not have it; empty if it fits or is unknown."""
    if argument.annotation is not None:
        fits, words = fits_type(argument.annotation, value)
    elif isinstance(argument.default, ast.Constant) and argument.default.value is not None:
        # scikit-dimension has no annotations; a default distinguishes numbers, text and switches.
        kind = {bool: "bool", str: "str"}.get(type(argument.default.value), "float")
        fits, words = fits_type(ast.Name(kind), value)
    else:
        return ""
    return "" if fits else words


def fits_type(annotation: ast.expr, value: Any) -> tuple[bool, str]:
    """Whether a value has an annotated type, and the type in words; types that are not plain accept any value."""
    match annotation:
        case ast.Name(id="int"):
            return is_whole(value), WORDS["int"]
        case ast.Name(id="float"):
            return is_number(value) and math.isfinite(value), WORDS["float"]
        case ast.Name(id="str" | "bool" as name):
            return isinstance(value, {"str": str, "bool": bool}[name]), WORDS[name]
        case ast.Constant(value=None):
            return value is None, "null"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _fits_any([left, right], value)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=options):
            known = [item.value for item in getattr(options, "elts", [options])]
            # True equals 1 in Python and must not pass for it.
            fits = any(type(value) is type(item) and value == item for item in known)
            return fits, f"one of {', '.join(map(str, known))}"
        case ast.Subscript(value=ast.Name(id="Optional"), slice=of):
            return _fits_any([of, ast.Constant(None)], value)
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=sides)):
            return _fits_any(sides, value)
        case ast.Subscript(value=ast.Name(id="list" | "Sequence"), slice=of):
            fits = isinstance(value, list | tuple) and all(fits_type(of, item)[0] for item in value)
            words = fits_type(of, None)[1]
            return fits, f"a list{f', each {words}' if words else ''}"
    return True, ""


def _fits_any(sides: list[ast.expr], value: Any) -> tuple[bool, str]:
    """`fits_type` for a union."""
    results = [fits_type(side, value) for side in sides]
    return any(fits for fits, _ in results), " or ".join(words for _, words in results)
