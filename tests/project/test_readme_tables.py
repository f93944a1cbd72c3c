"""README and the results page show what docs/results contains, and docs/tables.py extracts the right numbers."""

import importlib.util
import re
import sys

import numpy as np
import pandas as pd
import pytest
from figure_tables import tables as made_tables
from places import ROOT
from scipy.stats import spearmanr


@pytest.fixture(scope="module")
def docs():
    spec = importlib.util.spec_from_file_location("docs_tables", ROOT / "docs" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_readme_and_results_page_equal_the_rendered_templates(docs):
    for path, text in docs.texts().items():
        assert path.read_text(encoding="utf-8") == text, path.name
    assert docs.main(["--check"]) == 0


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_an_edited_number_fails_the_check(docs, monkeypatch, tmp_path, name):
    for file in ("README.md", "docs/results.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "docs" / "templates").symlink_to(ROOT / "docs" / "templates")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    assert docs.main(["--check"]) == 0
    text = (tmp_path / name).read_text(encoding="utf-8")
    shown = text.partition(docs.BEGIN)[2] or text
    number = re.search(r"\d\.\d\d", shown).group()
    (tmp_path / name).write_text(text.replace(shown, shown.replace(number, "9.99")), encoding="utf-8")
    assert docs.main(["--check"]) == 1


def test_every_extract_states_its_origin():
    for path in (ROOT / "docs" / "results").glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.stem in ("recipes", "controls", "controls_variants"):
            assert (table[["commit", "processor", "date"]] != "").all(axis=None)
            continue
        assert table.columns.tolist() == ["key", "value", "source"]
        assert not table["key"].duplicated().any()
        assert (table["source"] != "").all()


def some_cells(rho, rng):
    rows = []
    for family, size in (("a", 8), ("b", 5), ("c", 5)):
        for number in range(size):
            dimension = rng.normal()
            for task in ("x", "y", "z"):
                score = rho * dimension + np.sqrt(1 - rho**2) * rng.normal()
                leaked = task == "x" and family == "a" and number < 2
                rows.append(
                    [family, family, f"r{number}", "rgb", "", "short", task, dimension, score, leaked]
                )
    columns = [
        "family",
        "model",
        "resolution",
        "modality",
        "objective",
        "schedule",
        "task",
        "dimension",
        "performance",
        "leaked",
    ]
    return pd.DataFrame(rows, columns=columns)


def test_the_joint_test_is_the_mean_over_tasks_of_coefficients_within_families(docs):
    table = some_cells(-0.5, np.random.default_rng(5))
    z = [
        np.mean([
            np.arctanh(spearmanr(part["dimension"], part["performance"]).statistic)
            for _, part in of_task[~of_task["leaked"]].groupby("family")
        ])
        for _, of_task in table.groupby("task")
    ]  # fmt: skip
    value, p = docs.joint(table, 499, 0)
    assert value == pytest.approx(np.tanh(np.mean(z)))
    assert 1 / 500 <= p <= 1


def test_the_joint_test_keeps_its_level(docs):
    rng = np.random.default_rng(1)
    p = [docs.joint(some_cells(0.0, rng), 39, 0)[1] for _ in range(60)]
    assert np.mean(np.array(p) <= 0.1) < 0.25
    assert docs.joint(some_cells(0.95, rng), 199, 0)[1] == 1 / 200


def test_power_rises_with_the_coefficient_and_is_the_level_without_one(docs):
    found = [docs.power(rho, 0.05, trials=300, draws=399) for rho in (0.0, 0.9)]
    assert 0.01 < found[0] < 0.1
    assert found[1] > 0.85


def test_extracts_equal_the_tables(docs):
    of = made_tables(large=True)
    tables = {name: getattr(of, name) for name in ("variants", "dimension", "probe", "correlation", "scale")}
    found = dict(docs.dimensions(tables))
    mine = of.dimension.query("estimator == 'fishers' and resolution == 'l10' and modality == 'rgb'")["value"]
    assert found["id/fishers/satclip/l10/rgb/mean"] == pytest.approx(mine.mean())
    assert (found["n"], found["radius/k20"], found["wavelength/satclip/l10"]) == (10000, 316.0, 4448.0)
    assert "id/mle-k20/geoclip//released/mean" in found
    rho = dict(docs.correlations(tables))
    (row,) = of.correlation.query(
        "estimator == 'fishers' and task == 'country' and head == 'mlp' and split == 'blocks' and level == 'within'"
    ).itertuples()
    assert rho["rho/fishers/country/MLP/blocks"] == row.value
    assert rho["rho/fishers/country/MLP/blocks/significant"] == (row.p_adjusted < 0.05)
    scores = dict(docs.gaps(tables))
    assert set(scores) == {
        f"score/{task}/{split}" for task in set(of.probe["task"]) for split in ("random", "blocks")
    }
    assert dict(docs.scales(tables))["scale/satclip/land/500/mle-k20/radius"] > 0


def test_the_joint_test_has_the_cells_of_the_correlation(docs):
    of = made_tables(large=True)
    tables = {name: getattr(of, name) for name in ("variants", "dimension", "probe", "controls")}
    whole, kept = (
        docs.joint_cells({**tables, "left_out": pd.DataFrame({"what": what}, dtype=object)})
        for what in ([], ["cell"])
    )
    at = ["model", "resolution", "modality"]
    failed = of.controls[(of.controls["passed"] == "no") & (of.controls["decides"] == "yes")]
    before, after, bad = (
        set(table[at].itertuples(index=False, name=None)) for table in (whole, kept, failed)
    )
    assert before & bad
    assert after == before - bad
