"""The figure `heads` writes each coefficient of the correlation table once."""

from figure_drawing import drawn
from figure_reading import panel
from figure_tables import TASKS


def test_each_coefficient_is_written_once_and_missing_ones_are_hatched(large):
    axes = panel(drawn("heads", True), "linear head, random split")
    within = large.correlation.query("level == 'within' and split == 'random' and head != 'mlp'")
    assert len(axes.texts) == len(within) == 5 * len(TASKS)
    row = within.query("estimator == 'fishers' and task == 'country'").iloc[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    place = (list(TASKS).index("country"), names.index("FisherS"))
    (text,) = [text.get_text() for text in axes.texts if text.get_position() == place]
    assert text.rstrip("*").replace("−", "-") == f"{row['value']:.2f}".replace("0.", ".")
    assert text.endswith("*") == (row["p_adjusted"] < 0.05)
    assert not panel(drawn("heads", False), "linear head, random split").texts
