"""Controls of the cells of an experiment: whether an encoder holds what it was trained on, and whether training helps.

Every control compares the mean primary score of a trained variant over several tasks with that of variants that were
not trained, seed by seed. A cell fails if a control that decides fails for any of its seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from earthdim.analysis.statistics.cells import text
from earthdim.omissions import measured
from earthdim.storage.schema import AXES, COLUMNS, COUNTERPARTS

RANDOM, BLOCKS = "random", "blocks"
COORDINATES = "cartesian3d"
"""Model whose positional encoding is the three bare coordinates on the unit sphere."""

AGAINST = {"own target": ("twin", "coordinates"), "selection": ("twin", "raw"), "shuffled": ("shuffled",)}
"""Control -> the columns with which the trained score is compared."""

SPLITS = {"own target": ((BLOCKS, True),), "selection": ((RANDOM, True), (BLOCKS, False))}
"""Control -> its splits, and whether each decides."""

YES, NO, UNKNOWN = "yes", "no", "not available"
LEVEL = 0.999
"""Of the upper bound of retrieval by chance."""

_COLUMNS = list(COLUMNS["controls"])
_DESCRIBING = _COLUMNS[: _COLUMNS.index("control")]
_NUMBERS = ("value", "twin", "raw", "coordinates", "shuffled", "margin")


@dataclass
class _Seed:
    """What one variant of a cell is compared with: name of a column -> its value; missing ones -> the reason."""

    value: float = np.nan
    others: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def passes(self) -> bool:
        """Whether the value is above all that are available."""
        return all(self.value > other for other in self.others.values())


class _Tables:
    """The variants, by name, and their mean scores."""

    def __init__(self, variants: pd.DataFrame, probe: pd.DataFrame, kinds: Mapping[str, Sequence[str]]):
        self.variants = variants
        primary = measured(probe)
        primary = primary[primary["primary"].astype(str) == "True"]
        kind_of = {head: kind for kind, heads in kinds.items() for head in heads}
        primary = primary.assign(kind=primary["head"].map(kind_of)).dropna(subset="kind")
        self.kinds = [kind for kind in kinds if kind in set(primary["kind"])]
        self.scores = primary.groupby(["variant", "split", "kind", "task"])["value"].mean()
        marks = probe.drop_duplicates(["variant", "task"]).set_index("variant")[
            ["task", "leaked", "task_set"]
        ]
        self.marks = {name: marks.loc[[name]] for name in set(marks.index)}
        self.points = dict(zip(probe["variant"], probe["points"], strict=True))

    def tasks(self, variant: str, control: str) -> list[str]:
        """Tasks of a control: those that the variant's sources leak, or those of the set selection that they do not."""
        marks = self.marks.get(variant)
        if marks is None:
            return []
        own = marks["leaked"] == "yes"
        chosen = own if control == "own target" else ~own & (marks["task_set"] == "selection")
        return sorted(marks.loc[chosen, "task"])

    def mean(self, variant: str, split: str, kind: str, tasks: Sequence[str]) -> float | None:
        """Mean score of a variant over tasks; None unless it has a score in every one."""
        found = [self.scores.get((variant, split, kind, task)) for task in tasks]
        return None if None in found or not found else float(np.mean(found))

    def others(self, variant: pd.Series, name: str) -> list[str]:
        """Variants that a variant is compared with: the counterpart that its row names, or all bare coordinates."""
        if name == "coordinates":
            rows = self.variants
            return rows.loc[(rows["weights"] == "raw") & (rows["model"] == COORDINATES), "variant"].tolist()
        return [variant[name]] if variant[name] in set(self.variants["variant"]) else []

    def against(
        self, variant: pd.Series, name: str, split: str, kind: str, tasks: Sequence[str]
    ) -> tuple[float | None, str]:
        """Mean score of those that a variant is compared with at its own points, or None and the reason."""
        names = self.others(variant, name)
        if not names:
            return None, "not in the experiment"
        here = [other for other in names if self.points.get(other) == self.points.get(variant["variant"])]
        means = [self.mean(other, split, kind, tasks) for other in here]
        means = [mean for mean in means if mean is not None]
        if means:
            return float(np.mean(means)), ""
        elsewhere = not here and set(names) & set(self.points)
        return None, "probed at other points" if elsewhere else "has no score in all of these tasks"


