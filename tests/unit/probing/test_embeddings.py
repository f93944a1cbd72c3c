"""The probe of one store of embeddings."""

import numpy as np
import xarray as xr
from stage_stores import Log, embeddings

from earthdim.probing.embeddings import probe_embeddings
from earthdim.storage.schema import LEFT_OUT, SCORE

SPLIT = {
    "_target_": "earthdim.probing.splits.RandomFolds",
    "folds": 3,
    "inner_folds": 2,
    "smallest_class": 2,
    "seed": 0,
}
HEAD = {"_target_": "earthdim.probing.heads.ridge.Ridge", "penalties": [1.0, 0.01]}
INTERVALS = {
    "_target_": "earthdim.probing.metrics.BlockBootstrap",
    "degrees": 15,
    "draws": 50,
    "level": 0.95,
    "seed": 0,
}


def config(everywhere):
    return {
        "splits": {"random": SPLIT},
        "heads": {"ridge": HEAD},
        "intervals": INTERVALS,
        "seed": 0,
        "everywhere": everywhere,
    }


def labels(task, values, without=0):
    attributes = {"task": task, "kind": "regression", "without_label": without}
    return xr.Dataset({} if without else {"label": ("point", values)}, {"point": np.arange(300)}, attributes)


def test_scores_and_what_is_left_out_name_variant_and_points():
    store, log = embeddings(), Log("probe")
    tasks = [labels("height", store["embedding"].values[:, 2]), labels("rain", None, without=4)]
    result = probe_embeddings(store, tasks, config(everywhere=True), log.logger)
    assert list(result.rows.columns) == [*SCORE, "variant", "points"]
    assert set(result.rows["task"]) == {"height"}
    assert result.rows.query("metric == 'r2'")["value"].item() > 0.9
    assert list(result.left_out.columns) == [*LEFT_OUT, "variant", "points"]
    assert result.left_out[["what", "name", "variant", "points"]].to_numpy().tolist() == [
        ["task", "rain", "a", "land-r1"]
    ]
    (warning,) = [line for level, line in log if level == "WARNING"]
    assert "rain" in warning
    scores = [line for level, line in log if level == "INFO"]
    assert scores[:1] == [line for line in scores if line.startswith("height, random, ridge: r2 ")]


def test_an_empty_table_of_omissions_keeps_its_columns():
    store = embeddings()
    task = labels("height", store["embedding"].values[:, 2])
    result = probe_embeddings(store, [task], config(everywhere=False), Log("whole").logger)
    assert list(result.left_out.columns) == [*LEFT_OUT, "variant", "points"]
    assert not len(result.left_out)
