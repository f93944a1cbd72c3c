"""Checks of `_target_` and its arguments in config leaves, and of the values that overrides set."""

import ast
from collections.abc import Mapping
from typing import Any

from earthdim.build import PACKAGES
from earthdim.experiment.signatures import (
    WORDS,
    Argument,
    argument_of,
    arguments,
    definition,
    expected_type,
    fits_type,
    is_decorated,
)
from earthdim.experiment.validation import ConfigError, is_number, is_whole

# Checks that passed before: a grid checks the same leaf for each of its variants.
_VALID: set[tuple] = set()
# Integers up to this size are exact as floats.
_EXACT = 2**53


def check_target(leaf: Mapping[str, Any], key: str, given: frozenset[str] = frozenset()) -> None:
    """Check that a `_target_` exists and that the other keys are arguments it takes, from source text only.

    Parameters
    ----------
    leaf : mapping
        `_target_` and its arguments.
    key : str
        Name of the mapping in config.
    given : frozenset of str
        Arguments that the workflow supplies, such as the number of inputs of a network; the mapping must not set them.

    Raises
    ------
    ConfigError
        If the target is unknown or abstract, a key is not one of its arguments, a required argument is missing, or a
        value does not have the annotated type.
    """
    request = (key, repr(leaf), given)
    if request in _VALID:
        return
    path = leaf.get("_target_")
    if not isinstance(path, str) or not path.startswith(tuple(f"{package}." for package in PACKAGES)):
        raise ConfigError(f"{key}._target_: {path!r} is not inside one of {', '.join(PACKAGES)}")
    found = definition(path)
    if found is None:
        raise ConfigError(f"{key}._target_: {path!r} does not exist")
    if path.startswith("skdim.") and not isinstance(found, ast.ClassDef):
        raise ConfigError(f"{key}._target_: {path!r} is not an estimator")
    if isinstance(found, ast.ClassDef) and any(
        isinstance(item, ast.FunctionDef) and is_decorated(item, "abstractmethod") for item in found.body
    ):
        raise ConfigError(f"{key}._target_: {path!r} is an abstract base class; name one of its subclasses")
    taken = arguments(found)
    if taken is not None:
        _check_arguments(leaf, taken, key, given)
    _VALID.add(request)


def _check_arguments(
    leaf: Mapping[str, Any],
    taken: Mapping[str, Argument],
    key: str,
    given: frozenset[str],
) -> None:
    path = leaf["_target_"]
    passed = {name: value for name, value in leaf.items() if name != "_target_"}
    unknown = sorted(set(passed) - (set(taken) - given))
    if unknown and unknown[0] in given:
        raise ConfigError(f"{key}.{unknown[0]}: is supplied by the workflow; remove it")
    if unknown:
        known = f"it takes {', '.join(sorted(set(taken) - given))}" if set(taken) - given else "it takes none"
        raise ConfigError(f"{key}.{unknown[0]}: {path} takes no such argument; {known}")
    for name, argument in taken.items():
        if name not in passed:
            if argument.default is None and name not in given:
                raise ConfigError(f"{key}.{name}: is missing; {path} needs it")
        elif expected := expected_type(argument, passed[name]):
            raise ConfigError(f"{key}.{name}: {passed[name]!r} is not {expected}")


def normalised(value: Any, at: Mapping[str, Any], key: str) -> tuple[Any, str]:
    """Convert the value of an override to the form used in the leaf.

    The annotation of the target's argument decides the type; for other keys the leaf's present value does. An override
    may write an integer with a point or an exponent. Equal numbers get one form, because names and parameters are
    derived from their text.

    Parameters
    ----------
    value : object
        The new value, of plain types.
    at : mapping
        The part of the leaf that holds the key, with `_target_` if the key is an argument.
    key : str
        The key.

    Returns
    -------
    object
        The value.
    str
        Description of the expected type if the value does not have it, otherwise empty.
    """
    known = at[key]
    if isinstance(known, Mapping) and isinstance(value, Mapping):
        inside = {
            name: normalised(item, known, name) if name in known else (item, "")
            for name, item in value.items()
        }
        wrong = [f"a mapping whose {name} is {words}" for name, (_, words) in inside.items() if words]
        return {name: item for name, (item, _) in inside.items()}, next(iter(wrong), "")
    argument = argument_of(at.get("_target_"), key)
    annotation = argument.annotation if argument is not None else None
    value = _written(value, known, annotation)
    if annotation is not None:
        fits, words = fits_type(annotation, value)
        return value, "" if fits else words
    return value, "" if _is_alike(value, known, argument) else WORDS.get(
        type(known).__name__, f"a {type(known).__name__}"
    )


def _is_alike(value: Any, known: Any, argument: Argument | None) -> bool:
    """Whether a value has the type of the leaf's present value, for arguments without an annotation."""
    if known is None:
        return True
    if not is_number(known):
        return type(value) is type(known)
    if argument is None:
        return value is None or is_number(value)
    default = argument.default.value if isinstance(argument.default, ast.Constant) else None
    real = isinstance(known, float) or isinstance(default, float)
    return is_number(value) if real else is_whole(value)


def _written(value: Any, known: Any, annotation: ast.expr | None) -> Any:
    """One form for equal numbers: int where the type requires it, otherwise the form of the leaf's present value."""
    if isinstance(value, list):
        of = annotation.slice if isinstance(annotation, ast.Subscript) else None
        sample = next(iter(known), None) if isinstance(known, list) else None
        return [_written(item, sample, of) for item in value]
    if not is_number(value):
        return value
    whole = float(value).is_integer() and abs(value) <= _EXACT
    if annotation is not None and not fits_type(annotation, 0.5)[0]:
        return int(value) if whole and fits_type(annotation, int(value))[0] else value
    if isinstance(known, float):
        return float(value)
    return int(value) if whole else value
