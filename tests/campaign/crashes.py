"""Kill runs of the experiment `tiny` at random moments of every stage, and see that nothing is lost or spoilt.

    envs/run python tests/campaign/crashes.py --runs 20 --kills 100 --seed 0

One undisturbed run is the reference. Then each run begins in a copy of its own, with the data sets ready, is disturbed
again and again (see `disturbance`), is given the same command after each, with `--unlock` where a lock was left, and in
the end every result must be the reference's, byte for byte; what was finished before a kill must have kept its time;
no partial file and no process may be left, and `verify` must find the run sound. Each kill and each run is a line of
JSON in the log; with the same log and the same --folder a campaign that was stopped goes on.
"""

# ruff: noqa: E402 - a script of its own, which first says where its parts are.
import argparse
import base64
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "workflow"), str(Path(__file__).parents[1])]

import psutil
from campaign import disturbance
from campaign.disturbance import KINDS, SURVIVED, Running
from project import Project

CONFIG = ("--config", "experiment=tiny")
# The pipeline's stages, in its order, and the scripts of each.
STAGES = {
    "data": ("points", "features", "labels", "sources"),
    "pretrain": ("pretrain",),
    "embed": ("embed",),
    "dimension": (
        "neighbours", "neighbours_block", "neighbours_merge", "dimension", "scale", "costly", "jacobian",
    ),
    "probe": ("probe",),
    "correlate": ("tables", "correlate"),
    "figures": ("figure",),
}  # fmt: skip
ORDER = list(STAGES)
# How long a stage's jobs take, about: a kill comes at a random moment within.
SECONDS = {"data": 3, "pretrain": 6, "embed": 4, "dimension": 5, "probe": 8, "correlate": 1.5, "figures": 3}
# Snakemake hangs if nothing has come of it for so long.
PATIENCE_S = 1800
# Not the same in two undisturbed runs: times are in it.
TIMED = ("report.html", "budget.csv")
FILE_SYSTEM_MIB = 300


@dataclass(frozen=True)
class Kill:
    """What to do to a run, and while which stage runs."""

    stage: str
    kind: str


@dataclass
class Outcome:
    """What became of one run."""

    kills: list[dict] = field(default_factory=list)
    missed: list[Kill] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    recomputed: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unsound: str = ""

    def is_equal(self) -> bool:
        return not (self.differs or self.recomputed or self.unrecorded or self.left or self.unsound)


