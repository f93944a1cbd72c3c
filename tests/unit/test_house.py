"""The house's own rules: who may import whom, where a kind of thing stands, and that every leaf can be built."""

import ast
from pathlib import Path

import pytest
import yaml

from earthdim import grid
from earthdim.artefacts import WEIGHTS_KEYS
from earthdim.build import target
from earthdim.leaves import check_target

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow" / "src" / "earthdim"
CONFIG = ROOT / "config"

# From the ground up; a module may import what stands on a lower floor, and its own room.
FLOORS = [
    {"geo", "arrays", "doubts", "build", "compiled", "digests", "published", "coordinate_tables", "misfits"},
    {"samples", "encodings", "networks", "statistics", "metrics", "splits"},
    {"datasets"},
    {"encoders", "modalities", "objectives", "tasks", "heads", "regions"},
    {"pretrain", "released", "own", "neighbours", "estimators", "probes", "correlate"},
    {"uncertainty", "measure", "variants", "tables", "figures", "budget"},
    {"scale", "jacobian", "draws"},
]
# Not part of the flow: how it is configured, recorded and stored.
FRAME = {
    "artefacts",
    "atomic",
    "branches",
    "checking",
    "choices",
    "composition",
    "disk",
    "drawing",
    "experiment",
    "foreseen",
    "frozen",
    "grid",
    "interpreter",
    "lease",
    "leaves",
    "processes",
    "provenance",
    "records",
    "runs",
    "sums",
    "runtime",
    "user_files",
    "views",
}
# For people who have an array and no workflow: it may know all of the above.
DOORS = {"__init__", "api"}
STAGES = {"pretrain", "neighbours", "probes", "correlate"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


MODULES = {path: path.relative_to(PACKAGE).with_suffix("").parts[0] for path in sorted(PACKAGE.rglob("*.py"))}


def rooms_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path) if name.startswith("earthdim."))
    return {parts[1] for parts in names} & set(MODULES.values())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_the_floors(path):
    room = MODULES[path]
    if room in FRAME | DOORS:
        return
    level = {name: number for number, names in enumerate(FLOORS) for name in names}
    assert room in level, f"{room} has no floor yet"
    for other in rooms_imported(path) - {room} - {"artefacts", "atomic"}:
        assert other in level, f"{room} imports {other} of the frame"
        assert level[other] <= level[room], f"{room} imports {other} above it"
        assert not {room, other} <= STAGES, f"the stages {room} and {other} know each other"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("snakemake", set()),
        ("hydra", {"composition"}),
        ("matplotlib", {"figures"}),
        ("zarr", {"artefacts", "coordinate_tables"}),
        ("skdim", {"estimators"}),
        ("numba", {"compiled"}),
        ("pyshtools", {"encodings"}),
        ("onnxruntime", {"own"}),
        ("huggingface_hub", {"released"}),
        ("rocrate", {"records"}),
    ],
)
def test_a_library_is_known_in_its_room_only(library, rooms):
    users = {room for path, room in MODULES.items() if any(n.split(".")[0] == library for n in imports(path))}
    assert users <= rooms


def test_no_file_outgrows_its_room():
    long = {str(path): text.count("\n") for path in MODULES if (text := path.read_text()).count("\n") > 460}
    assert not long


def leaves():
    for path in sorted(CONFIG.rglob("*.yaml")):
        if path.parent != CONFIG:
            yield str(path.relative_to(CONFIG).with_suffix(""))


def targets_in(value, key=""):
    if isinstance(value, dict):
        if "_target_" in value:
            yield key, value
        for name, item in value.items():
            yield from targets_in(item, f"{key}.{name}")


BESIDE = {
    "dataset": frozenset({"about"}),
    "task": grid.TASK_KEYS,
    "estimator": grid.ESTIMATOR_KEYS,
    "sample": frozenset({"kind", "n", "replicates", "seed", "dataset"}),
    "weights": WEIGHTS_KEYS,
}


@pytest.mark.parametrize("leaf", list(leaves()))
def test_every_leaf_names_what_exists_and_its_arguments_fit(leaf):
    value = yaml.safe_load((CONFIG / f"{leaf}.yaml").read_text()) or {}
    for key, part in targets_in(value, leaf):
        check_target(part, key, BESIDE.get(leaf.split("/")[0], frozenset()))
        assert callable(target(part["_target_"]))


def test_point_sets_of_one_name_are_of_one_config():
    samples = {}
    for path in sorted((CONFIG / "sample").glob("*.yaml")):
        leaf = yaml.safe_load(path.read_text())
        name = (leaf["kind"], leaf["n"])
        rest = {key: value for key, value in leaf.items() if key != "replicates"}
        assert samples.setdefault(name, rest) == rest
    schedules = {}
    for path in sorted((CONFIG / "schedule").glob("*.yaml")):
        leaf = yaml.safe_load(path.read_text())
        total = leaf["locations"] + leaf["validation"]
        assert schedules.setdefault(total, leaf["seed"]) == leaf["seed"]


def test_no_draw_of_points_is_the_beginning_of_another():
    seeds = {}
    for group, key in (("sample", "kind"), ("schedule", None)):
        for path in sorted((CONFIG / group).glob("*.yaml")):
            leaf = yaml.safe_load(path.read_text())
            kind = leaf[key] if key else "training locations"
            assert (
                seeds.setdefault(leaf["seed"], kind) == kind
                or kind == "training locations" == seeds[leaf["seed"]]
            )
    assert len(seeds) >= 3


def test_a_source_is_the_same_in_every_modality():
    sources = {}
    for path in sorted((CONFIG / "modality").glob("*.yaml")):
        for name, source in (yaml.safe_load(path.read_text()).get("sources") or {}).items():
            assert sources.setdefault(name, source) == source


def test_scripts_are_short():
    long = [
        path.name
        for path in (ROOT / "workflow" / "scripts").glob("*.py")
        if len(path.read_text().splitlines()) > 50
    ]
    assert set(long) <= {"finish.py"}
