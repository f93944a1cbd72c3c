"""Synthetic tables with the real schema, small (one family, one seed) and large, for the tests of figures."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from earthdim.analysis.published import published
from earthdim.storage.schema import COLUMNS

RESOLUTIONS = {
    "satclip": {"l5": 10007.0, "l10": 4448.0, "l20": 2107.0, "l40": 1026.0},
    "geoclip": {"sigma16": 1250.0, "sigma64": 330.0, "sigma256": 85.0, "sigma1024": 21.0},
    "csp": {"amin10": 6990.0, "amin3": 2100.0, "amin1": 700.0, "amin0p1": 70.0},
}
MODALITIES = ["rgb", "rgb-elevation", "rgb-elevation-climate"]
MEASURES = {"mle": (20, 1.0), "twonn": (2, 1.1), "mom": (20, 1.2), "tle": (20, 1.1), "fishers": (np.nan, 2.2)}
TASKS = {
    "temperature": "r2", "precipitation": "r2", "elevation": "r2", "population-density": "r2",
    "climate-zone": "balanced_accuracy", "country": "balanced_accuracy",
}  # fmt: skip
HEADS = {"r2": ["ridge", "mlp"], "balanced_accuracy": ["logistic", "mlp"]}


def _variants(resolutions, modalities, seeds, released):
    cells = [
        (model, resolution, modality)
        for model, of_model in resolutions.items()
        for number, resolution in enumerate(of_model)
        for modality in (modalities if model == "satclip" and number in (1, 2) else modalities[:1])
    ]
    rows = []
    for model, resolution, modality in cells:
        for seed in seeds:
            untrained = f"{model}_{resolution}_untrained_s{seed}"
            trained = f"{model}_{resolution}_{modality}_short_s{seed}"
            rows.append([trained, model, resolution, modality, "", "short", "trained", seed, untrained])
            rows.append([untrained, model, resolution, "", "", "", "untrained", seed, ""])
    if released:
        rows.append(["geoclip_released", "geoclip", "", "", "", "", "released", np.nan, ""])
    columns = [
        "variant",
        "model",
        "resolution",
        "modality",
        "objective",
        "schedule",
        "weights",
        "seed",
        "twin",
    ]
    table = pd.DataFrame(rows, columns=columns).drop_duplicates("variant", ignore_index=True)
    waves = [RESOLUTIONS[row.model].get(row.resolution, 78.0) for row in table.itertuples()]
    return table.assign(family=table["model"], shortest_wavelength_km=waves).reindex(
        columns=COLUMNS["variants"]
    )


def _dimensions(variants, tasks, rng):
    rows = []
    for variant in variants.itertuples():
        fine = np.log2(12000 / variant.shortest_wavelength_km)
        for estimator, (k, bias) in MEASURES.items():
            value = 1.9 * bias + (0.1 if variant.weights == "untrained" else 0.02) * bias * fine**2
            value += 0.12 * variant.modality.count("-") + 0.05 * rng.standard_normal()
            rows.append(
                [variant.variant, "land-10000-r0", 10000, "embedding", "", "", "", estimator, k, value]
            )
        for task in tasks if variant.weights == "trained" else ():
            for split in ("random", "blocks"):
                value = 9 - 0.6 * fine + 0.4 * rng.standard_normal()
                row = ["activation", task, split, "mlp", "twonn", 2, value]
                rows.append([variant.variant, "task-land-5000-r0", 5000, *row])
    columns = ["variant", "points", "n", "space", "task", "split", "head", "estimator", "k", "value"]
    table = pd.DataFrame(rows, columns=columns)
    values = table[table["space"] == "embedding"].set_index(["variant", "estimator"])["value"]
    twins = variants.set_index("variant")["twin"]
    table["twin_value"] = [
        values.get((twins[row.variant], row.estimator), np.nan) if row.space == "embedding" else np.nan
        for row in table.itertuples()
    ]
    in_folds = table["space"] == "activation"
    table["neighbour_radius_km"] = table["k"].map({20: 316.0, 2: 4.0}).where(~in_folds, 131.0)
    axes = variants[
        ["variant", "model", "resolution", "modality", "objective", "schedule", "weights", "seed"]
    ]
    return table.merge(axes).assign(replicate=0).reindex(columns=COLUMNS["dimension"])


def _probes(variants, tasks, rng):
    rows = []
    for variant in variants.itertuples():
        for number, (task, metric) in enumerate(tasks.items()):
            leaked = {("elevation", 1): "yes", ("temperature", 2): "yes", ("precipitation", 2): "yes"}
            leak = leaked.get((task, variant.modality.count("-")), "no")
            if task == "elevation" and variant.modality == "rgb":
                leak = "in part"
            for split, loss in (("random", 0.0), ("blocks", 0.25)):
                for head in HEADS[metric]:
                    if variant.weights == "untrained" and head == "mlp":
                        continue
                    fine = np.log2(12000 / variant.shortest_wavelength_km)
                    value = 0.75 - 0.08 * number + 0.03 * fine - loss * (1 + 0.3 * fine)
                    value += 0.03 * rng.standard_normal() - 0.1 * (variant.weights == "untrained")
                    row = [variant.variant, "task-land-5000-r0", task, split, head, metric, True, value]
                    rows.append([*row, value - 0.05, value + 0.05, 5000, 5, leak])
    columns = ["variant", "points", "task", "split", "head", "metric", "primary", "value", "low", "high", "n",
               "folds", "leaked"]  # fmt: skip
    axes = variants[
        ["variant", "model", "resolution", "modality", "objective", "schedule", "weights", "seed"]
    ]
    table = pd.DataFrame(rows, columns=columns)
    other = table.assign(metric="rmse", primary=False, value=123.0)
    return pd.concat([table, other]).merge(axes).reindex(columns=COLUMNS["probe"])


def _correlations(tasks, rng, computable):
    rows = []
    measures = [("embedding", name, k) for name, (k, _) in MEASURES.items()] + [("activation", "twonn", 2)]
    for space, estimator, k in measures:
        for task, metric in tasks.items():
            for split in ("random", "blocks"):
                for head in ["mlp"] if space == "activation" else HEADS[metric]:
                    for level in ("within", "pooled"):
                        value = np.clip(rng.normal(0.3 if space == "embedding" else -0.4, 0.35), -0.98, 0.98)
                        found = [value, np.nan, np.nan, rng.uniform() ** 3 if level == "within" else np.nan]
                        points = (
                            ("land-10000-r0", 10000) if space == "embedding" else ("task-land-5000-r0", 5000)
                        )
                        key = [estimator, k, *points, space, task, split, head, metric, level, "spearman"]
                        rows.append([*key, *(found if computable else [np.nan] * 4), 12, 3, 2])
    columns = [
        "estimator", "k", "points", "n", "space", "task", "split", "head", "metric", "level", "coefficient",
        "value", "low", "high", "p", "n_cells", "n_families", "n_left_out",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_adjusted=table["p"] * 2).reindex(columns=COLUMNS["correlation"])


SUPPORTS = {"land": 1.48e8, "region-africa": 3.0e7, "patch-2000": 3.1e6, "patch-200": 3.1e4, "patch-10": 78.5}
"""Kind of sample -> area, km2."""
SCALE_MEASURES = [("mle", 20), ("twonn", 2), ("fishers", np.nan), *(("gride", 2**j) for j in range(1, 7))]


def _scale(variants, sizes, supports):
    """Dimensions that rise with the ratio of neighbour radius to wavelength, as those of an encoder do."""
    rows = []
    samples = [("land", n) for n in sizes] + [(support, sizes[-1]) for support in supports]
    for variant in variants.itertuples():
        for (support, n), (estimator, k) in itertools.product(samples, SCALE_MEASURES):
            radius = np.sqrt((20 if np.isnan(k) else k) * SUPPORTS[support] / (np.pi * n))
            value = 2 * (1 + (radius / variant.shortest_wavelength_km) ** 1.5) ** 0.5
            low, high = (value * 0.97, value * 1.03) if estimator == "gride" else (np.nan, np.nan)
            if np.isnan(k):
                radius, value = np.nan, 2.5 * value**0.4
            name = f"{support}-{n}-r0"
            rows.append([variant.variant, name, support, n, estimator, k, value, low, high, radius])
    columns = [
        "variant", "points", "support", "n", "estimator", "k", "value", "low", "high", "neighbour_radius_km",
    ]  # fmt: skip
    axes = variants[
        ["variant", "model", "resolution", "modality", "objective", "schedule", "weights", "seed"]
    ]
    return pd.DataFrame(rows, columns=columns).merge(axes).reindex(columns=COLUMNS["scale"])


def _jacobian(variants):
    rows = [
        [variant, "land-10000-r0", 1000, f"jacobian-{name}", value]
        for number, variant in enumerate(variants["variant"])
        for name, value in (("rank", 2.0), ("participation-ratio", 1.7 - 0.3 * number))
    ]
    columns = ["variant", "points", "n", "estimator", "value"]
    return pd.DataFrame(rows, columns=columns).reindex(columns=COLUMNS["jacobian"])


def _table1(measured):
    """The published values, with measured ones for GeoCLIP if `measured`."""
    table = published()
    table = table[table["table"] == "Table 1"].rename(columns={"value": "published"})
    found = measured & (table["variant"] == "geoclip_released")
    value = (table["published"] * 1.003).where(found)
    note = np.where(found, "", "not measured: no weights at hand")
    table = table.assign(value=value, low=value - 0.02, high=value + 0.02, n=100000, draws=3, note=note)
    other = table[found & (table["estimator"] == "mle")].assign(k=100, published=np.nan)
    return pd.concat([table, other], ignore_index=True).reindex(columns=COLUMNS["table1"])


def _curves(variants, rng):
    parts = []
    for number, variant in enumerate(variants[variants["weights"] == "trained"].itertuples()):
        steps = np.arange(0, 1001, 50)
        loss = 4.2 + 2 * np.exp(-steps / (150 + 10 * (number % 8)))
        noisy = loss + 0.08 * rng.standard_normal(len(steps)) - 0.1
        seen = np.where(steps % 100 == 0, loss, np.nan)
        parts.append(pd.DataFrame({"variant": variant.variant, "step": steps, "train_loss": noisy,
                                   "val_loss": seen, "region_loss": 1.1 * seen}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def local_map(variant, k=100, n=4000, level=2.0, seed=0):
    """Build a local dimension on the sphere that varies periodically with longitude."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    value = level * (1 + 0.15 * np.sin(np.radians(8 * lon))) * np.exp(0.1 * rng.standard_normal(n))
    data = {
        "local_dimension": value,
        "lon": lon,
        "lat": lat,
        "neighbour_radius_km": np.full(n, 6371.0 * np.sqrt(4 * k / n)),
    }
    return xr.Dataset(
        {name: ("point", values) for name, values in data.items()}, attrs={"variant": variant, "k": k}
    )


