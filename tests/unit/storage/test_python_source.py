import ast
from textwrap import dedent

import pytest

from earthdim.storage import python_source


def tree(text):
    return ast.parse(dedent(text))


def test_imports_are_found_inside_functions_too():
    text = """
        import a.b as c
        from d import e, f
        def g():
            from h.i import j
    """
    names = python_source.imported_names(tree(text))
    assert set(names) == {"a.b", "d", "d.e", "d.f", "h.i", "h.i.j"}


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("from . import x", ["p.q", "p.q.x"]),
        ("from .m import x", ["p.q.m", "p.q.m.x"]),
        ("from ..m import x", ["p.m", "p.m.x"]),
        ("from m import *", ["m", "m.*"]),
    ],
)
def test_relative_imports_are_resolved_against_the_package(statement, names):
    assert python_source.imported_names(tree(statement), "p.q") == names


def test_relative_imports_are_skipped_without_a_package():
    assert python_source.imported_names(tree("from . import x\nfrom .m import y\nimport z")) == ["z"]


def test_an_import_beyond_the_top_package_names_nothing_empty():
    assert all(all(name.split(".")) for name in python_source.imported_names(tree("from ... import x"), "p"))


def test_the_first_definition_of_a_name_is_returned(tmp_path):
    path = tmp_path / "m.py"
    path.write_text("class A: pass\ndef f(x): pass\ndef f(y): pass\nif True:\n    def g(): pass\n")
    assert isinstance(python_source.definition(path, "A"), ast.ClassDef)
    assert python_source.definition(path, "f").args.args[0].arg == "x"
    assert python_source.definition(path, "g") is None


def test_bound_names_are_assignments_definitions_and_imports():
    text = """
        import a.b
        from c import d as e
        from f import *
        x = y
        class G:
            def h(self): pass
        async def i(): pass
    """
    assert python_source.bound_names(tree(text)) == {"a", "e", "*", "x", "G", "h", "i"}


def test_an_assignment_is_found_with_and_without_annotation():
    body = tree("A = 1\nB: int = 2\nC = D = 3\nif True:\n    E = 4\n")
    found = {name: python_source.assigned(body, name) for name in "ABCE"}
    assert ast.literal_eval(found["A"]) == 1
    assert ast.literal_eval(found["B"]) == 2
    assert found["C"] is None
    assert found["E"] is None


def test_the_digest_depends_on_code_only():
    code = '"""Doc."""\ndef f():\n    """Doc."""\n    return 1  # why\n'
    digest = python_source.code_digest(tree(code))
    assert python_source.code_digest(tree("def f():\n\n    return 1\n")) == digest
    assert python_source.code_digest(tree("def f():\n    return 2\n")) != digest


def test_a_body_that_is_only_a_docstring_stays_valid():
    compile(ast.unparse(python_source.without_docstrings(tree('def f():\n    """Doc."""\n'))), "f", "exec")


def test_the_declared_encoding_is_respected_and_errors_name_the_line(tmp_path):
    path = tmp_path / "m.py"
    path.write_bytes("# coding: latin-1\nx = 'é'\n".encode("latin-1"))
    assert ast.literal_eval(python_source.assigned(python_source.parse(path), "x")) == "é"
    path.write_text("x = 1\ny = (\n")
    with pytest.raises(SyntaxError) as caught:
        python_source.parse(path)
    assert caught.value.filename == str(path)
    assert caught.value.lineno == 2
