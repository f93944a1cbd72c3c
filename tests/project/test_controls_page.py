"""The page of the experiment controls: planted truths in words and counts, and the page against its tables."""

import json

import controls as page
import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from earthdim.analysis.controls import controls_table
from earthdim.storage.schema import COLUMNS

KINDS = {"linear": ["ridge", "logistic"], "MLP": ["mlp"]}
GATE_CELL = ["family", "model", "resolution", "modality", "objective", "schedule"]
RISE = {"rgb": 0.0, "climate": 1.0, "rgb-elevation-climate": 2.0}
OBJECTIVES = ("info-nce-scale5", "regression")
FAMILIES = ("good", "bad")
MADE = {"commit": "abc1234", "processor": "a processor", "date": "2026-11-27"}


def variants(modalities):
    """Two families, three seeds; shuffled pairs with seed 0 alone."""
    rows = []
    for family in FAMILIES:
        for seed in range(3):
            twin, raw = f"{family}_untrained_s{seed}", f"{family}_raw"
            rows.append({"variant": twin, "family": family, "weights": "untrained", "seed": seed})
            for number, modality in enumerate(modalities):
                for objective in OBJECTIVES:
                    name = f"{family}_{modality}_{objective}"
                    retrieval = 0.05 if objective != "regression" else np.nan
                    about = {"family": family, "modality": modality, "objective": objective, "seed": seed,
                             "schedule": "full-seeds", "steps": 600}  # fmt: skip
                    rows.append({**about, "variant": f"{name}_s{seed}", "weights": "trained", "twin": twin, "raw": raw,
                                 "shuffled": f"{name}_shuffled_s{seed}",
                                 "best_step": 600 if seed else 50 * (number + 1),
                                 "region_top1": retrieval, "region_loss": 5.0 + (family == "bad"),
                                 "val_loss": 4.0 - (family == "bad")})  # fmt: skip
                    if seed == 0:
                        rows.append({**about, "variant": f"{name}_shuffled_s0", "weights": "shuffled",
                                     "region_top1": retrieval / 50 if family == "good" else retrieval})  # fmt: skip
        rows.append({"variant": raw, "family": family, "weights": "raw", "seed": 0})
    rows.append({"variant": "cartesian3d_raw", "family": "cartesian3d", "weights": "raw", "seed": 0})
    table = pd.DataFrame(rows).reindex(columns=COLUMNS["variants"])
    level = pd.Series("l20", table.index).where(table["family"] != "cartesian3d")
    return table.assign(model=table["family"], resolution=level, counted=str(False))


def score(row, task, head, split):
    """Trained 0.8, untrained 0.7, raw 0.6, coordinates 0.5; family bad is worse, most with MLP heads in seed 2."""
    value = {"trained": 0.8 + 0.01 * row.seed, "shuffled": 0.65, "untrained": 0.7, "raw": 0.6}[row.weights]
    value = 0.5 if row.model == "cartesian3d" else value
    if row.family == "bad" and row.weights == "trained":
        value -= 0.3 * (head == "mlp" and row.seed == 2 and split == "random")
        value -= 0.05 * (split == "blocks")
    return value + 0.1 * (task == page.TASK and row.weights == "trained" and row.modality == "climate")


def run(modalities=("rgb", "climate")):
    """Tables of an experiment: variants, probe, dimension and, by the function that makes the real one, controls."""
    known = variants(modalities)
    sets = {"temperature": "claims", "water-vapour": "selection", "cloud-water": "selection"}
    probe = pd.DataFrame(
        [
            {"variant": row.variant, "points": "p", "task": task, "split": split, "head": head, "primary": True,
             "task_set": kind, "value": score(row, task, head, split),
             "leaked": "yes" if task == page.TASK and "climate" in str(row.modality) else "no"}
            for row in known.itertuples() for task, kind in sets.items() for split in ("random", "blocks")
            for head in ("ridge", "mlp")
        ]
    )  # fmt: skip
    dimension = pd.DataFrame(
        [
            {"variant": row.variant, "space": "embedding", "estimator": estimator, "k": k,
             "value": 5 + rise(row) if (estimator, k) != ("mle", 5) else 99.0}
            for row in known.itertuples()
            for estimator, k in (("fishers", np.nan), ("mle", 20), ("mle", 5), ("twonn", 2))
        ]
    )  # fmt: skip
    retrieval = {name: {"candidates": 1024, "region_top1": 4096} for name in known["variant"]}
    gate = controls_table(known, probe, GATE_CELL, KINDS, retrieval)
    return {"variants": known, "probe": probe, "dimension": dimension, "controls": gate}


