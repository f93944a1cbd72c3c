"""Invalid experiments fail before any job starts; one line names the key or the file. Each case is one edit."""

import pytest
from wrong_input import OWN, ROOT, TINY, refused, whole

from earthdim.experiment.validation import ConfigError

# Silent before: seeds beyond 32 bits, optional branches that need nothing, tasks without a head, what `shown` names.
EXPERIMENT = {
    "no branch": (("branches:\n", "branches: {}\ntitles:\n"), "experiment.tiny"),
    "empty axis": (("[l5, l10]", "[]"), "branches.satclip.resolution: [] should be non-empty"),
    "axis without list": (("[l5, l10]", "l5"), "branches.satclip.resolution: 'l5' is not of type 'array'"),
    "number as a name": (("[l5, l10]", "[5]"), "resolution.0: 5 is not of type 'string'"),
    "nothing as a name": (("[l5, l10]", "['']"), "resolution.0: '' is not a name of a-z"),
    "misspelt": (
        ("[l5, l10]", "[l5, l100]"),
        "satclip.resolution: there is no resolution 'l100'; config/resolution has",
    ),
    "misspelt model": (("model: [satclip]", "model: [satclp]"), "model: there is no model 'satclp'"),
    "misspelt estimator": (("twonn,", "twnn,"), "experiment.tiny.estimators: there is no estimator 'twnn'"),
    "misspelt support": (
        ("region-africa-400]", "atlantis]"),
        "scale.supports: there is no sample 'atlantis'",
    ),
    "contradictory axes": (
        ("[l5, l10]", "[l5, sigma16]"),
        "'sigma16' sets earthdim.encoders.encodings.fourier",
    ),
    "size above n": (("[200, 400]", "[200, 4000]"), "scale.sizes: 4000 is above the n = 500 of the sample"),
    "size too small for k": (
        ("[200, 400]", "[30, 400]"),
        "scale.sizes: half of 30 points are too few for estimator.mle, whose k is 20",
    ),
    "costly n": (("n: 400\n  est", "n: 4000\n  est"), "costly.n: 4000 is above the n = 500 of the sample"),
    "branch of scale": (
        ("scale:\n  branches: [part]", "scale:\n  branches: [prat]"),
        "scale.branches: 'prat' is not a",
    ),
    "unknown figure": (
        ("[performance,", "[performances,"),
        "there is no figure 'performances'; there are activation, ",
    ),
    "figure without its input": (
        ("loss, local", "loss, table1, local"),
        "'table1' needs compare: [table1], which",
    ),
    "half of what tasks need": (
        ("tasks: [elevation, climate-zone]\n", ""),
        "experiment.tiny.tasks: is missing; task_sample, activation_estimator, tasks, splits, heads,",
    ),
    "null as a name": (("[l5, l10]", "[null]"), "resolution.0: None is not of type 'string'"),
    "leaf twice": (("[l5, l10]", "[l5, l5]"), "resolution: ['l5', 'l5'] has non-unique elements"),
    "path as a name": (("[l5, l10]", "[../model/satclip]"), "'../model/satclip' is not a name of a-z"),
    "path inside": (("[l5, l10]", "[a/../l5]"), "there is no resolution 'a/../l5'"),
    "capitals": (("[l5, l10]", "[L5]"), "resolution.0: 'L5' is not a name of a-z"),
    "a line's end": (("[l5, l10]", '["l5\\n"]'), "is not a name of a-z"),
    "a dash": (("[l5, l10]", "[-l5]"), "'-l5' is not a name of a-z"),
    "braces": (("[l5, l10]", "['{l5}']"), "'{l5}' is not a name of a-z"),
    "long name": (("[l5, l10]", f"[{'l' * 99}]"), "is too long"),
    "branch twice": (("  csp:\n", "  satclip:\n"), "line 11: duplicate key 'satclip'"),
    "branch of a number": (("  csp:\n", "  5:\n"), "branches: the key 5 is not text"),
    "branch in capitals": (("  csp:\n", "  Csp:\n"), "branches: 'Csp' is not a name of a-z"),
    "branch of two lines": (("  csp:\n", '  "csp\\n":\n'), "is not a name of a-z"),
    "negative seed": (("seed: [0]", "seed: [-1]"), "seed.0: -1 is less than the minimum"),
    "seed as text": (("seed: [0]", "seed: ['0']"), "seed.0: '0' is not of type 'integer'"),
    "seed with a point": (("seed: [0]", "seed: [1.0]"), "seed.0: 1.0 is not of type 'integer'"),
    "huge seed": (("seed: [0]", "seed: [10000000000]"), "seed.0: 10000000000 is greater than the maximum"),
    "optional, unknown": (
        ("figures:", "optional: [fetched]\nfigures:"),
        "optional: 'fetched' is not a branch",
    ),
    "optional, trained": (
        ("figures:", "optional: [csp]\nfigures:"),
        "optional: 'csp' names no released weights",
    ),
    "estimator twice": (("[mle, twonn,", "[mle, mle, twonn,"), "experiment.tiny.estimators: ['mle', 'mle',"),
    "head twice": (
        ("trained: [ridge, logistic,", "trained: [ridge, ridge,"),
        "heads.trained: ['ridge', 'ridge',",
    ),
    "split twice": (("[random, blocks]", "[random, random]"), "splits: ['random', 'random'] has non-unique"),
    "task twice": (
        ("[elevation, climate-zone]", "[elevation, elevation]"),
        "tasks: ['elevation', 'elevation']",
    ),
    "no head for a task": (
        ("  untrained: [ridge, logistic]", "  untrained: [ridge]"),
        "experiment.tiny.heads.untrained: no head of ridge takes climate-zone, a classification",
    ),
    "title": (("title: Every stage, tiny", "title: ''"), "experiment.tiny.title: '' should be non-empty"),
    "figures as text": (("figures: [", "figures: loss # ["), "figures: 'loss' is not of type 'array'"),
    "size": (("sizes: [200, 400]", "sizes: [.inf]"), "scale.sizes.0: inf is not a finite number"),
    "shown": (
        ("figures:", "shown: {estimator: danco}\nfigures:"),
        "experiment.tiny.shown.estimator: 'danco'",
    ),
    "data set": (
        ("datasets: [coastline]", "datasets: [coastlin]"),
        "datasets: there is no dataset 'coastlin'",
    ),
    "statistics": (
        ("statistics: default", "statistics: [default]"),
        "statistics: ['default'] is not of type",
    ),
}


