"""Config leaves before any work: strict schemas, targets that exist, arguments that fit. Nothing is imported or run."""

import ast
import math
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from earthdim.build import PACKAGES
from earthdim.experiment.code import module_file

SCHEMAS = Path(__file__).parents[3] / "schemas"
# What callers add to a leaf: a network's inputs, a region's data set, what every sampler takes.
GIVEN = frozenset({"inputs", "dataset", "rng", "is_land"})
# What was found right already: a grid asks the same of a leaf for each of its variants.
_SOUND: set[tuple] = set()
# Whole numbers up to here have a float of their own.
_EXACT = 2**53
_WORDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}


class ConfigError(ValueError):
    """A mistake in the config or on the command line, told in one sentence that names the key."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(checker: Any, value: Any) -> bool:
    # 1.0 is no 1: the two would stand in names and records as two values of one meaning.
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(validator: Any, pattern: str, value: Any, schema: Mapping[str, Any]):
    import re

    from jsonschema import ValidationError

    # In Python `$` also stands before a line's end, which is no part of a name.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        expected = schema.get("expected")
        yield ValidationError(
            f"{value!r} is not {expected}" if expected else f"{value!r} does not match {pattern!r}"
        )


def plain_loader() -> type:
    """A YAML loader of plain values that builds no objects, the fast one where it is there."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _validator(schema_file: Path):
    import jsonschema
    import yaml

    plain = jsonschema.Draft202012Validator
    strict = jsonschema.validators.extend(
        plain, {"pattern": _pattern}, type_checker=plain.TYPE_CHECKER.redefine("integer", _is_whole)
    )
    return strict(yaml.load(schema_file.read_text(), plain_loader()))


