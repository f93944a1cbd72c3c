"""Config leaves before any work: strict schemas, targets that exist, arguments that fit. Nothing is imported or run."""

import ast
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from earthdim.build import PACKAGES
from earthdim.provenance import module_file


class ConfigError(ValueError):
    """A mistake in the config or on the command line, told in one sentence that names the key."""


@cache
def _validator(schema_file: Path):
    import jsonschema
    import yaml

    # The loader in C, where PyYAML has it: every job reads the schemas.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return jsonschema.Draft202012Validator(yaml.load(schema_file.read_text(), loader))


def check_schema(value: Any, schema_file: Path, key: str) -> None:
    """Hold a plain value against a JSON schema written in YAML.

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

    error = best_match(_validator(schema_file).iter_errors(value))
    if error is not None:
        where = ".".join([key, *(str(part) for part in error.absolute_path)])
        raise ConfigError(f"{where}: {error.message}")


@cache
def _definitions(module: Path) -> dict[str, ast.AST]:
    nodes = ast.parse(module.read_text()).body
    return {node.name: node for node in reversed(nodes) if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def _definition(module: Path, name: str) -> ast.AST | None:
    return _definitions(module).get(name)


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def _arguments(node: ast.AST) -> set[str] | None:
    """The keyword arguments that a definition takes, or None when the text alone does not tell."""
    if isinstance(node, ast.ClassDef):
        own = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if not own:
            fields = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            return fields if _is_dataclass(node) else None
        node = own[0]
    arguments = node.args
    if arguments.kwarg is not None:
        return None
    return {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)} - {"self"}


def _required(node: ast.FunctionDef) -> list[str]:
    """The arguments of a function that have no default."""
    arguments = node.args
    plain = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    named = [
        argument
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return [argument.arg for argument in (*plain, *named)]


def _find(path: str) -> ast.AST | None:
    """The definition of a target, found in source text: importing torch or scikit-dimension costs seconds."""
    module, _, name = path.rpartition(".")
    if path.startswith("earthdim."):
        file = module_file(module)
        return _definition(file, name) if file is not None else None
    root, *below = module.split(".")
    folder = Path(find_spec(root).origin).parent.joinpath(*below)
    found = (_definition(file, name) for file in sorted(folder.glob("*.py")))
    return next((definition for definition in found if definition is not None), None)


def check_target(
    leaf: Mapping[str, Any], key: str, beside: frozenset[str] = frozenset(), whole: bool = False
) -> None:
    """Check that a leaf's `_target_` exists and takes the leaf's other keys, reading source text only.

    Parameters
    ----------
    leaf : mapping
        A leaf with `_target_`.
    key : str
        What the leaf is called in config.
    beside : frozenset of str
        Keys that the caller keeps to itself and does not pass on.
    whole : bool
        Whether the target is a function that the leaf alone must satisfy.

    Raises
    ------
    ConfigError
        If the target is unknown, a key is none of its arguments, or one that it needs is missing.
    """
    path = leaf.get("_target_")
    if not isinstance(path, str) or not path.startswith(tuple(f"{package}." for package in PACKAGES)):
        raise ConfigError(f"{key}._target_: {path!r} is not inside one of {', '.join(PACKAGES)}")
    definition = _find(path)
    if definition is None:
        raise ConfigError(f"{key}._target_: {path!r} does not exist")
    taken = _arguments(definition)
    unknown = sorted(set(leaf) - {"_target_"} - beside - (taken if taken is not None else set(leaf)))
    if unknown:
        raise ConfigError(
            f"{key}.{unknown[0]}: {path} takes no such argument; it takes {', '.join(sorted(taken))}"
        )
    missing = [name for name in _required(definition) if name not in leaf] if whole else []
    if missing:
        raise ConfigError(f"{key}.{missing[0]}: is missing; {path} needs it")