def coastline():
    """Build two square islands, one of which crosses the antimeridian."""
    lon = [0, 20, 20, 0, 0, 170, 180, -170, -170, 170]
    lat = [0, 0, 20, 20, 0, 0, 0, 0, 10, 10]
    part = [0] * 5 + [1] * 5
    columns = {"lon": np.array(lon, float), "lat": np.array(lat, float), "part": np.array(part)}
    return xr.Dataset({name: ("vertex", values) for name, values in columns.items()})


def _controls(variants):
    """A cell that passes, one that fails far below zero, and one without controls; the same for every kind of heads."""
    cells = variants[variants["weights"] == "trained"].drop_duplicates(["model", "resolution", "modality"])
    outcomes = [
        (0.12, "yes", ""),
        (-3.0, "no", "-2.4 not above twin 0.6"),
        (np.nan, "not available", "no task"),
    ]
    rows = []
    for number, cell in enumerate(cells.itertuples()):
        margin, passed, reason = outcomes[number % 3]
        place = [cell.family, cell.model, cell.resolution, cell.modality, cell.schedule]
        for control, split, head, decides in (
            ("own target", "blocks", "linear", "yes"), ("own target", "blocks", "MLP", "yes"),
            ("selection", "random", "linear", "yes"), ("selection", "random", "MLP", "yes"),
            ("selection", "blocks", "MLP", "no"), ("shuffled", "", "", "yes"),
        ):  # fmt: skip
            rows.append([*place, control, split, head, margin, decides, passed, reason])
    columns = ["family", "model", "resolution", "modality", "schedule", "control", "split", "head", "margin", "decides",
               "passed", "reason"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).reindex(columns=COLUMNS["controls"])


