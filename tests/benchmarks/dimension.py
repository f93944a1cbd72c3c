"""What the dimension engine costs, against scikit-dimension and against the machine's matrix products.

    envs/run python tests/benchmarks/dimension.py                      # GeoCLIP's released encoder, 30,000 x 512
    envs/run python tests/benchmarks/dimension.py --n 100000 --ours    # the engine alone at the paper's size
    envs/run python tests/benchmarks/dimension.py --smoke              # in seconds: does it still run?

How it measures:

- Everything has a process of its own (the engine's parts share one, since they build on each other), one by one,
  with one thread for BLAS, OpenMP, numba and torch, and without the variables that choose OpenBLAS' kernels.
- CPU seconds are user plus system time around the call alone, wall time likewise: imports and compilation are done
  before, by the same call on few rows. Memory is the peak of the resident set above what was resident once the
  data was loaded.
- scikit-dimension is given the points as the engine prepares them (centred, in units of their spacing, float64), each
  of its estimators as a user calls it, with n_jobs=1. The engine is given the embedding and pays for the preparing.
- `ratio` is what scikit-dimension costs over what the engine would for that estimator alone: preparing, the graph if
  the estimator reads it, and itself. The last line compares the sums, for which the engine needs one graph.
- The machine's limit for the graph is N^2 D / 2 multiply-adds of float32 matrix products, at the rate of the faster of
  numpy and torch in tiles of 4,096 and 8,192 rows, measured before and after the engine; the faster run counts.
- What exceeds `--limit` CPU seconds or `--memory` GiB is stopped; its cost is then a lower bound, and so is the ratio.
"""

import argparse
import datetime
import json
import math
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
GIB = 2**30
ESTIMATORS = ("mle", "mom", "tle", "twonn", "corrint", "fishers")
# Beside these at the paper's size, where the engine is measured alone.
ALSO = ("mle-k10", "mom-k10", "tle-k10")
# The leaves' k; a graph as deep as the workflow's.
K, DEPTH = 20, 100
STATED = (30_000, 512)
"""Size for which the demands on CPU time are stated."""
PAPER = (100_000, 512)
"""Size for which the demands on memory and wall time are stated."""
LARGEST_SHARE, LARGEST_MULTIPLE, LARGEST_GIB, LARGEST_WALL, LARGEST_DIFFERENCE = 0.1, 2.2, 2.0, 240, 1e-9
CPU_LIMIT = "CPU limit"
SEED = 2000
WARM_ROWS = 400


# Measuring one call


@dataclass
class Meter:
    """Measures what a block costs; `base` is the resident set, in bytes, above which memory is counted."""

    base: int
    cpu: float = 0.0
    wall: float = 0.0
    gib: float = 0.0

    def __enter__(self) -> "Meter":
        # Sets the high-water mark of the resident set back to what is resident now.
        Path("/proc/self/clear_refs").write_text("5")
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_) -> None:
        self.cpu = time.process_time() - self._cpu
        self.wall = time.perf_counter() - self._wall
        self.gib = max(0, resident("VmHWM") - self.base) / GIB

    def costs(self, **more: object) -> dict[str, object]:
        """What was measured, as plain values."""
        return {"cpu": self.cpu, "wall": self.wall, "gib": self.gib, **more}


def resident(field_name: str = "VmRSS") -> int:
    """Resident set of this process in bytes, now (VmRSS) or at most (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field_name}:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status: has no {field_name}")


# What runs in processes of their own


def encoder_and_points(n: int) -> tuple:
    """GeoCLIP's released encoder, warm, and n points on land."""
    from earthdim.data.datasets.landmask import is_land, land_mask
    from earthdim.data.samples.area import land
    from earthdim.experiment.leaves import LeafStore
    from earthdim.pretraining.weights import initial_encoder

    leaf = LeafStore(ROOT / "config").get("weights", "geoclip/released", "weights")["weights"]
    encoder = initial_encoder({"weights": leaf})
    lonlat = land(n, np.random.default_rng([SEED, 0]), is_land(land_mask()))
    encoder.embed(lonlat[:WARM_ROWS])
    return encoder, lonlat


def embed(folder: Path, options: argparse.Namespace) -> dict:
    """Embed land points with GeoCLIP's released encoder; leaves embedding.npy behind."""
    encoder, lonlat = encoder_and_points(options.n)
    with Meter(resident()) as meter:
        embedding = encoder.embed(lonlat)
    if not 2 <= options.d <= embedding.shape[1]:
        raise SystemExit(f"--d: must lie in 2 .. {embedding.shape[1]}, is {options.d}")
    np.save(folder / "embedding.npy", np.ascontiguousarray(embedding[:, : options.d]))
    return {"embedding": meter.costs()}