def rise(row):
    """Trained ones rise with modality; those of family good with shuffled pairs as well, by three quarters of it."""
    whole = RISE.get(row.modality, 0)
    if row.weights == "shuffled":
        return 0.75 * whole if row.family == "good" else 0.0
    return whole + 7 * (row.weights == "trained" and row.seed > 0)


@pytest.fixture(scope="module")
def made():
    found = run()
    gate = found.pop("controls")
    return gate.assign(**MADE), page.of_variants(**found).assign(**MADE)


@pytest.fixture(scope="module")
def text(made):
    return page.render(*made)


def line(text, start):
    return next(row for row in text.splitlines() if row.startswith(start))


def test_a_family_with_one_seed_below_its_twin_is_not_admitted(text):
    for objective in OBJECTIVES:
        for modality in ("rgb", "climate"):
            row = line(text, f"| {objective} | {modality} | good | bad (MLP) | none |")
            assert row.endswith("| good, bad |")
    assert "**4 of 8 cells are admitted.**" in text
    assert "good: everywhere; bad: nowhere." in " ".join(text.split())


def test_cells_that_fail_are_named_with_their_controls(text):
    assert "**4 of 8 cells pass, 4 fail.**" in text
    row = line(text, "| bad, info-nce-scale5, climate |")
    assert row.endswith("| fails | selection, MLP; shuffled |")
    assert "no, +0.010 (2/3)" in row
    assert line(text, "| good, regression, rgb |").endswith("| passes |  |")


def test_the_counts_of_every_control_add_up_to_the_cells(text):
    assert line(text, "| shuffled |") == "| shuffled | 2 | 2 | 4 |"
    assert line(text, "| selection, MLP heads |") == "| selection, MLP heads | 4 | 4 | 0 |"


def test_retrieval_is_shown_beside_the_bound(text):
    assert "Of 4 cells with retrieval, 2 stay within chance after shuffling, and 2 exceed it." in text
    assert "| 0.0500 | 0.0500 |" in line(text, "| bad, info-nce-scale5, rgb | 0.0500")


def test_climate_is_compared_with_rgb_twin_and_coordinates(text):
    assert line(text, "| random folds | linear | rgb-trained |") == (
        "| random folds | linear | rgb-trained | 4 of 4 | 12 of 12 |"
    )
    assert line(text, "| random folds | MLP | untrained twin |").endswith("| 4 of 4 | 10 of 12 |")
    assert "The check holds in all 48 comparisons of cells." in text


def test_what_remains_of_a_rise_is_that_of_the_seeds_with_shuffled_pairs(text):
    # Seeds 1 and 2, whose dimension is larger by 7, have no shuffled pairs. MLE with 5 neighbours is not shown.
    start = "| MLE, k = 20 | regression | climate |"
    row = line(text, f"{start} 1.00")
    assert row == f"{start} 1.00 | 2 of 2 | 0.38 (0.00 to 0.75) | 1 of 2 | 0.62 (0.25 to 1.00) | 2 of 2 |"
    assert "99.00" not in text
    assert line(text, "| FisherS | regression | climate | 10.67").endswith("| 0.62 (0.25 to 1.00) |")
    assert "rises in 6 of 6 rows; in 6 of these, something above zero remains" in text


def test_intervals_over_seeds_are_those_of_student(made):
    values = [0.1, 0.15, 0.09]
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    mean, low, high = page.interval([*values, np.nan])
    assert (mean, low, high) == pytest.approx((np.mean(values), expected.low, expected.high))
    assert np.isnan(page.interval([0.1])[1:]).all()
    states = pd.DataFrame(page.margins(page.trained(made[1])))
    bad = states[(states["family"] == "bad") & (states["split"] == "random") & (states["kind"] == "mlp")]
    assert set(bad["state"]) == {"zero"}
    assert set(states.loc[states["family"] == "good", "state"]) == {"above"}


