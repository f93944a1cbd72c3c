import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earthdim.encoders import custom
from earthdim.encoders.custom import dependencies

FUNCTION = {"_target_": "earthdim.encoders.custom.function.location_encoder"}
TORCHSCRIPT = {"_target_": "earthdim.encoders.custom.exported.torchscript"}
ONNX = {"_target_": "earthdim.encoders.custom.exported.onnx"}
TABLE = {"_target_": "earthdim.encoders.custom.table.embeddings"}


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(
        "own_a.py", "raise SystemExit('was imported')\nimport own_b, numpy\nfrom own_pkg.deep import thing\n"
    )
    write("own_b.py", "import own_a\n")
    write("own_unused.py", "")
    write("own_pkg/__init__.py", "")
    write("own_pkg/deep/__init__.py", "from . import sibling\nfrom ..other import x\n")
    write("own_pkg/deep/sibling.py", "def late():\n    import own_late\n")
    write("own_pkg/other.py", "x = 1\n")
    write("own_pkg/unused.py", "")
    write("own_late.py", "")
    write("own_broken.py", "def f(:\n")
    write("own_space/inside.py", "")
    for name in ("encoder.pt", "encoder.onnx", "encoder.onnx.data", "table.csv", "weights.bin"):
        write(name, "")
    write("strange.bin", "\0\1\2\3")


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_files_of_a_callable_are_its_imports_from_the_same_folder():
    everything = [
        "own_a.py", "own_b.py", "own_late.py", "own_pkg/__init__.py", "own_pkg/deep/__init__.py",
        "own_pkg/deep/sibling.py", "own_pkg/other.py",
    ]  # fmt: skip
    assert custom.files({**FUNCTION, "callable": "own_a:f"}) == everything
    assert custom.files({**FUNCTION, "callable": "own_a:f", "files": ["weights.bin"]}) == [
        *everything,
        "weights.bin",
    ]
    assert custom.files({**FUNCTION, "callable": "own_space.inside:f"}) == ["own_space/inside.py"]


def test_files_of_an_installed_callable_stay_in_its_package():
    # A folder of this name is not a package.
    Path("hydra").mkdir()
    site = Path(dependencies.find_spec("hydra").origin).parents[1]
    for name in ("hydra:main", "hydra.utils:instantiate"):
        found = custom.files({**FUNCTION, "callable": name})
        assert len(found) > 5
        assert {Path(path).relative_to(site).parts[0] for path in found} == {"hydra"}


def test_files_of_exported_networks_and_tables():
    assert custom.files({**TORCHSCRIPT, "file": "encoder.pt"}) == ["encoder.pt"]
    assert custom.files({**ONNX, "file": "encoder.onnx"}) == ["encoder.onnx", "encoder.onnx.data"]
    assert custom.files({**TABLE, "file": "table.csv"}) == ["table.csv"]
    outside = str(Path.cwd().parent / "elsewhere.csv")
    assert custom.files({**TABLE, "file": outside}) == [outside]


def test_files_of_a_zarr_group_are_all_of_it_or_the_manifest():
    import zarr

    group = zarr.open_group("t.zarr", mode="w")
    group.create_array("v", data=np.ones((4, 2)), chunks=(2, 2))
    found = custom.files({**TABLE, "file": "t.zarr"})
    assert {"t.zarr/zarr.json", "t.zarr/v/zarr.json"} < set(found)
    assert sum("/c/" in path for path in found) == 2
    Path("t.zarr").rename("embeddings.zarr")
    assert len(custom.files({**TABLE, "file": "embeddings.zarr"})) == len(found)
    # A user's file next to a store of that name is not its manifest.
    write("embeddings.json", "{}")
    assert len(custom.files({**TABLE, "file": "embeddings.zarr"})) == len(found)
    Path("results").mkdir()
    for name in ("embeddings.zarr", "embeddings.json"):
        Path(name).rename(f"results/{name}")
    assert custom.files({**TABLE, "file": "results/embeddings.zarr"}) == ["results/embeddings.json"]


