"""Data never runs as code, config never enters a shell, and targets are limited to known packages."""

import ast
import json
import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from wrong_input import RASTER, RELEASED

from earthdim.build import target
from earthdim.data import coordinate_tables
from earthdim.encoders.released import checkpoint, sources
from earthdim.experiment import resolve, validation
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import SCHEMAS, ConfigError, check_schema
from earthdim.storage.digests import file_digest

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "workflow").rglob("*.py"))
# A bare import of a module, or a call by this name, that can run what it is given.
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "pty",
    "commands",
    "ftplib",
    "telnetlib",
}
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv",
    "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "tarfile.open", "shutil.unpack_archive", "runpy.run_path",
    "input", "subprocess.getoutput",
}  # fmt: skip
# Where one of them is right, and why.
EXCEPTIONS = {
    ("compiled.py", "pickle"): "to name the error of numba's cache of code, which is the user's own",
    (
        "encoders/released/checkpoint.py",
        "pickle",
    ): "to catch the error of torch's own unpickler, which is restricted",
    (
        "encoders/released/pickles.py",
        "pickle",
    ): "to read it with a class for which every name is known or inert",
    ("provenance/archive.py", "tarfile.open"): "to write: nothing is extracted",
    ("jobs/preload/server.py", "compile"): "the script of a job, in a fork, as `python script.py` would",
    ("jobs/preload/server.py", "exec"): "the same; a request is taken only from the same user",
}


class Runs:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not Path("ran").exists(), "something ran what it was given"


def dotted(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def keywords(call: ast.Call) -> dict[str, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg}


def findings(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            name, given = dotted(node.func), keywords(node)
            if name in CALLS or (name.endswith("extractall") or name.endswith(".extract")):
                found.append(name)
            if name == "yaml.load" and [ast.unparse(item) for item in node.args[1:]] != ["plain_loader()"]:
                found.append("yaml.load")
            if given.get("shell", "False") != "False":
                found.append("shell")
            if name == "torch.load" and given.get("weights_only") != "True":
                found.append("torch.load")
            if name in ("np.load", "numpy.load") and given.get("allow_pickle", "False") != "False":
                found.append("np.load")
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_no_module_calls_a_function_that_executes_data(path):
    name = str(path.relative_to(ROOT / "workflow")).removeprefix("src/earthdim/")
    assert [found for found in findings(ast.parse(path.read_text())) if (name, found) not in EXCEPTIONS] == []


def test_the_one_loader_of_yaml_builds_no_objects():
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.load("!!python/object/apply:os.mkdir [ran]", validation.plain_loader())


def test_the_rules_run_scripts_and_no_shell():
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]:
        text = path.read_text()
        assert not re.search(
            r"^\s*(shell|run|notebook|wrapper|cwl)\s*:|\bshell\(|shell\s*=\s*True", text, re.MULTILINE
        ), path


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from dill import loads", "eval('1')", "os.system('x')", "yaml.load(text)", "torch.load(path)",
        "torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)",
        "subprocess.run('x', shell=True)", "archive.extractall(folder)",
    ],
)  # fmt: skip
def test_the_search_finds_forbidden_calls(code):
    assert findings(ast.parse(code))


@pytest.mark.parametrize(
    "path",
    [
        "earthdim.storage.stores.shutil.rmtree", "earthdim.storage.stores.os.replace",
        "earthdim.encoders.networks.nn.Linear",
        "skdim.id.__builtins__", "skdim.id._MLE.np.load", "earthdim.encoders.custom.function.import_module",
        "earthdim.__init__.os",
        "earthdim.storage.stores._publish", "earthdim.storage.files.write_json", "earthdim.build.target", "os.system",
        "builtins.eval", "earthdim.experiment.model.Experiment",
        "earthdim.encoders.networks.siren._check_sizes", "earthdim.encoders.released.sources.fetch",
        "skdim._commonfuncs.get_nn",
    ],
)  # fmt: skip
@pytest.mark.parametrize("group", ["model", "split", "head", "task", "estimator", "dataset", "sample"])
def test_a_leaf_cannot_name_other_objects_as_target(path, group, here):
    """A leaf of each group, with its target replaced by a path to something else."""
    leaves = {
        "model": "satclip", "split": "random", "head": "ridge", "task": "elevation", "estimator": "mle",
        "dataset": "coastline", "sample": "land-500",
    }  # fmt: skip
    text = (ROOT / "config" / group / f"{leaves[group]}.yaml").read_text()
    leaf = yaml.safe_load(text)
    part, key = (leaf["network"], "network") if group == "model" else (leaf.get("build", leaf), group)
    part["_target_"] = path

    def check():
        check_schema(leaf, SCHEMAS / f"{group}.schema.yaml", group)
        check_target(part, key)

    with pytest.raises(ConfigError, match=r"_target_: "):
        check()