def test_losses_are_ranked_over_families_within_objective_and_modality(made):
    rows = page.trained(made[1])
    # Planted: the loss on regions rises and the loss among neighbours falls from family to family, as scores fall.
    parts = [
        rows.assign(family=f"f{number}", region_loss=number, val_loss=-number,
                    selection_blocks_linear=-number, selection_blocks_mlp=-number)
        for number in range(4)
    ]  # fmt: skip
    found = pd.DataFrame(page.rankings(pd.concat(parts)))
    signs = found.groupby("loss")[["linear", "mlp"]].agg(["min", "max"])
    assert signs.loc["region_loss"].to_numpy() == pytest.approx(-1)
    assert signs.loc["val_loss"].to_numpy() == pytest.approx(1)
    assert found["n"].tolist() == [4] * 8 + [16] * 2


def test_kept_steps_are_counted(text):
    assert line(text, "| info-nce-scale5 | climate | 100 |").endswith("| 100 | 600 | 600 | 2 of 6 |")
    assert "In 8 of 24 encoders a step before the last was kept" in text


def test_no_number_is_missing_and_no_row_is_broken(text):
    assert "nan" not in text.lower().replace("dominant", "")
    heads = 0
    for above, row in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        if row.lstrip().startswith("|"):
            heads = row.count("|") if not above.lstrip().startswith("|") else heads
            assert row.count("|") == heads, row


def test_a_page_without_retrieval_climate_or_shuffled_pairs_says_so(made):
    gate, known = made
    known = known[(known["weights"] != "shuffled") & (known["modality"] != "climate")]
    gate = gate[gate["modality"] != "climate"].copy()
    gate.loc[gate["control"] == "shuffled", ["passed", "margin"]] = ["not available", np.nan]
    shown = page.render(gate, known)
    for words in ("The check could not be made.", "No cell has retrieval", "cannot be split"):
        assert words in shown


@pytest.fixture
def folder(made, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "TABLES", {name: tmp_path / f"{name}.csv" for name in page.TABLES})
    monkeypatch.setattr(page, "PAGE", tmp_path / "controls.md")
    monkeypatch.setattr(page, "IMAGE", tmp_path / "controls.png")
    return tmp_path


def test_without_table_and_page_there_is_nothing_to_check(folder):
    assert page.main(["--check"]) == 0


def test_a_page_or_table_that_changed_fails_the_check(folder, made):
    for table, path in zip(made, page.TABLES.values(), strict=True):
        table.to_csv(path, index=False)
    assert page.main(["--check"]) == 1
    assert page.main(["--write"]) == 0
    assert page.main(["--check"]) == 0
    page.PAGE.write_text(page.PAGE.read_text().replace("4 of 8", "5 of 8"))
    assert page.main(["--check"]) == 1
    page.main(["--write"])
    changed = made[1].assign(fishers=made[1]["fishers"] + 1)
    changed.to_csv(page.TABLES["controls_variants"], index=False)
    assert page.main(["--check"]) == 1


def test_tables_and_figure_are_extracted_from_a_run(folder, text):
    results = folder / "results"
    record = {
        "git": {"commit": "abc1234def"},
        "machine": {"cpu": "a processor"},
        "ended": "2026-11-27T01:00:00",
    }
    for path in ("controls/tables", "controls/figures", "records/table/controls"):
        (results / path).mkdir(parents=True)
    for name, table in run().items():
        table.to_csv(results / "controls" / "tables" / f"{name}.csv", index=False)
    (results / "records" / "table" / "controls" / "probe.json").write_text(json.dumps(record))
    (results / "controls" / "figures" / "controls.png").write_bytes(b"a picture")
    assert page.main(["--results", str(results), "--write"]) == 0
    assert page.PAGE.read_text() == text
    assert page.IMAGE.read_bytes() == b"a picture"


def test_the_page_is_that_of_the_committed_tables():
    assert page.main(["--check"]) == 0