@pytest.mark.parametrize("case", EXPERIMENT, ids=str)
def test_an_experiment(resolve, case):
    edit, message = EXPERIMENT[case]
    refused(resolve, message, [(TINY, *edit)])


def test_a_variant_name_that_is_too_long(resolve):
    long = "m" * 59
    edits = [
        (f"{group}/{long}.yaml", None, (ROOT / "config" / group / f"{leaf}.yaml").read_text())
        for group, leaf in (
            ("model", "satclip"),
            ("resolution", "l5"),
            ("modality", "rgb"),
            ("schedule", "tiny"),
        )
    ]
    axes = [
        ("[satclip]", f"[{long}]"),
        ("[l5, l10]", f"[{long}]"),
        ("[rgb]", f"[{long}]"),
        ("[tiny]", f"[{long}]"),
    ]
    refused(resolve, "characters, more than 180", [*edits, *((TINY, *axis) for axis in axes)])


def test_one_error_names_all_missing_weights(resolve):
    branches = OWN.replace("[mine]", "[satclip/vit16-l10, csp/fmow]")
    with pytest.raises(ConfigError) as caught:
        resolve([whole("experiment/own.yaml", branches)], "own")
    assert "weights.satclip/vit16-l10: " in str(caught.value)
    assert "weights.csp/fmow: " in str(caught.value)
