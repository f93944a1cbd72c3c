"""Validation of plain config values against JSON schemas. Nothing is imported or run."""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[3] / "schemas"
# Values that passed before: a grid validates the same leaf for each of its variants.
_VALID: set[tuple] = set()


class ConfigError(ValueError):
    """A mistake in the config or on the command line. The message is one line that begins with the key or file."""


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; a bool is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a value is an int. 1.0 is rejected: names and records would hold two spellings of one number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(validator: Any, pattern: str, value: Any, schema: Mapping[str, Any]):
    import re

    from jsonschema import ValidationError

    # In Python `$` also matches before a trailing newline, which no name may contain.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        expected = schema.get("expected")
        yield ValidationError(
            f"{value!r} is not {expected}" if expected else f"{value!r} does not match {pattern!r}"
        )


def plain_loader() -> type:
    """Return a YAML loader that builds plain values only; the C implementation where it is installed."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _validator(schema_file: Path):
    import jsonschema
    import yaml

    plain = jsonschema.Draft202012Validator
    checker = plain.TYPE_CHECKER.redefine("integer", lambda _, value: is_whole(value))
    strict = jsonschema.validators.extend(plain, {"pattern": _pattern}, type_checker=checker)
    return strict(yaml.load(schema_file.read_text(), plain_loader()))


def schema_keys(schema_file: Path) -> list[str]:
    """Keys that a schema describes at its top level."""
    return list(_validator(schema_file).schema["properties"])


def check_plain(value: Any, key: str) -> None:
    """Reject values that no leaf may hold: keys that are not text, numbers that are not finite, dates, bytes.

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
    """Validate a plain value against a JSON schema written in YAML.

    Two rules go beyond JSON Schema: an integer is written without a decimal point, and the keyword `expected` describes
    in words what a `pattern` or an `anyOf` accepts.

    Parameters
    ----------
    value : object
        Plain types only.
    schema_file : path
        The schema.
    key : str
        Name of the value in config; errors append the key below it.

    Raises
    ------
    ConfigError
        For the first mistake, with its key and value.
    """
    from jsonschema.exceptions import best_match

    request = (schema_file, key, repr(value))
    if request in _VALID:
        return
    check_plain(value, key)
    error = best_match(_validator(schema_file).iter_errors(value))
    if error is not None:
        where = ".".join([key, *(str(part) for part in error.absolute_path)])
        either = error.schema.get("expected") if error.validator == "anyOf" else None
        message = f"{error.instance!r} is not {either}" if either else error.message
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            unknown = next(name for name in error.instance if name not in known)
            below = "; arguments of the target belong below build:" if "build" in known else ""
            where, message = f"{where}.{unknown}", f"unknown key; there are {', '.join(known)}{below}"
        raise ConfigError(f"{where}: {message}")
    _VALID.add(request)