def plan(kills: int, rng: random.Random) -> list[Kill]:
    """So many kills, spread evenly over stages and kinds, in random order."""
    every = [Kill(stage, kind) for stage, kind in itertools.product(STAGES, KINDS)]
    chosen: list[Kill] = []
    while len(chosen) < kills:
        rng.shuffle(every)
        # A last, incomplete round takes from the stages in turn.
        rank = Counter()
        for kill in every:
            rank[kill.stage] += 1
            chosen.append((len(chosen) // len(every), rank[kill.stage], kill))
    return [kill for *_, kill in sorted(chosen, key=lambda item: item[:2])][:kills]


def deal(kills: list[Kill], runs: int) -> list[list[Kill]]:
    """Kills of each run in the order of the pipeline; next ones in the plan are of different stages."""
    dealt = [kills[number::runs] for number in range(runs)]
    return [sorted(hand, key=lambda kill: ORDER.index(kill.stage)) for hand in dealt]


def results(project: Project) -> dict[str, str]:
    """Digest of everything that must be the same."""
    return {
        name: digest
        for name, digest in project.files().items()
        if not name.endswith((".snakemake_timestamp", *TIMED)) and "records" not in name
    }


def finished(project: Project) -> dict[str, int]:
    """When each output was written that Snakemake holds for finished, and knows what it was made from."""
    times = {}
    state = project.folder / ".snakemake"
    marked = {path.name for path in (state / "incomplete").rglob("*")}
    for record in (state / "metadata").rglob("*"):
        if record.is_dir() or record.name in marked or not record.stat().st_size:
            continue
        parts = [part.removeprefix("@") for part in record.relative_to(state / "metadata").parts]
        output = project.folder / base64.urlsafe_b64decode("".join(parts)).decode()
        file = output / "zarr.json" if output.is_dir() else output
        if file.is_file():
            times[str(output.relative_to(project.folder))] = file.stat().st_mtime_ns
    return times


def left_behind(project: Project) -> list[str]:
    """What a run must not leave: partial files, marks of what is not finished, locks, processes."""
    folder = project.folder
    files = [*(folder / "results").rglob(".*.partial"), *(folder / ".snakemake" / "locks").glob("*")]
    files += [path for path in (folder / ".snakemake" / "incomplete").rglob("*") if path.is_file()]
    processes = [f"process {' '.join(process.cmdline())}" for process in disturbance.processes_in(folder)]
    return [str(path.relative_to(folder)) for path in files] + processes


@dataclass(frozen=True)
class Undisturbed:
    """What a run makes to which nothing happens."""

    results: dict[str, str]
    recorded: set[str]

    @classmethod
    def of(cls, project: Project) -> "Undisturbed":
        return cls(results(project), set(finished(project)))


class Disturbed:
    """One run that is disturbed until nothing of its plan is left, then let go to its end."""

    def __init__(
        self,
        project: Project,
        kills: list[Kill],
        rng: random.Random,
        log: Path,
        cores: int = 2,
        within: float = 1,
    ):
        # `within`: the part of a job's usual time that its end may come in.
        self.project, self.rng, self.log, self.cores, self.within = project, rng, log, cores, within
        self.waiting = deque(kills)
        self.outcome = Outcome()
        self.before: dict[str, int] = {}

    def run(self, reference: Undisturbed) -> Outcome:
        """Run to the end and compare."""
        done = False
        while not done:
            done = self._attempt()
        for seconds in range(20):
            # An orphan that was still loading its libraries ends as soon as it has.
            if seconds and not disturbance.processes_in(self.project.folder):
                break
            time.sleep(1)
        self.outcome.missed += self.waiting
        mine, times = results(self.project), finished(self.project)
        names = sorted({*mine, *reference.results})
        self.outcome.differs = [name for name in names if mine.get(name) != reference.results.get(name)]
        # Of an output without a record Snakemake would not know later what it was made from.
        self.outcome.unrecorded = sorted(reference.recorded - set(times))
        self.outcome.recomputed = [name for name, when in self.before.items() if times.get(name) != when]
        self.outcome.left = left_behind(self.project)
        # Records hold times and so differ; they must tell of the files that stand there all the same.
        verified = self.project.run("verify", *CONFIG, cores=1, check=False)
        if verified.returncode:
            self.outcome.unsound = verified.stdout[-2000:]
        return self.outcome

    def _attempt(self) -> bool:
        """The command once, with what of the plan befalls it; whether it came to its end."""
        running = Running(self._command(), self.project.folder, environment(self.project), self.log)
        told = []
        try:
            while self.waiting and not running.ended():
                kill = self.waiting[0]
                job = self._await(running, kill.stage)
                if job is None:
                    break
                self.waiting.popleft()
                told.append(self._deliver(running, kill, *job))
                if kill.kind not in SURVIVED:
                    break
            code = running.wait(PATIENCE_S)
        except BaseException:
            running.clear()
            raise
        locked = any((self.project.folder / ".snakemake" / "locks").glob("*"))
        for line in told:
            line |= {"snakemake": code, "locked": locked}
        self.outcome.kills += told
        if locked:
            self.project.run("--unlock", *CONFIG)
        if code and not told:
            raise AssertionError(f"undisturbed and yet failed with {code}: see {self.log}")
        return code == 0

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", str(self.cores), *CONFIG]

    def _await(self, running: Running, stage: str) -> tuple[str, psutil.Process] | None:
        """A job of the stage, some time after one was seen; None if Snakemake ended before."""
        due = None
        while not running.ended():
            now = time.monotonic()
            here = [(name, process) for name, process in running.jobs() if name in STAGES[stage]]
            if here and due is None:
                due = now + self.rng.uniform(0, SECONDS[stage]) * self.within
            if here and now >= due:
                return self.rng.choice(here)
            time.sleep(0.1)
        return None

    def _deliver(self, running: Running, kill: Kill, rule: str, job: psutil.Process) -> dict:
        self.before |= finished(self.project)
        moment = time.monotonic() - running.began
        try:
            into_job = time.time() - job.create_time()
            KINDS[kill.kind](running, job)
        except psutil.NoSuchProcess:
            into_job = None
        if kill.kind == "full disk":
            disturbance.free_disk(running)
        orphans = len(disturbance.processes_in(self.project.folder)) if kill.kind == "kill snakemake" else 0
        return {
            "stage": kill.stage,
            "rule": rule,
            "kind": kill.kind,
            "moment": round(moment, 2),
            "into_job": None if into_job is None else round(into_job, 2),
            "finished": len(self.before),
            "orphans": orphans,
        }


def environment(project: Project) -> dict[str, str]:
    """As `Project` runs Snakemake."""
    return os.environ | {
        "PYTHONPATH": str(project.folder / "workflow" / "src"),
        "SNAKEMAKE_PROFILE": "workflow/profiles/local",
    }


class Campaign:
    """A reference, many disturbed runs, a log and a summary."""

    def __init__(self, folder: Path, seed: int, cores: int, log: Path):
        self.folder, self.seed, self.cores, self.log = folder, seed, cores, log
        self.outcomes: dict[int, Outcome] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the data sets once, then the undisturbed run; or take them, and the runs in the log, as they are."""
        if self.log.exists() and self._resume():
            return
        self.template = Project.create(self.folder / "template")
        self.template.run("--until", "dataset", *CONFIG)
        reference = self.template.copy(self.folder / "reference")
        began = time.monotonic()
        before = children_seconds()
        reference.run(*CONFIG, cores=self.cores)
        self.reference = Undisturbed.of(reference)
        self._write(
            undisturbed=round(time.monotonic() - began, 1),
            cpu_seconds=round(children_seconds() - before, 1),
            files=len(self.reference.results),
        )

    def _resume(self) -> bool:
        """Go on where a campaign in the same folder, with the same log, was stopped; whether it had begun."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        if not any("undisturbed" in line for line in lines):
            return False
        self.template = Project(self.folder / "template")
        self.reference = Undisturbed.of(Project(self.folder / "reference"))
        kills: dict[int, list[dict]] = {}
        for line in lines:
            number = line.pop("run", None)
            if "equal" in line:
                del line["equal"], line["kills"], line["seconds"]
                line["missed"] = [Kill(*words) for words in line["missed"] or []]
                self.outcomes[number] = Outcome(kills=kills.pop(number, []), **line)
            elif number is not None:
                kills.setdefault(number, []).append(line)
        return True

    def run(self, number: int, kills: list[Kill]) -> None:
        """One disturbed run, in a folder of its own that goes away if all was well."""
        if number in self.outcomes:
            return
        folder = self.folder / f"run-{number}"
        disturbance.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
        needs_disk = any(kill.kind == "full disk" for kill in kills)
        mounted = disturbance.mount(folder, FILE_SYSTEM_MIB) if needs_disk else folder.mkdir()
        project = Project(folder)
        shutil.copytree(self.template.folder, folder, symlinks=True, dirs_exist_ok=True)
        began = time.monotonic()
        rng = random.Random(f"{self.seed} {number}")
        disturbed = Disturbed(project, kills, rng, self.folder / f"run-{number}.log", self.cores)
        try:
            disturbed.run(self.reference)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            disturbed.outcome.left.append(str(error))
        if mounted and not disturbed.outcome.is_equal():
            project.copy(self.folder / f"kept-{number}")
        if mounted:
            disturbance.unmount(folder)
        self._close(number, disturbed.outcome, time.monotonic() - began)
        if mounted or disturbed.outcome.is_equal():
            shutil.rmtree(folder)

    def _close(self, number: int, outcome: Outcome, seconds: float) -> None:
        self.outcomes[number] = outcome
        for line in outcome.kills:
            self._write(run=number, **line)
        self._write(
            run=number,
            equal=outcome.is_equal(),
            kills=len(outcome.kills),
            missed=[[kill.stage, kill.kind] for kill in outcome.missed],
            seconds=round(seconds, 1),
            differs=outcome.differs,
            recomputed=outcome.recomputed,
            unrecorded=outcome.unrecorded,
            left=outcome.left,
            unsound=outcome.unsound,
        )

    def _write(self, **line) -> None:
        with self._lock, self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def summary(self) -> str:
        """Kills by stage and kind, and how many runs were equal."""
        kills = [line for outcome in self.outcomes.values() for line in outcome.kills]
        return "\n".join(_summary_lines(kills, self.outcomes))


def children_seconds() -> float:
    """CPU seconds of all processes that this one waited for."""
    times = os.times()
    return times.children_user + times.children_system


def _summary_lines(kills: list[dict], outcomes: dict[int, Outcome]) -> Iterator[str]:
    counts = Counter((line["stage"], line["kind"]) for line in kills)
    yield f"{'kills':12}" + "".join(f"{kind:>16}" for kind in (*KINDS, "all"))
    for stage in STAGES:
        row = [counts[stage, kind] for kind in KINDS]
        yield f"{stage:12}" + "".join(f"{number:16}" for number in (*row, sum(row)))
    total = [sum(counts[stage, kind] for stage in STAGES) for kind in KINDS]
    yield f"{'all':12}" + "".join(f"{number:16}" for number in (*total, sum(total)))
    yield f"locks left: {sum(line['locked'] for line in kills)}"
    unheard = sum(line["snakemake"] == 0 and line["kind"] not in SURVIVED for line in kills)
    yield f"kills that Snakemake did not end of: {unheard}"
    yield f"kills of Snakemake that left orphans: {sum(line['orphans'] > 0 for line in kills)}"
    equal = sum(outcome.is_equal() for outcome in outcomes.values())
    yield f"runs: {len(outcomes)}, equal to the undisturbed one: {equal}, not: {len(outcomes) - equal}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=2, help="for each run")
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side")
    parser.add_argument("--folder", type=Path, help="where the runs stand (default: a temporary folder)")
    parser.add_argument("--log", type=Path, default=Path("crashes.jsonl"))
    chosen = parser.parse_args(arguments)
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="crashes-"))
    campaign = Campaign(folder.resolve(), chosen.seed, chosen.cores, chosen.log.resolve())
    campaign.prepare()
    hands = deal(plan(chosen.kills, random.Random(chosen.seed)), chosen.runs)
    for more in itertools.count():
        first = more * chosen.runs
        with ThreadPoolExecutor(chosen.at_once) as pool:
            list(pool.map(campaign.run, range(first, first + len(hands)), hands))
        # What found no job of its stage any more is tried in runs of its own, a few times.
        missed = [kill for outcome in campaign.outcomes.values() for kill in outcome.missed]
        for outcome in campaign.outcomes.values():
            outcome.missed = []
        if not missed or more == 2:
            break
        hands = deal(missed, -(-len(missed) // 5))
    print(campaign.summary())
    return int(not all(outcome.is_equal() for outcome in campaign.outcomes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
