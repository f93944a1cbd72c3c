"""Results of the benchmark of the dimension engine: requirements, verdicts, and the printed table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

GIB = 2**30
DEPTH = 100
"""Neighbours in the graph, as in the workflow."""

STATED = (30_000, 512)
"""Size to which the limit on the CPU time of `SINGLE` applies."""

PAPER = (100_000, 512)
"""Size to which the limits on memory and wall time apply."""

LEAST_RATIO = {STATED: 25, PAPER: 40}
"""Least cost of scikit-dimension in multiples of the suite, by size."""

LARGEST_MULTIPLE = {STATED: 1.4, PAPER: 1.2}
"""Largest cost of the graph in multiples of the matrix products, by size."""

SINGLE, LARGEST_SINGLE = "tle-k100", 15
"""An estimator that is not part of the suite, and the limit on its CPU seconds."""

LARGEST_GIB, LARGEST_WALL, LARGEST_DIFFERENCE = 2.0, 240, 1e-9
CPU_LIMIT = "CPU limit"


@dataclass
class Findings:
    """Measurements and verdicts.

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
        """Costs of all parts except the embedding and `SINGLE`; all estimators share one graph."""
        parts = [costs for part, costs in self.ours.items() if part not in ("embedding", SINGLE)]
        sums = {kind: sum(costs[kind] for costs in parts) for kind in ("cpu", "wall")}
        return {**sums, "gib": max(costs["gib"] for costs in parts)}

    def alone(self, name: str) -> float:
        """CPU seconds of one estimator without the others."""
        graph = self.ours["graph"]["cpu"] if self.ours[name]["reads_graph"] else 0.0
        return self.ours["prepare"]["cpu"] + graph + self.ours[name]["cpu"]

    def their_cpu(self, name: str) -> float:
        """CPU seconds of a reference; those that it spent if it failed, or its limit if it was stopped there."""
        costs = self.theirs[name]
        return costs.get("cpu", float(self.limit if costs.get("failed") == CPU_LIMIT else 0))

    @property
    def stopped(self) -> list[str]:
        """References that did not finish."""
        return [name for name, costs in self.theirs.items() if "failed" in costs]

    def differences(self) -> dict[str, float]:
        """Relative differences of the values that both sides have."""
        return {
            name: abs(self.ours[name]["value"] / costs["value"] - 1)
            for name, costs in self.theirs.items()
            if "value" in costs
        }

    def verdicts(self) -> list[tuple[str, bool | None]]:
        """Requirements and whether they hold; None where a requirement does not apply to this size."""
        size = (self.n, self.d)
        paper = size == PAPER
        suite, multiple, found = self.suite, self.ours["graph"]["cpu"] / self.graph_limit, []
        if self.theirs and sum(map(self.their_cpu, self.theirs)):
            ratio = sum(map(self.their_cpu, self.theirs)) / suite["cpu"]
            at = "at least " if self.stopped else ""
            words = f"scikit-dimension costs {at}{ratio:.1f} times the suite's CPU seconds"
            found.append(_required(words, "at least", LEAST_RATIO.get(size), ratio, -1))
        words = f"the graph costs {multiple:.2f} times the limit"
        found.append(_required(words, "at most", LARGEST_MULTIPLE.get(size), multiple, 1))
        if SINGLE in self.ours:
            seconds = self.ours[SINGLE]["cpu"]
            least = LARGEST_SINGLE if size == STATED else None
            found.append(_required(f"{SINGLE} costs {seconds:.1f} CPU s", "at most", least, seconds, 1))
        words = f"the suite's peak is {suite['gib']:.2f} GiB above the data (required: below {LARGEST_GIB:g})"
        found.append((words, suite["gib"] < LARGEST_GIB if paper else None))
        wall = suite["wall"] + self.ours["embedding"]["wall"]
        words = f"embedding and suite take {wall:.0f} s on one core (required: below {LARGEST_WALL} s on two)"
        found.append((words, wall < LARGEST_WALL if paper else None))
        if differences := self.differences():
            largest = max(differences.values())
            words = f"values differ by at most {largest:.1e} relative (required: {LARGEST_DIFFERENCE:g})"
            found.append((words, largest <= LARGEST_DIFFERENCE))
        return found


def _required(words: str, how: str, bound: float | None, value: float, sign: int) -> tuple[str, bool | None]:
    """A verdict on a value with an upper bound (sign 1) or a lower one (-1); without a bound there is none."""
    if bound is None:
        return words, None
    return f"{words} (required: {how} {bound:g})", sign * value <= sign * bound


def table(findings: Findings) -> str:
    """All measurements as a text table."""
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
    """Cost of the references in multiples of the engine's; a lower bound if one was stopped."""
    total = sum(map(findings.their_cpu, names))
    if not total:
        return "–"  # too little to be measured
    return f"{'≥ ' if set(names) & set(findings.stopped) else ''}{total / ours:,.1f}"
