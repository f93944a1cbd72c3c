import ast

import pytest

from earthdim.experiment import signatures
from earthdim.experiment.targets import normalised


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        ("int | None", 1e3, "1000"),
        ("int | None", None, "None"),
        ("Optional[int]", 7.0, "7"),
        ("Union[float, None]", 7.5, "7.5"),
        ("list[int]", [1e2, 3], "[100, 3]"),
        ("Literal[1, 2]", 2.0, "2"),
        ("str", "x", "'x'"),
        ("int", 7.5, None),
        ("int", True, None),
        ("int", None, None),
        ("float", False, None),
        ("bool", 1, None),
        ("Literal[1, 2]", True, None),
        ("Literal[1, 2]", 3, None),
        ("list[int]", [1, 2.5], None),
        ("list[int]", 5, None),
        ("Optional[int]", "x", None),
    ],
)
def test_the_annotation_decides_which_override_is_accepted(monkeypatch, annotation, value, expected):
    tree = ast.parse(f"def f(x: {annotation}): pass").body[0]
    monkeypatch.setattr(signatures, "definition", lambda path: tree)
    found, words = normalised(value, {"_target_": "earthdim.f", "x": None}, "x")
    assert bool(words) == (expected is None), words
    if expected is not None:
        assert repr(found) == expected
        assert signatures.fits_type(tree.args.args[0].annotation, found)[0]
