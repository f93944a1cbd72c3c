"""Facts read from the source text of Python modules, without importing them.

Importing a module runs it, and importing torch or matplotlib takes seconds. The planner therefore parses source text:
for digests of code, the arguments of targets, the declarations of figures and the modules behind a user's encoder.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path


def parse(path: Path) -> ast.Module:
    """Parse a module.

    The file is read as bytes, so that an encoding declared in its first lines is respected.

    Raises
    ------
    SyntaxError
        If the file is not valid Python; the error carries the file name and the line.
    """
    return ast.parse(path.read_bytes(), filename=str(path))


def imported_names(tree: ast.AST, package: str | None = None) -> list[str]:
    """List the dotted names that a module imports anywhere in its text.

    ``from a import b`` yields both ``a`` and ``a.b``, because `b` may be a module or an attribute.

    Parameters
    ----------
    tree : ast.AST
        The parsed module.
    package : str, optional
        Package against which relative imports are resolved; without it they are skipped.
    """
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (package is not None or node.level == 0):
            base = _base(node, package or "")
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if all(name.split("."))]


def _base(node: ast.ImportFrom, package: str) -> str:
    """Absolute name of the module that a `from` statement imports from."""
    parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    return ".".join([*parents, *([node.module] if node.module else [])])


@cache
def _definitions(path: Path) -> dict[str, ast.ClassDef | ast.FunctionDef]:
    nodes = parse(path).body
    return {node.name: node for node in reversed(nodes) if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def definition(path: Path, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    """Return the first class or function of that name at the top level of a file; None if there is none.

    The result is cached for the life of the process.
    """
    return _definitions(path).get(name)


def bound_names(tree: ast.AST) -> set[str]:
    """Collect the names that a module binds anywhere: by assignment, definition or import (`*` for a star import)."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


def assigned(node: ast.Module | ast.ClassDef, name: str) -> ast.expr | None:
    """Return the expression assigned to a name in the body of a module or class; None if there is none."""
    for item in node.body:
        targets = [item.target] if isinstance(item, ast.AnnAssign) else getattr(item, "targets", [])
        if [target.id for target in targets if isinstance(target, ast.Name)] == [name]:
            return item.value
    return None


def code_digest(tree: ast.Module) -> str:
    """SHA-256 of a module's syntax tree without docstrings, comments and positions, in hexadecimal.

    The tree is changed in place: its docstrings are removed.
    """
    return hashlib.sha256(ast.dump(without_docstrings(tree), include_attributes=False).encode()).hexdigest()


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Remove the docstrings of a module, its classes and its functions, in place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
