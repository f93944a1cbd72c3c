"""A figure and its caption, from files."""

from figure_tables import tables
from stage_stores import Log
from test_figures import CELL

from earthdim.figures.drawing import draw, read_inputs
from earthdim.storage.files import write_table

CONFIG = {
    "_target_": "earthdim.figures.resolution.draw",
    "options": {"cell": CELL},
    "facts": {},
}


def inputs(folder, blank=False):
    made = tables(large=False)
    dimension = made.dimension.assign(value=None, note="too few points") if blank else made.dimension
    write_table(made.variants, folder / "variants.csv")
    write_table(dimension, folder / "dimension.csv")
    return read_inputs({name: str(folder / f"{name}.csv") for name in ("variants", "dimension")})


def test_files_become_a_figure_and_its_caption(tmp_path):
    log = Log("figure")
    figure, caption = draw("resolution", "smoke", CONFIG, inputs(tmp_path), log.logger)
    assert figure.axes
    assert caption.endswith("\n")
    assert log == []


def test_nothing_to_show_is_a_figure_that_says_why_and_a_warning(tmp_path):
    log = Log("empty")
    figure, _ = draw("resolution", "smoke", CONFIG, inputs(tmp_path, blank=True), log.logger)
    assert figure.texts
    assert [level for level, _ in log] == ["WARNING"]


def test_curves_of_several_variants_are_one_table(tmp_path):
    made = tables(large=False).variants
    for name in ("a", "b"):
        write_table(made, tmp_path / f"{name}.csv")
    found = read_inputs({"curves": [tmp_path / "a.csv", tmp_path / "b.csv"]})
    assert len(found["curves"]) == 2 * len(made)