def controls_table(
    variants: pd.DataFrame,
    probe: pd.DataFrame,
    cell: Sequence[str],
    kinds: Mapping[str, Sequence[str]],
    retrieval: Mapping[str, Mapping[str, int]],
) -> pd.DataFrame:
    """Controls of every cell of trained variants, and of others that enter the correlation.

    Parameters
    ----------
    variants, probe : DataFrame
        The tables of these names.
    cell : sequence of str
        Columns of the variants table that define a cell.
    kinds : mapping
        Kind of heads -> its heads, one for each task. Their scores are taken together.
    retrieval : mapping
        Variant -> `candidates` of its evaluation on held-out pairs, and the numbers of pairs behind `region_top1` and
        `val_top1`.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS["controls"]`, one row per cell, control, split and kind of heads. `value` and the values
        that it is compared with are means over the seeds that have them, `margin` is the smallest difference of such
        means. `passed` is yes if every seed is above all that is available, and "not available" if nothing is.

    Notes
    -----
    *own target* (across blocks): the tasks that the variant's sources leak must be predicted better than from its
    untrained twin and from the bare coordinates. *selection* (random folds decide, blocks are shown): the tasks of the
    set selection must be predicted better than from the twin and from the raw encoding. *shuffled*: retrieval by a
    variant trained on shuffled pairs must not exceed the `LEVEL` quantile of a binomial distribution with chance
    1 / candidates.
    """
    keys = list(dict.fromkeys([*_DESCRIBING, *cell]))
    known = text(variants, ["variant", *COUNTERPARTS, "weights", *AXES, *keys], "variants")
    probe = text(probe, ["variant", "points", "task", "split", "head", "leaked", "task_set"], "probe")
    tables = _Tables(known, probe, kinds)
    tested = known[(known["weights"] == "trained") | (known["counted"].astype(str) == "True")]
    rows = []
    for _, members in tested.groupby(list(cell), sort=False):
        about = {key: members[key].iloc[0] if members[key].nunique() == 1 else "" for key in keys}
        seeds = [variant for _, variant in members.iterrows()]
        for control, splits in SPLITS.items():
            for split, decides in splits:
                rows += [
                    {
                        **about,
                        **_scored(tables, seeds, control, split, kind),
                        "decides": YES if decides else NO,
                    }
                    for kind in tables.kinds
                ]
        rows.append({**about, **_shuffled(tables, seeds, retrieval), "decides": YES})
    table = pd.DataFrame(rows, columns=[*_COLUMNS, *(key for key in keys if key not in _COLUMNS)])
    return table.astype(dict.fromkeys(_NUMBERS, float))


def _scored(
    tables: _Tables, seeds: Sequence[pd.Series], control: str, split: str, kind: str
) -> dict[str, Any]:
    """The row of a positive control for one split and kind of heads."""
    tasks = tables.tasks(seeds[0]["variant"], control)
    about = {"control": control, "kind": "positive", "split": split, "head": kind, "tasks": len(tasks)}
    if not tasks:
        why = (
            "no task is leaked by its sources" if control == "own target" else "no task of the set selection"
        )
        return {**about, **_unknown(why)}
    found = []
    for variant in seeds:
        value = tables.mean(variant["variant"], split, kind, tasks)
        if value is None:
            continue
        seed = _Seed(value)
        for name in AGAINST[control]:
            mean, why = tables.against(variant, name, split, kind, tasks)
            if mean is None:
                seed.missing[name] = why
            else:
                seed.others[name] = mean
        found.append(seed)
    result = _result(found, f"no score in all of {', '.join(tasks)} with split {split}, {kind} heads")
    if 0 < len(found) < len(seeds):
        lacking = f"{len(seeds) - len(found)} of {len(seeds)} seeds have no score in all of these tasks"
        result["reason"] = "; ".join(filter(None, (result["reason"], lacking)))
    return {**about, **result}