@pytest.mark.parametrize(
    "leaf",
    [
        {
            **FUNCTION,
            "callable": "own_a:f",
            "takes": "lat, lon",
            "array": None,
            "batch": 5,
            "files": ["weights.bin"],
        },
        {**FUNCTION, "callable": "own_pkg.deep.sibling:Class.method", "places": [[0, 0], [1.5, 1]]},
        {**TORCHSCRIPT, "file": "encoder.pt", "sha256": "0" * 64, "order": "latlon"},
        {**ONNX, "file": "encoder.onnx", "sha256": None, "units": "radians", "dtype": "float64"},
        {**TABLE, "file": "table.csv", "longitude": "x", "features": ["a"]},
    ],
)
def test_valid_leaves_pass_and_nothing_is_run(leaf):
    custom.check(leaf, "mine")


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        ({}, r"weights\.mine\.build\._target_: None is not one of"),
        ({"_target_": "earthdim.encoders.networks.mlp.MLP"}, r"weights\.mine\.build\._target_"),
        (FUNCTION, r"weights\.mine\.build\.callable: must be a string, not None"),
        (
            {**FUNCTION, "callable": "own_a"},
            r"weights\.mine\.build\.callable: 'own_a' must have the form module:callable",
        ),
        ({**FUNCTION, "callable": "own_a:"}, r"weights\.mine\.build\.callable: .* must have the form"),
        ({**FUNCTION, "callable": "own_a:f()"}, r"weights\.mine\.build\.callable: .* must have the form"),
        (
            {**FUNCTION, "callable": "own_none:f"},
            r"weights\.mine\.build\.callable: there is no module 'own_none'",
        ),
        ({**FUNCTION, "callable": "own_a.none:f"}, r"no module 'own_a\.none'"),
        ({**FUNCTION, "callable": "own_space:f"}, r"no module 'own_space'"),
        (
            {**FUNCTION, "callable": "own_broken:f"},
            r"weights\.mine\.build\.callable: .*own_broken\.py, line 1: ",
        ),
        (
            {**FUNCTION, "callable": "own_b:f", "takes": "x"},
            r"weights\.mine\.build\.takes: 'x' is not one of lonlat \| ",
        ),
        ({**FUNCTION, "callable": "own_b:f", "array": "jax"}, r"weights\.mine\.build\.array"),
        ({**FUNCTION, "callable": "own_b:f", "batch": True}, r"weights\.mine\.build\.batch"),
        ({**FUNCTION, "callable": "own_b:f", "files": "w"}, r"weights\.mine\.build\.files: must be a list"),
        (
            {**FUNCTION, "callable": "own_b:f", "files": ["none.bin"]},
            r"weights\.mine\.build\.files: none\.bin does not exist",
        ),
        ({**FUNCTION, "callable": "own_b:f", "places": 3}, r"weights\.mine\.build\.places"),
        ({**FUNCTION, "callable": "own_b:f", "places": [[0, 0], [0, 0]]}, r"weights\.mine\.build\.places"),
        ({**FUNCTION, "callable": "own_b:f", "places": [[0, 0], [200, 0]]}, r"weights\.mine\.build\.places"),
        ({**TORCHSCRIPT, "file": "none.pt"}, r"weights\.mine\.build\.file: none\.pt does not exist"),
        ({**TORCHSCRIPT, "file": "encoder.pt", "sha256": "AB"}, r"weights\.mine\.build\.sha256: must be 64"),
        ({**TORCHSCRIPT, "file": "encoder.pt", "dtype": "int8"}, r"weights\.mine\.build\.dtype"),
        ({**ONNX, "file": 3}, r"weights\.mine\.build\.file: must be a string"),
        ({**TABLE, "file": "none.csv"}, r"weights\.mine\.build\.file: none\.csv does not exist"),
        (
            {**TABLE, "file": "strange.bin"},
            r"weights\.mine\.build\.file: strange\.bin: has an unsupported format",
        ),
        (
            {**TABLE, "file": "own_pkg"},
            r"weights\.mine\.build\.file: own_pkg: is a folder without a Zarr group",
        ),
    ],
)
def test_invalid_leaves_are_rejected_by_key(leaf, message):
    with pytest.raises(ValueError, match=message):
        custom.check(leaf, "mine")


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(dependencies.SOURCES, ONNX["_target_"], ("file", "own_no_such_library"))
    with pytest.raises(
        ValueError, match=r"weights\.mine\.build\._target_: .* needs the package own_no_such_library"
    ):
        custom.check({**ONNX, "file": "encoder.onnx"}, "mine")


def test_planning_imports_no_library_and_no_user_code():
    code = (
        "import sys; from earthdim.encoders import custom as own;"
        f"leaf = { ({**FUNCTION, 'callable': 'own_a:f'})!r}; own.check(leaf, 'x'); own.files(leaf);"
        f"leaf = { ({**TABLE, 'file': 'table.csv'})!r}; own.check(leaf, 'x'); own.files(leaf);"
        "heavy = {'torch', 'pandas', 'pyarrow', 'zarr', 'xarray', 'onnxruntime', 'shapely', 'own_a', 'own_pkg'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_an_exported_network_may_name_other_files():
    write("weights.bin", "1")
    assert "weights.bin" in custom.files({**ONNX, "file": "encoder.onnx", "files": ["weights.bin"]})
    with pytest.raises(ValueError, match=r"weights.mine.build.files: nothing.bin does not exist"):
        custom.check({**ONNX, "file": "encoder.onnx", "files": ["nothing.bin"]}, "mine")
