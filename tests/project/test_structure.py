"""Structure of the project: import order, sizes, location of each kind of module, and validity of every leaf."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from earthdim.build import target
from earthdim.experiment import parts
from earthdim.experiment.leaves import LeafStore
from earthdim.experiment.targets import check_target

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow" / "src" / "earthdim"
CONFIG = ROOT / "config"
LEAVES = LeafStore(CONFIG)

# A module imports only from its own package and from those before it; there are no exceptions.
ORDER = (
    "geo",
    "build",
    "compiled",
    "progress",
    "storage",
    "omissions",
    "data",
    "encoders",
    "pretraining",
    "estimation",
    "probing",
    "analysis",
    "figures",
    "experiment",
    "jobs",
    "provenance",
    "api",
    "__init__",
)
# Stages exchange files, not code; the library does not load the planner.
APART = (
    ("pretraining", {"estimation", "probing"}),
    ("estimation", {"pretraining", "probing"}),
    ("probing", {"pretraining", "estimation"}),
    ("jobs", set(ORDER) - {"progress", "storage"}),
    ("api", {"experiment", "jobs", "provenance", "figures", "analysis", "probing", "pretraining"}),
)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imports_at_load(path: Path) -> set[str]:
    """Those of `imports` that run when the module is loaded: not within functions, not for type checkers alone."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


MODULES = {path: path.relative_to(PACKAGE).with_suffix("").parts[0] for path in sorted(PACKAGE.rglob("*.py"))}


def rooms_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path) if name.startswith("earthdim."))
    return {parts[1] for parts in names} & set(MODULES.values())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards_only(path):
    package = MODULES[path]
    allowed = set(ORDER[: ORDER.index(package) + 1]) - dict(APART).get(package, set())
    assert rooms_imported(path) <= allowed | {package}


def test_there_are_no_import_cycles():
    names = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in MODULES}
    arrows = {
        names[path].removesuffix(".__init__"): {
            name.removeprefix("earthdim.") for name in imports_at_load(path) if name.startswith("earthdim.")
        }
        for path in MODULES
    }
    graph = {
        name: {other for other in others if other in arrows and other != name}
        for name, others in arrows.items()
    }
    # A package's __init__ gathers its modules, which may import from siblings: parents are no arrows.
    graph = {
        name: {other for other in others if not name.startswith(f"{other}.")}
        for name, others in graph.items()
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("snakemake", set()),
        ("hydra", {"experiment"}),
        ("matplotlib", {"figures"}),
        ("zarr", {"storage", "data"}),
        ("skdim", {"estimation"}),
        ("numba", {"compiled"}),
        ("pyshtools", {"encoders"}),
        ("onnxruntime", {"encoders"}),
        ("huggingface_hub", {"encoders"}),
        ("rocrate", {"provenance"}),
    ],
)
def test_a_library_is_imported_in_its_room_only(library, rooms):
    users = {room for path, room in MODULES.items() if any(n.split(".")[0] == library for n in imports(path))}
    assert users <= rooms


LONGEST_FILE, LONGEST_BODY = 400, 50
SOURCES = sorted(
    path
    for folder in ("workflow", "tests", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".smk")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    if path.suffix == ".py":
        assert [name for name, lines in bodies(ast.parse(text)) if lines > LONGEST_BODY] == []


def bodies(tree):
    """Each function's name, and the number of lines of its body without its docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.name, node.end_lineno - first.lineno + 1


def test_common_rules_and_scripts_are_short():
    assert (ROOT / "workflow" / "rules" / "common.smk").read_text().count("\n") <= 150
    scripts = (ROOT / "workflow" / "scripts").glob("*.py")
    assert [path.name for path in scripts if path.read_text().count("\n") > 20] == []


def test_tests_mirror_the_package():
    """tests/unit/<package>/test_<module>[_<aspect>].py: of a module, or of a whole subpackage."""
    homeless = []
    for path in sorted((ROOT / "tests" / "unit").rglob("test_*.py")):
        folder = PACKAGE / path.parent.relative_to(ROOT / "tests" / "unit")
        words = path.stem.removeprefix("test_").split("_")
        names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
        if not any((folder / f"{name}.py").is_file() or (folder / name).is_dir() for name in names):
            homeless.append(str(path.relative_to(ROOT)))
    assert homeless == []


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


# Arguments that the workflow supplies, by the key that holds the target.
GIVEN = {
    "sample": parts.SAMPLER,
    "inside": frozenset({"dataset"}),
    "estimator": frozenset({"k"}),
    "network": frozenset({"inputs"}),
}


@pytest.mark.parametrize("leaf", list(leaves()))
def test_every_leaf_names_an_existing_target_with_valid_arguments(leaf):
    value = yaml.safe_load((CONFIG / f"{leaf}.yaml").read_text()) or {}
    for key, part in targets_in(value, leaf):
        group, *_, last = key.replace("/", ".").removesuffix(".build").split(".")
        given = GIVEN.get(last, GIVEN.get(group, frozenset()))
        check_target(part, key, given)
        assert callable(target(part["_target_"]))


def test_point_sets_of_one_name_have_one_config():
    samples = {}
    for path in sorted((CONFIG / "sample").glob("*.yaml")):
        leaf = yaml.safe_load(path.read_text())
        name = (leaf["kind"], leaf["n"])
        rest = {key: value for key, value in leaf.items() if key != "replicates"}
        assert samples.setdefault(name, rest) == rest
    schedules = {}
    for name in LEAVES.options("schedule"):
        leaf = LEAVES.get("schedule", name, "schedule")["schedule"]
        total = leaf["locations"] + leaf["validation"]
        assert schedules.setdefault(total, leaf["seed"]) == leaf["seed"]


def test_samples_of_different_kinds_have_different_seeds():
    seeds = {}
    for group, key in (("sample", "kind"), ("schedule", None)):
        for name in LEAVES.options(group):
            leaf = LEAVES.get(group, name, group)[group]
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