def check_plain(value: Any, key: str) -> None:
    """Refuse what no leaf may hold anywhere: keys that are no text, numbers that are not finite, dates, bytes.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ConfigError(f"{key}: the key {name!r} is not text; write it in quotes")
            check_plain(item, f"{key}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            check_plain(item, f"{key}.{number}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{key}: {value} is not a finite number")
    elif not isinstance(value, str | int | float | None):
        raise ConfigError(f"{key}: {value!r} is neither text nor a number")


def check_schema(value: Any, schema_file: Path, key: str) -> None:
    """Hold a plain value against a JSON schema written in YAML.

    Whole numbers are those without a point, and the keyword `expected` says in words what a `pattern` is for.

    Parameters
    ----------
    value : object
        Plain types only.
    schema_file : path
        Its schema.
    key : str
        What the value is called in config; errors name the key below it.

    Raises
    ------
    ConfigError
        For the first mistake, with its key and value.
    """
    from jsonschema.exceptions import best_match

    asked = (schema_file, key, repr(value))
    if asked in _SOUND:
        return
    check_plain(value, key)
    error = best_match(_validator(schema_file).iter_errors(value))
    if error is not None:
        where = ".".join([key, *(str(part) for part in error.absolute_path)])
        either = error.schema.get("expected") if error.validator == "anyOf" else None
        message = f"{error.instance!r} is not {either}" if either else error.message
        raise ConfigError(f"{where}: {message}")
    _SOUND.add(asked)


@cache
def _definitions(module: Path) -> dict[str, ast.AST]:
    nodes = ast.parse(module.read_text()).body
    return {node.name: node for node in reversed(nodes) if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def _definition(module: Path, name: str) -> ast.AST | None:
    return _definitions(module).get(name)


class _Argument(NamedTuple):
    """An argument of a target: what its text says of its type, and its default."""

    annotation: ast.expr | None
    default: ast.expr | None


def arguments(path: str) -> set[str]:
    """Names of the arguments that a target takes, as far as its text tells."""
    found = definition(path)
    return set(_arguments(found) or ()) if found is not None else set()


def _is_decorated(node: ast.ClassDef | ast.FunctionDef, name: str) -> bool:
    return any(name in ast.unparse(decorator) for decorator in node.decorator_list)


def _arguments(node: ast.AST) -> dict[str, _Argument] | None:
    """The keyword arguments that a definition takes, or None when the text alone does not tell."""
    if isinstance(node, ast.ClassDef):
        own = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if not own:
            fields = (item for item in node.body if isinstance(item, ast.AnnAssign))
            named = {field.target.id: _Argument(field.annotation, field.value) for field in fields}
            return named if _is_decorated(node, "dataclass") else None
        node = own[0]
    arguments = node.args
    if arguments.kwarg is not None:
        return None
    missing = len(arguments.args) - len(arguments.defaults)
    pairs = [
        *zip(arguments.args, [None] * missing + arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return {
        argument.arg: _Argument(argument.annotation, default)
        for argument, default in pairs
        if argument.arg != "self"
    }


def definition(path: str) -> ast.AST | None:
    """The class or function that a target names, found in source text: an import of torch costs seconds."""
    module, _, name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")):
        return None
    if path.startswith("earthdim."):
        file = module_file(module)
        return _definition(file, name) if file is not None else None
    root, *below = module.split(".")
    folder = Path(find_spec(root).origin).parent.joinpath(*below)
    nodes = (_definition(file, name) for file in sorted(folder.glob("*.py")))
    return next((node for node in nodes if node is not None), None)


def _expected(argument: _Argument, value: Any) -> str:
    """What an argument must be, in words, if the value is not; empty if it fits or the text does not tell."""
    if argument.annotation is not None:
        fits, words = _fits(argument.annotation, value)
    elif isinstance(argument.default, ast.Constant) and argument.default.value is not None:
        # scikit-dimension annotates nothing; a default tells numbers, text and switches apart.
        kind = {bool: "bool", str: "str"}.get(type(argument.default.value), "float")
        fits, words = _fits(ast.Name(kind), value)
    else:
        return ""
    return "" if fits else words


def _fits(annotation: ast.expr, value: Any) -> tuple[bool, str]:
    """Whether a value is of an annotated type, and the type in words; what is not plain fits."""
    match annotation:
        case ast.Name(id="int"):
            return _is_whole(None, value), _WORDS["int"]
        case ast.Name(id="float"):
            return _is_number(value) and math.isfinite(value), _WORDS["float"]
        case ast.Name(id="str" | "bool" as name):
            return isinstance(value, {"str": str, "bool": bool}[name]), _WORDS[name]
        case ast.Constant(value=None):
            return value is None, "null"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            tried = [_fits(side, value) for side in (left, right)]
            return any(fits for fits, _ in tried), " or ".join(words for _, words in tried)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            known = [item.value for item in getattr(choices, "elts", [choices])]
            # True is equal to 1, and is no 1.
            fits = any(type(value) is type(item) and value == item for item in known)
            return fits, f"one of {', '.join(map(str, known))}"
        case ast.Subscript(value=ast.Name(id="Optional"), slice=of):
            return _fits(ast.BinOp(of, ast.BitOr(), ast.Constant(None)), value)
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=sides)):
            tried = [_fits(side, value) for side in sides]
            return any(fits for fits, _ in tried), " or ".join(words for _, words in tried)
        case ast.Subscript(value=ast.Name(id="list" | "Sequence"), slice=of):
            tried = [_fits(of, item) for item in value] if isinstance(value, list | tuple) else [(False, "")]
            words = _fits(of, None)[1]
            return all(fits for fits, _ in tried), f"a list{f', each {words}' if words else ''}"
    return True, ""


def settled(value: Any, at: Mapping[str, Any], key: str) -> tuple[Any, str]:
    """A value that is to replace another in a leaf, in the one form in which its meaning is written there.

    What its target's text says of an argument decides; of what is no argument the leaf's own value does, and whether a
    number must be whole the schema. A whole number may be written with a point or a power of ten. Numbers of one
    meaning become one value, as names and parameters are made of their text.

    Parameters
    ----------
    value : object
        The new value, of plain types.
    at : mapping
        The part of the leaf around it, with `_target_` where that is an argument.
    key : str
        Its key there.

    Returns
    -------
    object
        The value.
    str
        What it should be, in words, where it is not; else empty.
    """
    known = at[key]
    if isinstance(known, Mapping) and isinstance(value, Mapping):
        inside = {
            name: settled(item, known, name) if name in known else (item, "") for name, item in value.items()
        }
        wrong = [f"a mapping whose {name} is {words}" for name, (_, words) in inside.items() if words]
        return {name: item for name, (item, _) in inside.items()}, next(iter(wrong), "")
    argument = _argument_of(at.get("_target_"), key)
    annotation = argument.annotation if argument is not None else None
    value = _written(value, known, annotation)
    if annotation is not None:
        fits, words = _fits(annotation, value)
        return value, "" if fits else words
    return value, "" if _is_alike(value, known, argument) else _WORDS.get(type(known).__name__, "of its sort")


def _argument_of(path: Any, key: str) -> _Argument | None:
    """What a target's text says of one of its arguments; None where it has none such."""
    known = isinstance(path, str) and path.startswith(tuple(f"{package}." for package in PACKAGES))
    found = definition(path) if known else None
    return (_arguments(found) or {}).get(key) if found is not None else None


