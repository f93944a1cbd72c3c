"""The choice of recipes: the rule on planted tables, and the page against its committed table."""

import importlib.util

import pandas as pd
import pytest
from places import ROOT

TASKS = ["water-vapour", "place-density"]


@pytest.fixture(scope="module")
def recipes():
    spec = importlib.util.spec_from_file_location("docs_recipes", ROOT / "docs" / "recipes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(**models):
    """Candidates of one family and objective: model -> (score, region loss) at each of two levels."""
    rows = [
        {
            "family": "f",
            "objective": "o",
            "model": model,
            "resolution": level,
            "score": score,
            "region_loss": loss,
        }
        for model, levels in models.items()
        for level, (score, loss) in zip("ab", levels, strict=True)
    ]
    return pd.DataFrame(rows)


def chosen(found):
    return found.loc[found["chosen"], "model"].tolist()


def test_the_best_mean_score_is_chosen(recipes):
    found = recipes.choose(table(x=[(0.9, 5), (0.5, 5)], y=[(0.8, 9), (0.8, 9)]))
    assert chosen(found) == ["y"]


def test_close_scores_are_decided_by_the_loss_on_regions(recipes):
    near = recipes.choose(table(x=[(0.800, 6), (0.800, 6)], y=[(0.796, 5), (0.796, 5)]))
    far = recipes.choose(table(x=[(0.800, 6), (0.800, 6)], y=[(0.794, 5), (0.794, 5)]))
    assert chosen(near) == ["y"]
    assert chosen(far) == ["x"]


@pytest.mark.parametrize("best", [0.9, 0.5007])
def test_a_score_at_the_tolerance_itself_is_close(recipes, best):
    found = recipes.choose(table(x=[(best, 6)] * 2, y=[(round(best - 0.005, 4), 5)] * 2))
    assert chosen(found) == ["y"]


def test_every_family_and_objective_has_one_choice(recipes):
    both = pd.concat([table(x=[(0.1, 1)] * 2), table(x=[(0.9, 1)] * 2).assign(objective="p")])
    assert recipes.choose(both)["chosen"].tolist() == [True, True]


def probe(values):
    rows = [
        {"variant": variant, "task": task, "split": split, "head": head, "primary": True, "task_set": "selection",
         "value": value}
        for variant, value in values.items() for task in TASKS for split in ("random", "blocks")
        for head in ("ridge", "mlp")
    ]  # fmt: skip
    claims = [{**row, "task_set": "claims", "value": 0.0} for row in rows]
    return pd.DataFrame(rows + claims)


def test_candidates_stand_beside_their_twin_and_raw_encoding(recipes):
    variants = pd.DataFrame(
        [
            {"variant": name, "family": "f", "model": model, "resolution": "l10", "weights": weights,
             "objective": "o", "region_loss": 5.0, "region_top1": 0.1, "val_loss": 2.0, "best_step": 50,
             "logit_scale": 14.0}
            for name, model, weights in [
                ("t", "m-slow", "trained"), ("u", "m-fast", "untrained"), ("r", "m-fast", "raw"),
                ("v", "n", "untrained"),
            ]
        ]
    )  # fmt: skip
    row = recipes.candidates(variants, probe({"t": 0.8, "u": 0.7, "r": 0.6, "v": 0.1})).iloc[0]
    assert (row["score"], row["twin_random_mlp"], row["raw_blocks_linear"]) == pytest.approx((0.8, 0.7, 0.6))


def test_a_variant_without_a_task_is_an_error(recipes):
    rows = probe({"t": 0.8, "u": 0.7})
    lacking = rows[~((rows["variant"] == "t") & (rows["task"] == TASKS[0]))]
    with pytest.raises(ValueError, match="lack"):
        recipes.scores(lacking)


def test_a_candidate_without_a_counterpart_is_an_error(recipes):
    rows = [("t", "m", "trained"), ("u", "m", "untrained")]
    about = {"family": "f", "resolution": "l10", "objective": "o", "region_loss": 5.0, "region_top1": 0.1,
             "val_loss": 2.0, "best_step": 50, "logit_scale": 14.0}  # fmt: skip
    variants = pd.DataFrame([{**about, "variant": v, "model": m, "weights": w} for v, m, w in rows])
    with pytest.raises(ValueError, match="t has no raw counterpart"):
        recipes.candidates(variants, probe({"t": 0.8, "u": 0.7}))


def test_a_candidate_without_a_level_is_an_error(recipes):
    whole = table(x=[(0.9, 5), (0.5, 5)], y=[(0.8, 9), (0.8, 9)])
    with pytest.raises(ValueError, match="levels"):
        recipes.choose(whole.iloc[:-1])


def test_the_page_is_that_of_the_committed_table(recipes):
    assert recipes.main(["--check"]) == 0
