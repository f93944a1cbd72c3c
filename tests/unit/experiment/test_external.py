"""External encoders in the grid: names, axes, missing files, `counted`, and the points of tables."""

import shutil

import pytest
import yaml
from places import CONFIG

from earthdim.experiment import queries
from earthdim.experiment import resolve as grid
from earthdim.experiment.validation import ConfigError

OWN = {
    "kind": "own",
    "model": "mine",
    "build": {
        "_target_": "earthdim.encoders.custom.function.location_encoder",
        "callable": "my_encoder:embed",
    },
}
TABLE = {
    "kind": "table",
    "model": "stations",
    "n": 400,
    "build": {"_target_": "earthdim.encoders.custom.table.embeddings", "file": "stations.csv"},
}


def with_arguments(leaf, **arguments):
    return {**leaf, "build": {**leaf["build"], **arguments}}


@pytest.fixture
def resolve(tmp_path, monkeypatch, leaves):
    """Resolve the experiment table1 with the branches and weights of a test, in a temporary folder."""
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    cache = tmp_path / "cache"
    shutil.copytree(leaves, cache)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_encoder.py").write_text("def embed(lonlat):\n    return lonlat\n")
    rows = "".join(f"{number / 10},{number / 20},{number}\n" for number in range(400))
    (tmp_path / "stations.csv").write_text(f"lon,lat,a\n{rows}")

    def run(branches, weights, optional=(), without=False):
        for name, leaf in weights.items():
            (folder / "weights" / f"{name}.yaml").write_text(yaml.safe_dump(leaf))
        path = folder / "experiment" / "table1.yaml"
        text = yaml.safe_load(path.read_text()) | {"branches": branches, "optional": list(optional)}
        path.write_text(yaml.safe_dump(text))
        return grid.resolve(folder, "table1", cache=cache, without=without)

    return run


def test_one_leaf_makes_a_variant(resolve):
    found = resolve({"mine": {"weights": ["own", "table"]}}, {"own": OWN, "table": TABLE})
    own, table = found.variants["own"], found.variants["table"]
    assert [own.axes[axis] for axis in ("model", "resolution", "modality", "weights")] == [
        "mine",
        "",
        "",
        "own",
    ]
    assert queries.facts(own)["family"] == "mine"
    assert own.counted
    assert table.counted
    assert found.own_points == {"table": "own-table-400-r0"}
    assert queries.dimension_points(found, "table") == ["own-table-400-r0"]
    assert queries.dimension_points(found, "own") == list(found.sample_points)
    assert found.points["own-table-400-r0"]["build"]["path"] == "stations.csv"


def test_counted_decides_whether_a_variant_enters_the_correlation(resolve):
    released = yaml.safe_load((CONFIG / "weights" / "geoclip" / "released.yaml").read_text())
    weights = {"own": {**OWN, "counted": False}, "theirs": {**released, "counted": True}}
    found = resolve({"mine": {"weights": ["own", "theirs", "geoclip/released"]}}, weights)
    counted = {name: variant.counted for name, variant in found.variants.items()}
    assert counted == {"own": False, "theirs": True, "geoclip_released": False}


def test_two_external_encoders_in_one_cell_are_rejected(resolve):
    weights = {"one": OWN, "two": OWN}
    with pytest.raises(ConfigError, match="one and two would be one cell"):
        resolve({"mine": {"weights": ["one", "two"]}}, weights)
    weights["two"] = {**OWN, "resolution": "fine"}
    assert set(resolve({"mine": {"weights": ["one", "two"]}}, weights).variants) == {"one", "two"}


def test_missing_weights_are_an_error_or_omitted(resolve):
    branches = {"here": {"weights": ["geoclip/released"]}, "there": {"weights": ["sinr/released"]}}
    with pytest.raises(ConfigError, match=r"weights.sinr/released: weights/.* does not exist"):
        resolve(branches, {})
    found = resolve(branches, {}, optional=["there"])
    assert set(found.variants) == {"geoclip_released"}
    assert "does not exist" in found.missing["sinr_released"].message
    assert set(resolve(branches, {}, without=True).missing) == {"sinr_released"}
    with pytest.raises(ConfigError, match="branches: none of the weights"):
        resolve({"there": branches["there"]}, {}, optional=["there"])


def test_a_file_without_an_accepted_checksum_counts_as_missing(resolve, tmp_path):
    leaf = yaml.safe_load((CONFIG / "weights" / "sinr" / "released.yaml").read_text())
    (tmp_path / "sinr.pt").write_bytes(b"weights")
    with pytest.raises(ConfigError, match=r"sha256: is null"):
        resolve({"there": {"weights": ["mine"]}}, {"mine": with_arguments(leaf, source={"file": "sinr.pt"})})


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (with_arguments(OWN, calls="x"), "weights.mine.build.calls: .* takes no such argument"),
        ({**OWN, "calls": "x"}, "weights.mine.calls: unknown key.* below build:"),
        ({**OWN, "_target_": "x"}, "weights.mine._target_: moved below build:"),
        ({key: value for key, value in OWN.items() if key != "model"}, "'model' is a required property"),
        ({**TABLE, "n": 30}, "weights.mine.n: 30 points are too few"),
        ({key: value for key, value in TABLE.items() if key != "n"}, "'n' is a required property"),
        ({**OWN, "kind": "mine"}, "kind: 'mine' is none of"),
        ({**OWN, "n": 500}, "weights.mine.n: only tables have points"),
        ({**OWN, "build": {**OWN["build"], **TABLE["build"]}}, "weights.mine.build.c.* no such argument"),
        ({**OWN, "build": {"_target_": OWN["build"]["_target_"]}}, "weights.mine.build.callable: is missing"),
        (
            with_arguments(TABLE, _target_="earthdim.encoders.custom.exported.onnx"),
            "weights.mine.kind: .* makes an encoder, kind: own",
        ),
        ({**TABLE, "kind": "own"}, "weights.mine.n: only tables have points"),
    ],
)
def test_mistakes_name_their_key(resolve, leaf, message):
    with pytest.raises(ConfigError, match=message):
        resolve({"mine": {"weights": ["mine"]}}, {"mine": leaf})


def test_a_leaf_in_a_folder_needs_its_package_line(resolve, tmp_path):
    (tmp_path / "config" / "weights" / "lab").mkdir()
    with pytest.raises(ConfigError, match=r"lab/mine.yaml: must begin with the line '# @package weights'"):
        resolve({"mine": {"weights": ["lab/mine"]}}, {"lab/mine": OWN})


def test_a_leaf_states_the_sources_of_its_training(resolve):
    found = resolve({"mine": {"weights": ["own"]}}, {"own": {**OWN, "sources": ["climate"]}})
    assert queries.facts(found.variants["own"])["sources"] == ["climate"]


def test_an_unavailable_branch_names_the_missing_files(resolve):
    branches = {"here": {"weights": ["geoclip/released"]}, "there": {"weights": ["sinr/released"]}}
    found = resolve(branches, {}, optional=["there"])
    assert "missing" in queries.gathered(found)
    with pytest.raises(
        ConfigError, match=r"no variant of there is available.*fetch --config experiment=table1"
    ):
        found.branch("there")


def test_only_a_model_with_resolutions_needs_one(resolve):
    axes = {"modality": ["rgb"], "schedule": ["short"], "seed": [0]}
    assert set(resolve({"plain": {"model": ["direct"], **axes}}, {}).variants) == {"direct_rgb_short_s0"}
    with pytest.raises(ConfigError, match="resolution: is missing"):
        resolve({"plain": {"model": ["csp"], **axes}}, {})