def _is_alike(value: Any, known: Any, argument: _Argument | None) -> bool:
    """Whether a value is of the sort of its leaf's, where no annotation tells."""
    if known is None:
        return True
    if not _is_number(known):
        return type(value) is type(known)
    if argument is None:
        return value is None or _is_number(value)
    default = argument.default.value if isinstance(argument.default, ast.Constant) else None
    broken = isinstance(known, float) or isinstance(default, float)
    return _is_number(value) if broken else _is_whole(None, value)


def _written(value: Any, known: Any, annotation: ast.expr | None) -> Any:
    """The form in which numbers of one meaning are written: as the leaf writes its own, whole where only that fits."""
    if isinstance(value, list):
        of = annotation.slice if isinstance(annotation, ast.Subscript) else None
        sample = next(iter(known), None) if isinstance(known, list) else None
        return [_written(item, sample, of) for item in value]
    if not _is_number(value):
        return value
    whole = float(value).is_integer() and abs(value) <= _EXACT
    if annotation is not None and not _fits(annotation, 0.5)[0]:
        return int(value) if whole and _fits(annotation, int(value))[0] else value
    if isinstance(known, float):
        return float(value)
    return int(value) if whole else value


def check_target(
    leaf: Mapping[str, Any], key: str, beside: frozenset[str] = frozenset(), whole: bool = False
) -> None:
    """Check that a leaf's `_target_` exists and that its other keys are the arguments it takes, from source text only.

    Parameters
    ----------
    leaf : mapping
        A leaf with `_target_`.
    key : str
        What the leaf is called in config.
    beside : frozenset of str
        Keys that the caller keeps to itself and does not pass on.
    whole : bool
        Whether the caller adds nothing of its own, none of `GIVEN`.

    Raises
    ------
    ConfigError
        If the target is unknown or abstract, a key is none of its arguments, one that it needs is missing, or one is of
        another type than it says.
    """
    asked = (key, repr(leaf), beside, whole)
    if asked in _SOUND:
        return
    path = leaf.get("_target_")
    if not isinstance(path, str) or not path.startswith(tuple(f"{package}." for package in PACKAGES)):
        raise ConfigError(f"{key}._target_: {path!r} is not inside one of {', '.join(PACKAGES)}")
    found = definition(path)
    if found is None:
        raise ConfigError(f"{key}._target_: {path!r} does not exist")
    if path.startswith("skdim.") and not isinstance(found, ast.ClassDef):
        raise ConfigError(f"{key}._target_: {path!r} is no estimator")
    if isinstance(found, ast.ClassDef) and any(
        isinstance(item, ast.FunctionDef) and _is_decorated(item, "abstractmethod") for item in found.body
    ):
        raise ConfigError(f"{key}._target_: {path!r} is only the pattern of others; name one of them")
    taken = _arguments(found)
    if taken is not None:
        _check_arguments(leaf, taken, key, beside, frozenset() if whole else GIVEN)
    _SOUND.add(asked)


def _check_arguments(
    leaf: Mapping[str, Any],
    taken: Mapping[str, _Argument],
    key: str,
    beside: frozenset[str],
    given: frozenset[str],
) -> None:
    path = leaf["_target_"]
    passed = {name: value for name, value in leaf.items() if name != "_target_"}
    unknown = sorted(set(passed) - beside - set(taken))
    if unknown:
        takes = f"it takes {', '.join(sorted(taken))}" if taken else "it takes none"
        raise ConfigError(f"{key}.{unknown[0]}: {path} takes no such argument; {takes}")
    for name, argument in taken.items():
        if name not in passed:
            if argument.default is None and name not in given:
                raise ConfigError(f"{key}.{name}: is missing; {path} needs it")
        elif expected := _expected(argument, passed[name]):
            raise ConfigError(f"{key}.{name}: {passed[name]!r} is not {expected}")
