"""Kill runs of the experiment `tiny` at random moments of every stage, and check that no result is lost or damaged.

    envs/run python tests/campaign/crashes.py --runs 20 --kills 100 --seed 0

One undisturbed run is the reference. Each further run starts in a copy of the project with the data sets ready. It is
disturbed several times (see `disturbance`); after each, the same command is given again, preceded by `--unlock` if a
lock was left. At the end every result must equal the reference byte for byte, results finished before a kill must have
kept their modification times, no partial file and no process may be left, and `verify` must pass. The log has one JSON
line for each kill and each run. With the same log and --folder an interrupted campaign is continued.
"""

# ruff: noqa: E402 - a script, which first sets the path of its modules.
import argparse
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
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "workflow"), str(Path(__file__).parents[1])]

import psutil
from campaign import disturbance
from campaign.disturbance import KINDS, SURVIVED, Running
from campaign.outcome import Outcome, Undisturbed, finished, left_behind, results
from campaign.plan import SECONDS, STAGES, Kill, deal, plan
from project import Project

CONFIG = ("--config", "experiment=tiny")
# Time after which a run counts as hanging.
PATIENCE_S = 1800
FILE_SYSTEM_MIB = 300


class Disturbed:
    """One run: disturbed as planned, then completed."""

    def __init__(
        self,
        project: Project,
        kills: list[Kill],
        rng: random.Random,
        log: Path,
        cores: int = 2,
        within: float = 1,
    ):
        # `within`: part of a stage's usual duration in which its kill is drawn.
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
            # An orphan that is still importing its libraries ends afterwards.
            if seconds and not disturbance.processes_in(self.project.folder):
                break
            time.sleep(1)
        self.outcome.missed += self.waiting
        mine, times = results(self.project), finished(self.project)
        names = sorted({*mine, *reference.results})
        self.outcome.differs = [name for name in names if mine.get(name) != reference.results.get(name)]
        # Without metadata of an output, Snakemake cannot determine whether it is up to date.
        self.outcome.unrecorded = sorted(reference.recorded - set(times))
        self.outcome.recomputed = [name for name, when in self.before.items() if times.get(name) != when]
        self.outcome.left = left_behind(self.project)
        # Records contain times and therefore differ; they must match the files nevertheless.
        verified = self.project.run("verify", *CONFIG, cores=1, check=False)
        if verified.returncode:
            self.outcome.unsound = verified.stdout[-2000:]
        return self.outcome

    def _attempt(self) -> bool:
        """Run the command once with the next planned kills; return whether it completed."""
        running = Running(self._command(), self.project.folder, environment(self.project), self.log)
        delivered = []
        try:
            while self.waiting and not running.ended():
                kill = self.waiting[0]
                job = self._await(running, kill.stage)
                if job is None:
                    break
                self.waiting.popleft()
                delivered.append(self._deliver(running, kill, *job))
                if kill.kind not in SURVIVED:
                    break
            code = running.wait(PATIENCE_S)
        except BaseException:
            running.clear()
            raise
        locked = any((self.project.folder / ".snakemake" / "locks").glob("*"))
        for line in delivered:
            line |= {"snakemake": code, "locked": locked}
        self.outcome.kills += delivered
        if locked:
            self.project.run("--unlock", *CONFIG)
        if code and not delivered:
            raise AssertionError(f"failed with {code} although undisturbed: see {self.log}")
        return code == 0

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", str(self.cores), *CONFIG]

    def _await(self, running: Running, stage: str) -> tuple[str, psutil.Process] | None:
        """A job of the stage, some time after the first one was seen; None if Snakemake ended before."""
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
    """Environment variables for Snakemake, as `Project` sets them."""
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
        """Make the data sets and the undisturbed run, or load them and the finished runs from folder and log."""
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
        """Load an interrupted campaign from the same folder and log; return whether there is one."""
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
        """One disturbed run in a separate folder, which is deleted if the run is equal."""
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
        """Numbers of kills by stage and kind, and of equal runs."""
        kills = [line for outcome in self.outcomes.values() for line in outcome.kills]
        return "\n".join(_summary_lines(kills, self.outcomes))


def children_seconds() -> float:
    """CPU seconds of all child processes that have ended."""
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
    yield f"kills that did not end Snakemake: {unheard}"
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
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: a temporary folder)")
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
        # Kills that found no job of their stage are repeated in additional runs, at most twice.
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