def _result(seeds: Sequence[_Seed], empty: str) -> dict[str, Any]:
    """Means over seeds, and whether every seed passes."""
    if not seeds:
        return _unknown(empty)
    compared = [seed for seed in seeds if seed.others]
    names = list(dict.fromkeys(name for seed in seeds for name in (*seed.others, *seed.missing)))
    means = {name: [seed.others[name] for seed in compared if name in seed.others] for name in names}
    means = {name: float(np.mean(values)) for name, values in means.items() if values}
    margins = {
        name: float(np.mean([seed.value - seed.others[name] for seed in compared if name in seed.others]))
        for name in means
    }
    row = {"value": float(np.mean([seed.value for seed in seeds])), **means}
    notes = [f"{name} {why}" for seed in seeds for name, why in seed.missing.items()]
    if not compared:
        return {**_unknown("; ".join(dict.fromkeys(notes))), **row}
    below = [f"{row['value']:.3f} not above {name} {means[name]:.3f}" for name in means if margins[name] <= 0]
    count = sum(seed.passes() for seed in compared)
    if count < len(compared) > 1:
        below.append(f"{len(compared) - count} of {len(compared)} seeds fail")
    row |= {"margin": min(margins.values()), "seeds": len(compared), "seeds_passed": count}
    passed = YES if count == len(compared) else NO
    return {**row, "passed": passed, "reason": "; ".join(dict.fromkeys(below or notes))}


def _unknown(reason: str) -> dict[str, Any]:
    return {"seeds": 0, "seeds_passed": 0, "passed": UNKNOWN, "reason": reason}


def _shuffled(
    tables: _Tables, seeds: Sequence[pd.Series], retrieval: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """The row of the negative control: retrieval after training on shuffled pairs."""
    about = {"control": "shuffled", "kind": "negative", "split": "", "head": "", "tasks": 0}
    rates, own, notes = [], [], []
    for variant in seeds:
        names = tables.others(variant, "shuffled")
        if not names:
            notes.append("no variant with shuffled pairs")
            continue
        other = tables.variants.set_index("variant").loc[names[0]]
        measure, rate = _top1(other)
        evaluated = retrieval.get(names[0], {})
        if measure not in evaluated:
            notes.append("no retrieval; the loss of predicting the training mean is not recorded")
            continue
        rates.append((rate, chance_bound(evaluated["candidates"], evaluated[measure])))
        own.append(_top1(variant)[1])
        notes += [] if measure == "region_top1" else ["val_top1, since there is no region_top1"]
    if not rates:
        return {**about, **_unknown("; ".join(dict.fromkeys(notes)))}
    count = sum(rate <= bound for rate, bound in rates)
    rate, bound = np.mean(rates, axis=0)
    below = f"top-1 {rate:.4f}, bound {bound:.4f}"
    if count < len(rates) > 1:
        below += f"; {len(rates) - count} of {len(rates)} seeds fail"
    return {
        **about, "value": np.mean([np.nan if rate is None else rate for rate in own]), "shuffled": rate,
        "margin": bound - rate, "seeds": len(rates), "seeds_passed": count,
        "passed": YES if count == len(rates) else NO, "reason": "; ".join(dict.fromkeys([below, *notes])),
    }  # fmt: skip


def _top1(variant: pd.Series) -> tuple[str, float | None]:
    """Share of held-out observations retrieved first, on held-out regions if recorded."""
    for name in ("region_top1", "val_top1"):
        found = pd.to_numeric(variant.get(name), errors="coerce")
        if found is not None and np.isfinite(found):
            return name, float(found)
    return "", None


def chance_bound(candidates: int, rows: int) -> float:
    """Largest share of `rows` observations that chance retrieves first among `candidates` at `LEVEL`, one-sided."""
    from scipy.stats import binom

    return float(binom.ppf(LEVEL, rows, 1 / candidates)) / rows