def rate(folder: Path, options: argparse.Namespace) -> dict:
    """Multiply-adds per CPU second of float32 matrix products in tiles, for each library and tile."""
    import torch

    found = {}
    for tile in options.tiles:
        left, right = (np.random.default_rng(side).random((tile, options.d), np.float32) for side in (0, 1))
        out, tensors = np.empty((tile, tile), np.float32), [torch.from_numpy(side) for side in (left, right)]
        result = torch.empty((tile, tile))
        products: dict[str, Callable[[], object]] = {
            "numpy": lambda a=left, b=right, c=out: np.matmul(a, b.T, out=c),
            "torch": lambda a=tensors[0], b=tensors[1], c=result: torch.mm(a, b.T, out=c),
        }
        for library, product in products.items():
            product()
            times: list[float] = []
            while len(times) < 3 or sum(times) < options.seconds:
                start = time.process_time()
                product()
                times.append(time.process_time() - start)
            found[f"{library}, tiles of {tile:,}"] = tile**2 * options.d / statistics.median(times)
    return found


def suite(folder: Path, options: argparse.Namespace) -> dict:
    """The engine: preparing, the graph, every estimator from it; leaves points.npy behind."""
    from earthdim.estimation.estimators import PreparedEmbedding, estimate
    from earthdim.estimation.estimators.estimate import READS
    from earthdim.estimation.neighbours import knn, prepare
    from earthdim.experiment.leaves import LeafStore

    store = LeafStore(ROOT / "config")
    names = (*ESTIMATORS, *(ALSO if options.ours else ()))
    leaves = {name: store.get("estimator", name, "estimators")["estimator"] for name in names}
    embedding = np.load(folder / "embedding.npy")
    few = prepare(embedding[:WARM_ROWS])
    prepared_embedding = PreparedEmbedding(few, knn(few.points, DEPTH))
    for leaf in leaves.values():
        estimate(leaf, prepared_embedding)
    base, costs = resident(), {}
    with Meter(base) as meter:
        prepared = prepare(embedding)
    costs["prepare"] = meter.costs()
    with Meter(base) as meter:
        graph = knn(prepared.points, DEPTH)
    costs["graph"] = meter.costs()
    prepared_embedding = PreparedEmbedding(prepared, graph)
    for name, leaf in leaves.items():
        with Meter(base) as meter:
            value = estimate(leaf, prepared_embedding).value
        costs[name] = meter.costs(value=value, reads_graph=READS[leaf["reads"]].of_graph)
    np.save(folder / "points.npy", prepared.points)
    return costs


def reference(folder: Path, options: argparse.Namespace) -> dict:
    """One estimator of scikit-dimension, searching its own neighbours."""
    import skdim.id

    local = {"n_neighbors": K, "n_jobs": 1}
    fits: dict[str, Callable[[np.ndarray], object]] = {
        "mle": lambda points: skdim.id.MLE().fit(points, comb="mle", **local),
        "mom": lambda points: skdim.id.MOM().fit(points, **local),
        "tle": lambda points: skdim.id.TLE().fit(points, **local),
        "twonn": lambda points: skdim.id.TwoNN(discard_fraction=0.1).fit(points),
        "corrint": lambda points: skdim.id.CorrInt(k1=10, k2=20).fit(points),
        "fishers": lambda points: skdim.id.FisherS(conditional_number=10).fit(points),
    }
    fit = fits[options.estimator]
    points = np.load(folder / "points.npy")
    fit(points[:WARM_ROWS])
    base = resident()
    used = math.ceil(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + options.limit, used + options.limit + 5))
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + int(options.memory * GIB),) * 2)
    try:
        with Meter(base) as meter:
            value = float(fit(points).dimension_)
    except MemoryError:
        return {"failed": f"needs more than {options.memory:.3g} GiB"}
    return meter.costs(value=value)


def address_space() -> int:
    """Bytes of address space that this process holds."""
    return os.sysconf("SC_PAGE_SIZE") * int(Path("/proc/self/statm").read_text().split()[0])


STAGES = {"embed": embed, "rate": rate, "suite": suite, "reference": reference}