def test_every_target_is_inside_the_package():
    for path in ("os.system", "builtins.eval", "earthdim", "", None, "skdim.datasets.x"):
        with pytest.raises(ValueError, match="not inside one of"):
            target(path)
    with pytest.raises(ValueError, match="does not exist"):
        target("earthdim.storage.stores.shutil.rmtree")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".tar", ".bin", ""])
def test_a_checkpoint_with_code_is_rejected(here, suffix):
    path = here / f"weights{suffix}"
    torch.save({"state_dict": Runs()}, path)
    with pytest.raises(sources.CheckpointError, match="not run"):
        checkpoint.contents(path, file_digest(path))
    path.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(sources.CheckpointError):
        checkpoint.contents(path, file_digest(path))


def test_a_safetensors_file_holds_no_code(here):
    path = here / "weights.safetensors"
    path.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(sources.CheckpointError, match="not a safetensors file"):
        checkpoint.contents(path, file_digest(path))


def test_an_array_of_objects_is_rejected(here):
    np.savez("t.npz", lon=np.zeros(3), lat=np.zeros(3), emb=np.array([Runs()] * 3))
    with pytest.raises(coordinate_tables.TableError, match="without running a pickle"):
        coordinate_tables.read("t.npz", features="emb")


def pickled_store(path: Path, pickled: str = "v", **array) -> None:
    """A Zarr group of version 2 of which one array has a pickle for its chunk."""
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    lat, lon = np.arange(-89.5, 90), np.arange(-179.5, 180)
    for name, values in (("lat", lat), ("lon", lon), ("v", np.zeros((180, 360)))):
        (path / name).mkdir()
        shape = list(values.shape)
        about = {"zarr_format": 2, "shape": shape, "chunks": shape, "dtype": "<f8", "compressor": None}
        about |= {"fill_value": None, "order": "C", "filters": None, **(array if name == pickled else {})}
        (path / name / ".zarray").write_text(json.dumps(about))
        dimensions = ["lat", "lon"] if name == "v" else [name]
        (path / name / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": dimensions}))
        content = pickle.dumps(Runs()) if name == pickled else values.tobytes()
        (path / name / ("0.0" if name == "v" else "0")).write_bytes(content)


PICKLE = {"id": "pickle", "protocol": 5}


def planned(folder: Path) -> None:
    """Plan an experiment with the custom raster `r.zarr`."""
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "experiment" / "own.yaml").write_text(
        RELEASED.replace("datasets: []", "datasets: [mine]")
    )
    (folder / "config" / "dataset" / "mine.yaml").write_text(RASTER.replace("r.nc", "r.zarr"))
    resolve.resolve(folder / "config", "own")


@pytest.mark.parametrize(
    "codecs",
    [
        {"compressor": PICKLE},
        {"dtype": "|O", "filters": [PICKLE]},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "compressor": PICKLE},
    ],
    ids=["compressor", "filter", "both"],
)
def test_a_store_of_pickles_is_rejected_while_planning(here, codecs):
    pickled_store(here / "r.zarr", **codecs)
    with pytest.raises(
        ConfigError, match=r"dataset\.mine\.build\.path: r\.zarr/v/\.zarray: its values are pickles"
    ):
        planned(here)


