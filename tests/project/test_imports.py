"""A job imports what it computes with: no optimiser to embed, no plotting to measure, no compiler to train.

Starting Python and importing is a large part of the cost of a run (`tests/benchmarks/starts.py`).
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"

PLANNER = {"hydra", "omegaconf", "snakemake.workflow", "snakemake.dag", "snakemake_logger_plugin_rich"}
COMPILER = {"torch._dynamo", "torch._inductor", "sympy"}
NOT_TORCH = {"torch", "sympy"}
NOT_SCIPY = {"scipy.stats", "scipy.optimize", "scipy.spatial"}
LEARNING = {"sklearn", "skdim", "joblib", "rich"}

# Imports of scripts, up to the first line of work. One process imports for all scripts of a line.
STARTS = {
    "data": (["dataset", "points", "features", "labels"], NOT_TORCH | NOT_SCIPY | LEARNING | {"numba"}),
    "encoder": (["pretrain", "embed"], COMPILER | {"scipy", "numba"} | LEARNING),
    "jacobian": (["jacobian"], COMPILER | NOT_SCIPY | LEARNING),
    "measure": (
        ["neighbours_block", "neighbours_merge", "dimension", "scale", "costly"],
        NOT_TORCH | NOT_SCIPY | LEARNING,
    ),
    "probe": (["probe"], NOT_TORCH | {"scipy.stats", "scipy.optimize"} | LEARNING),
    "tables": (
        ["resolved", "sources", "tables", "correlate"],
        NOT_TORCH | LEARNING | {"scipy", "xarray", "zarr"},
    ),
    "figure": (["figure"], NOT_TORCH | LEARNING | {"scipy", "numba", "zarr"}),
}
DRAWING = {"figure"}

# What jobs import later, in small examples of their work.
WORK = {
    "dimension": (
        "import earthdim, numpy; X = numpy.random.default_rng(0).random((80, 5));"
        "earthdim.dimension(X, X[:, :2], estimators=['mle', 'mom', 'tle', 'twonn', 'fishers', 'gride'])",
        NOT_TORCH | PLANNER | {"matplotlib"},
    ),
    "pretrain": (
        "import torch; from earthdim.pretraining import loop; from earthdim.pretraining.optimiser import AdamW;"
        "network = torch.nn.Linear(2, 2); network(torch.ones(3, 2)).sum().backward();"
        "AdamW(network, 0.1).step(0.1)",
        COMPILER | PLANNER | LEARNING | {"scipy", "matplotlib"},
    ),
    "table": (
        "import earthdim.analysis.tables",
        NOT_TORCH | PLANNER | LEARNING | {"scipy", "matplotlib", "xarray"},
    ),
}


def loaded(code: str) -> set[str]:
    """Names of the modules that a new process loads by running code."""
    code = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def imports(script: str) -> str:
    """The import statements at the top of a script, without its work."""
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, statements))


@pytest.mark.parametrize("stage", STARTS)
def test_the_imports_of_a_script_are_those_of_its_work(stage):
    scripts, without = STARTS[stage]
    without = without | PLANNER | (set() if stage in DRAWING else {"matplotlib"})
    assert without & loaded("\n".join(map(imports, scripts))) == set()


@pytest.mark.parametrize("stage", WORK)
def test_a_job_imports_no_more_than_its_work_needs(stage):
    code, without = WORK[stage]
    assert without & loaded(code) == set()


def test_every_script_that_makes_results_is_in_the_list():
    listed = {script for scripts, _ in STARTS.values() for script in scripts}
    made = {
        path.stem
        for path in SCRIPTS.glob("*.py")
        if "from earthdim.provenance import job\n" in path.read_text()
    }
    assert made == listed
