"""Declarations of figures: parsed without executing the file, and consistent with the arguments of `draw`."""

import inspect
import subprocess
import sys

import pytest
import yaml
from places import CONFIG, ROOT
from templates import templates

from earthdim.build import target
from earthdim.experiment import figure_jobs, queries, resolve
from earthdim.experiment.validation import ConfigError
from earthdim.figures.declaration import CHOSEN, INPUTS, NEEDS, DeclarationError, declared, figures
from earthdim.storage.schema import COLUMNS

HEAD = """from earthdim.figures.declaration import Figure

FIGURE = Figure(
    title="Mine",
    category="Dimension",
    inputs=("dimension",),
    caption="Of {{ experiment }}.",
)
"""


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    return resolve.resolve(CONFIG, "miniature", cache=tmp_path_factory.mktemp("cache"))


def written(tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    return declared("mine", tmp_path)


@pytest.mark.parametrize("name", figures())
def test_draw_accepts_exactly_the_declared_arguments(name):
    figure = declared(name)
    assert target(f"earthdim.figures.{name}.FIGURE") == figure
    passed = {*figure.inputs, *figure.optional, *figure.options, *figure.chosen}
    parameters = inspect.signature(target(f"earthdim.figures.{name}.draw")).parameters
    assert passed <= set(parameters)
    required = {key for key, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    assert required <= passed - set(figure.optional)


def test_inputs_are_tables_of_the_workflow_or_stores(default):
    tables = {name for name in INPUTS if name not in figure_jobs.STORES}
    assert tables - {"datasets"} <= set(COLUMNS)
    assert tables - {"draws", "table1"} <= set(queries.tables(default))
    for name in default.settings["figures"]:
        for path in figure_jobs.inputs(default, name).values():
            assert "{" not in str(path)


def test_options_come_from_the_experiment(default):
    options = figure_jobs.config(default, "performance")["options"]
    cell = yaml.safe_load((CONFIG / "statistics" / "default.yaml").read_text())["cell"]
    assert options == {"estimator": "fishers", "k": None, "split": "blocks", "heads": ["mlp"], "cell": cell}
    assert figure_jobs.config(default, "activation")["options"] == {
        **options, "estimator": "twonn", "k": 2, "space": "activation",
    }  # fmt: skip
    assert figure_jobs.config(default, "heads")["options"]["heads"] == {
        "linear": ["ridge", "logistic"],
        "MLP": ["mlp"],
    }
    assert set(figure_jobs._chosen(default)) == set(CHOSEN)


def test_maps_show_one_variant_per_resolution_and_curves_all_trained_variants(default):
    maps = figure_jobs.inputs(default, "local_maps")["maps"]
    assert len(maps) == len(queries.one_per_resolution(default))
    assert (
        maps[0] == "<results>/miniature/variants/satclip_l5_rgb_short_s0/land-10000-r0/local_dimension.zarr"
    )
    curves = figure_jobs.inputs(default, "loss")["curves"]
    assert len(curves) == sum(variant.kind == "trained" for variant in default.variants.values())


def test_the_text_of_a_caption_is_part_of_the_job(default):
    before = figure_jobs.config(default, "heads")["caption"]
    assert before != figure_jobs.config(default, "gap")["caption"]


def test_figures_average_over_the_cells_of_the_statistics(tmp_path_factory, default):
    cache = tmp_path_factory.mktemp("cache")
    changed = resolve.resolve(CONFIG, "miniature", ["statistics.cell=[family,resolution]"], cache)
    assert figure_jobs.config(changed, "twins")["options"]["cell"] == ["family", "resolution"]
    assert list(default.cell) == default.statistics["cell"]
    # An experiment without tasks has no correlation, but its figures have cells.
    assert resolve.resolve(CONFIG, "table1", cache=cache).cell == default.cell


def test_needs_follow_from_inputs():
    assert declared("performance").all_needs == ("tasks",)
    assert declared("activation").shows == ("split", "head")
    assert declared("loss").all_needs == ("trained variants",)
    assert declared("twins").all_needs == ("untrained twins",)
    assert declared("heads").all_needs == ("tasks",)
    assert set(NEEDS) == set(resolve.parts._made({}, {}, {}, 1))


def test_a_file_without_a_declaration_is_not_a_figure():
    assert (
        set(figures()) & {"cells", "marks", "rows", "style", "captions", "declaration", "__init__"} == set()
    )
    assert "scale" in figures()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('inputs=("dimension",)', 'inputs=("dimensions",)', "'dimensions'"),
        ('inputs=("dimension",)', 'inputs=("dimension")', "inputs: 'dimension'"),
        ('inputs=("dimension",)', "inputs=tuple(NAMES)", "inputs must be a literal"),
        ('title="Mine"', 'titel="Mine"', "'titel'"),
        ('    title="Mine",\n', "", "lacks title"),
        ('"Of {{ experiment }}."', '"mine.rst"', "mine.rst"),
        ("FIGURE", "PICTURE", "FIGURE"),
        ("title=", "title=)", "line 8"),
    ],
)
def test_an_invalid_declaration_is_reported_with_file_and_key(tmp_path, old, new, words):
    with pytest.raises(DeclarationError, match=r"figures/mine\.py") as caught:
        written(tmp_path, HEAD.replace(old, new))
    assert words in str(caught.value)


def test_an_unknown_figure_is_rejected_with_the_known_names():
    with pytest.raises(ConfigError, match=r"figures: .*'histogram'.* activation, controls, gap, "):
        resolve.resolve(CONFIG, "tiny", ["experiment.figures=[histogram]"])


def test_planning_imports_no_matplotlib():
    code = """
import sys
from pathlib import Path
from earthdim.experiment import figure_jobs, resolve
tiny = resolve.resolve(Path("config"), "tiny")
for name in tiny.settings["figures"]:
    figure_jobs.config(tiny, name), figure_jobs.inputs(tiny, name)
sys.exit("matplotlib" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def recipe() -> str:
    """The template of a figure in the documentation."""
    (found,) = (
        template.content
        for template in templates(ROOT / "docs" / "extending.md")
        if template.file == "workflow/src/earthdim/figures/spread.py"
    )
    return found


def test_the_documented_figure_is_declared_and_drawn(tmp_path):
    from figure_tables import tables

    figure = written(tmp_path, recipe())
    assert figure.inputs == ("dimension",)
    space: dict = {}
    exec(compile(recipe(), "spread.py", "exec"), space)
    drawn = space["draw"](dimension=tables(large=False).dimension)
    drawn.savefig(tmp_path / "spread.png")
    assert (tmp_path / "spread.png").stat().st_size > 1000
    assert space["FIGURE"] == figure