def tables(large):
    """Build all tables of an experiment, deterministically."""
    rng = np.random.default_rng(7)
    if large:
        variants, tasks = _variants(RESOLUTIONS, MODALITIES, (0, 1), released=True), TASKS
    else:
        resolutions = {"satclip": {name: RESOLUTIONS["satclip"][name] for name in ("l10", "l40")}}
        variants = _variants(resolutions, MODALITIES[:1], (0,), released=False)
        tasks = {name: TASKS[name] for name in ("elevation", "climate-zone")}
    scaled = ["satclip_l10_rgb_short_s0", *(["geoclip_released"] if large else [])]
    scaled = variants[variants["variant"].isin(scaled)]
    sizes = (500, 1000, 2000, 5000, 10000) if large else (200, 400)
    supports = list(SUPPORTS)[1 if large else -1 :]
    return SimpleNamespace(
        variants=variants,
        dimension=_dimensions(variants, tasks, rng),
        probe=_probes(variants, tasks, rng).assign(task_set="claims"),
        correlation=_correlations(tasks, rng, computable=large),
        controls=_controls(variants),
        curves=_curves(variants, rng),
        scale=_scale(scaled, sizes, supports),
        jacobian=_jacobian(scaled) if large else None,
        table1=_table1(measured=large),
    )


def with_controls(table):
    """Add a shuffled variant for each trained one and a raw one for each twin, with values raised by 3 and 6."""
    parts = [table]
    for weights, of, more in (("shuffled", "trained", 3), ("raw", "untrained", 6)):
        rows = table[table["weights"] == of]
        rows = rows.assign(variant=rows["variant"] + f"_{weights}", weights=weights)
        parts.append(rows.assign(value=rows["value"] + more) if "value" in rows else rows)
    found = pd.concat(parts, ignore_index=True)
    if "shuffled_value" in found:
        found["shuffled_value"] = (found["value"] + 3).where(found["weights"] == "trained")
    return found
