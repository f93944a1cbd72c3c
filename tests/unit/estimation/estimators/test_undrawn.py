"""scikit-dimension is imported without Matplotlib, and can draw nevertheless."""

import subprocess
import sys

import pytest

IMPORT = "import sys, earthdim.estimation.estimators, skdim.id"


def printed(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_import_leaves_no_matplotlib_behind():
    assert (
        printed(f"{IMPORT}; print('matplotlib' in sys.modules, skdim.id.MLE.__module__)")
        == "False skdim.id._MLE"
    )


@pytest.mark.parametrize("first", ["", "import matplotlib.pyplot; "])
def test_drawing_functions_use_the_real_one(first):
    code = (
        f"{first}{IMPORT}; plt = sys.modules['skdim.id._FisherS'].plt; figure = plt.figure;"
        "import matplotlib.pyplot; print(figure is matplotlib.pyplot.figure)"
    )
    assert printed(code) == "True"