def run_stage(stage: str, folder: Path, options: argparse.Namespace) -> None:
    """Run one stage in this process and leave its result in the folder."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    result = STAGES[stage](folder, options)
    (folder / "result.json").write_text(json.dumps(result))


def in_own_process(stage: str, folder: Path, arguments: list[str]) -> dict:
    """Run a stage in a process of its own; a stage that was stopped gives `failed` and why."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OPENBLAS", "GOTO"))
    }
    environment |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "NUMBA", "NUMEXPR")}
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        *arguments,
        "--stage",
        stage,
        "--folder",
        str(folder),
    ]
    done = subprocess.run(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return json.loads(result.read_text())
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL) and stage == "reference":
        return {"failed": CPU_LIMIT if done.returncode == -signal.SIGXCPU else "killed"}
    raise SystemExit(f"{stage} ended with {done.returncode}:\n{done.stderr[-4000:]}")


# The comparison


@dataclass
class Findings:
    """What was measured, and what it says.

    Attributes
    ----------
    n, d : int
        Size of the embedding.
    limit : int
        CPU seconds after which a reference is stopped.
    rates : dict
        Library and tile -> multiply-adds per CPU second.
    ours, theirs : dict
        Part or estimator -> costs.
    """

    n: int
    d: int
    limit: int
    rates: dict[str, float] = field(default_factory=dict)
    ours: dict[str, dict] = field(default_factory=dict)
    theirs: dict[str, dict] = field(default_factory=dict)

    @property
    def graph_limit(self) -> float:
        """CPU seconds of N^2 D / 2 multiply-adds at the best rate."""
        return self.n**2 * self.d / 2 / max(self.rates.values())

    @property
    def suite(self) -> dict[str, float]:
        """Costs of everything but the embedding, all estimators from one graph."""
        parts = [costs for part, costs in self.ours.items() if part != "embedding"]
        sums = {kind: sum(costs[kind] for costs in parts) for kind in ("cpu", "wall")}
        return {**sums, "gib": max(costs["gib"] for costs in parts)}

    def alone(self, name: str) -> float:
        """CPU seconds of one estimator without the others."""
        graph = self.ours["graph"]["cpu"] if self.ours[name]["reads_graph"] else 0.0
        return self.ours["prepare"]["cpu"] + graph + self.ours[name]["cpu"]

    def their_cpu(self, name: str) -> float:
        """CPU seconds of a reference, or what it had used when it was stopped."""
        costs = self.theirs[name]
        if "failed" in costs:
            return float(self.limit if costs["failed"] == CPU_LIMIT else 0)
        return costs["cpu"]

    @property
    def stopped(self) -> list[str]:
        """References that did not finish."""
        return [name for name, costs in self.theirs.items() if "failed" in costs]

    def differences(self) -> dict[str, float]:
        """Relative difference of every value that both have."""
        return {
            name: abs(self.ours[name]["value"] / costs["value"] - 1)
            for name, costs in self.theirs.items()
            if "value" in costs
        }

    def verdicts(self) -> list[tuple[str, bool | None]]:
        """What is demanded, and whether it holds; None where this size says nothing about it."""
        stated, paper = (self.n, self.d) == STATED, (self.n, self.d) == PAPER
        suite, multiple, found = self.suite, self.ours["graph"]["cpu"] / self.graph_limit, []
        if self.theirs and sum(map(self.their_cpu, self.theirs)):
            share = suite["cpu"] / sum(map(self.their_cpu, self.theirs))
            at = "at most " if self.stopped else ""
            words = f"the suite costs {at}{share:.3f} of scikit-dimension's CPU seconds (demanded: {LARGEST_SHARE})"
            found.append((words, share <= LARGEST_SHARE if stated else None))
        words = f"the graph costs {multiple:.2f} times the limit (demanded: {LARGEST_MULTIPLE})"
        found.append((words, multiple <= LARGEST_MULTIPLE if stated else None))
        words = f"the suite's peak is {suite['gib']:.2f} GiB above the data (demanded: below {LARGEST_GIB:g})"
        found.append((words, suite["gib"] < LARGEST_GIB if paper else None))
        wall = suite["wall"] + self.ours["embedding"]["wall"]
        words = f"embedding and suite take {wall:.0f} s on one core (demanded: below {LARGEST_WALL} s on two)"
        found.append((words, wall < LARGEST_WALL if paper else None))
        if differences := self.differences():
            largest = max(differences.values())
            words = f"values differ by at most {largest:.1e} relative (demanded: {LARGEST_DIFFERENCE:g})"
            found.append((words, largest <= LARGEST_DIFFERENCE))
        return found