def escaped(text: str) -> bytes:
    return text.replace('"pickle"', '"\\u0070ickle"').encode()


def in_another_encoding(text: str) -> bytes:
    return text.encode("utf-16")


@pytest.mark.parametrize("spelt", [escaped, in_another_encoding])
def test_no_spelling_hides_the_codec_of_pickles(here, spelt):
    """Metadata are JSON, which can spell one word in many ways."""
    pickled_store(here / "r.zarr", dtype="|O", filters=[{"id": "vlen-utf8"}], compressor=PICKLE)
    file = here / "r.zarr" / "v" / ".zarray"
    file.write_bytes(spelt(file.read_text()))
    with pytest.raises(ConfigError, match=r"v/\.zarray: its values are pickles"):
        planned(here)


@pytest.mark.parametrize("codec", ['{"name": "numcodecs.pickle"}', '"numcodecs.pickle"'])
def test_a_nested_pickle_codec_of_format_3_is_rejected(here, codec):
    (here / "r.zarr").mkdir()
    shards = f'{{"name": "sharding_indexed", "configuration": {{"codecs": [{codec}]}}}}'
    (here / "r.zarr" / "zarr.json").write_text(f'{{"zarr_format": 3, "codecs": [{shards}]}}')
    with pytest.raises(ConfigError, match=r"r\.zarr/zarr\.json: its values are pickles"):
        planned(here)


def test_metadata_that_are_not_json_are_named(here):
    pickled_store(here / "r.zarr", compressor=None)
    (here / "r.zarr" / "v" / ".zarray").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"r\.zarr/v/\.zarray: is not valid JSON"):
        planned(here)


def test_an_error_of_a_codec_becomes_a_one_line_error(here):
    """The search does not follow links; behind a link the codec itself raises an error."""
    codecs = {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "compressor": PICKLE}
    pickled_store(here / "r.zarr", "lat", **codecs)
    (here / "r.zarr" / "lat").rename(here / "lat")
    (here / "r.zarr" / "lat").symlink_to(here / "lat")
    with pytest.raises(
        ConfigError,
        match=r"dataset\.mine\.build\.path: r\.zarr cannot be read as Zarr store .* \(Pickle\.decode is disab",
    ):
        planned(here)
    # Without names of axes; otherwise the store is rejected as a grid before any chunk is read.
    for file in (here / "r.zarr").glob("*/.zattrs"):
        file.unlink()
    with pytest.raises(
        coordinate_tables.TableError, match=r"r\.zarr: cannot be read \(Pickle\.decode is disab"
    ):
        coordinate_tables.points("r.zarr")


def test_paths_of_fetched_files_stay_below_weights(here):
    with zipfile.ZipFile(here / "a.zip", "w") as archive:
        archive.writestr("../../evil.pt", b"outside")
        archive.writestr("good.pt", b"inside")
    leaf = {"source": {"url": "https://host.invalid/a.zip", "member": "../../evil.pt"}, "sha256": "a" * 64}
    with pytest.raises(ValueError, match="relative path below weights/"):
        sources.locate(leaf["source"])
    for name in ("hub", "file"):
        source = {"hub": "a/b", "file": "x.pt", "revision": "main"} | {name: "../../x"}
        with pytest.raises(ValueError, match="relative path"):
            sources.locate(source)


def test_records_take_nothing_from_the_environment(here, monkeypatch):
    """Secrets in the environment cannot enter a config or a record."""
    monkeypatch.setenv("TOKEN", "secret")
    shutil.copytree(ROOT / "config", here / "config")
    path = here / "config" / "experiment" / "own.yaml"
    for text in (
        "${oc.env:TOKEN}",
        "${oc.decode:${oc.env:TOKEN}}",
        "${ oc.env:TOKEN }",
        "${hydra:runtime.cwd}",
    ):
        path.write_text(RELEASED.replace("title: Brought along", f"title: '{text}'"))
        with pytest.raises(ConfigError, match="reads a value from outside the config"):
            resolve.resolve(here / "config", "own")