def table(findings: Findings) -> str:
    """Everything that was measured, as text."""
    head = ["", "CPU s", "wall s", "GiB", "skdim CPU s", "wall s", "GiB", "ratio", "rel. difference"]
    lines = [head]
    differences = findings.differences()
    for part, costs in findings.ours.items():
        line = [f"graph, k = {DEPTH}" if part == "graph" else part, *_costs(costs)]
        if part in findings.theirs:
            line += [*_their_costs(findings, part), _ratio(findings, [part], findings.alone(part))]
            line += [f"{differences[part]:.1e}"] if part in differences else []
        lines.append(line)
    line = ["suite (without embedding)", *_costs(findings.suite)]
    if findings.theirs:
        total = sum(map(findings.their_cpu, findings.theirs))
        sign = "≥ " if findings.stopped else ""
        line += [f"{sign}{total:,.1f}", "", "", _ratio(findings, findings.theirs, findings.suite["cpu"])]
    lines.append(line)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(head))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    )


def _costs(costs: Mapping) -> list[str]:
    return [f"{costs['cpu']:,.2f}", f"{costs['wall']:,.2f}", f"{costs['gib']:.2f}"]


def _their_costs(findings: Findings, name: str) -> list[str]:
    costs = findings.theirs[name]
    if "failed" not in costs:
        return _costs(costs)
    return [f"≥ {findings.limit:,}" if costs["failed"] == CPU_LIMIT else costs["failed"], "", ""]


def _ratio(findings: Findings, names: Iterable[str], ours: float) -> str:
    """How many times the engine's cost the references cost, or at least."""
    total = sum(map(findings.their_cpu, names))
    if not total:
        return "–"  # too little to be measured
    return f"{'≥ ' if set(names) & set(findings.stopped) else ''}{total / ours:,.1f}"


def machine() -> str:
    """Where and with what this was measured."""
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line), "unknown"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    libraries = ("numpy", "torch", "numba", "scikit-learn", "scikit-dimension", "earthdim")
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    now = datetime.datetime.now(datetime.UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores of {model}, {memory:.0f} GiB\n"
        f"Python {platform.python_version()}, {versions}"
    )


def compare(options: argparse.Namespace, arguments: list[str]) -> Findings:
    """Run every stage in its own process, one after the other."""
    findings = Findings(options.n, options.d, options.limit)
    with tempfile.TemporaryDirectory(prefix="earthdim-benchmark-") as name:
        folder = Path(name)
        findings.ours |= in_own_process("embed", folder, arguments)
        before = in_own_process("rate", folder, arguments)
        findings.ours |= in_own_process("suite", folder, arguments)
        after = in_own_process("rate", folder, arguments)
        findings.rates = {library: max(before[library], after[library]) for library in before}
        for estimator in () if options.ours else ESTIMATORS:
            print(f"scikit-dimension: {estimator} ...", file=sys.stderr, flush=True)
            costs = in_own_process("reference", folder, [*arguments, "--estimator", estimator])
            findings.theirs[estimator] = costs
    return findings


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / GIB
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=STATED[0], help="points on land (default 30,000)")
    parser.add_argument(
        "--d", type=int, default=STATED[1], help="columns of the embedding, the first D (default 512)"
    )
    parser.add_argument(
        "--limit", type=int, default=3600, help="CPU seconds for each reference (default 3,600)"
    )
    parser.add_argument(
        "--memory", type=float, default=0.9 * available, help="GiB for each (default: 90 %% of free)"
    )
    parser.add_argument("--ours", action="store_true", help="measure the engine alone")
    parser.add_argument("--smoke", action="store_true", help="600 points, 16 columns, small tiles")
    for name in ("--stage", "--folder", "--estimator"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.tiles, options.seconds = (4096, 8192), 4.0
    if options.smoke:
        options.n, options.d, options.tiles, options.seconds = 600, 16, (256,), 0.0
    return options


def main(arguments: list[str]) -> int:
    """Measure, print, and return 1 if a demand is not met."""
    options = parse(arguments)
    if options.stage:
        run_stage(options.stage, Path(options.folder), options)
        return 0
    print(machine())
    print(f"GeoCLIP's released encoder at {options.n:,} points on land, {options.d} columns, one thread\n")
    findings = compare(options, arguments)
    print(table(findings))
    fastest = max(findings.rates, key=findings.rates.get)
    print(f"\nlimit of the graph: {findings.graph_limit:.2f} CPU s ({fastest}: "
          f"{findings.rates[fastest] / 1e9:.1f}e9 multiply-adds a second)")  # fmt: skip
    verdicts = findings.verdicts()
    for words, holds in verdicts:
        print({True: "pass", False: "FAIL", None: "    "}[holds], words)
    if any(holds is None for _, holds in verdicts):
        print(f"Not judged at this size: demands on CPU time are stated for {STATED[0]:,} x {STATED[1]}, those on "
              f"memory and wall time for {PAPER[0]:,} x {PAPER[1]}.")  # fmt: skip
    return int(any(holds is False for _, holds in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
