"""State of a project after a run: its results, what Snakemake knows of them, and leftovers."""

import base64
from dataclasses import dataclass, field

from campaign import disturbance
from campaign.plan import Kill
from project import Project

# These contain times and differ between two undisturbed runs.
TIMED = ("report.html", "budget.csv")


@dataclass
class Outcome:
    """Result of one run."""

    kills: list[dict] = field(default_factory=list)
    missed: list[Kill] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    recomputed: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unsound: str = ""

    def is_equal(self) -> bool:
        return not (self.differs or self.recomputed or self.unrecorded or self.left or self.unsound)


def results(project: Project) -> dict[str, str]:
    """Digests of all files that must be equal."""
    return {
        name: digest
        for name, digest in project.files().items()
        if not name.endswith((".snakemake_timestamp", *TIMED)) and "records" not in name
    }


def finished(project: Project) -> dict[str, int]:
    """Modification times of the outputs that Snakemake has recorded as finished."""
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
    """Leftovers: partial files, markers of incomplete outputs, locks, processes."""
    folder = project.folder
    files = [*(folder / "results").rglob(".*.partial"), *(folder / ".snakemake" / "locks").glob("*")]
    files += [path for path in (folder / ".snakemake" / "incomplete").rglob("*") if path.is_file()]
    processes = [f"process {' '.join(process.cmdline())}" for process in disturbance.processes_in(folder)]
    return [str(path.relative_to(folder)) for path in files] + processes


@dataclass(frozen=True)
class Undisturbed:
    """Results of an undisturbed run."""

    results: dict[str, str]
    recorded: set[str]

    @classmethod
    def of(cls, project: Project) -> "Undisturbed":
        return cls(results(project), set(finished(project)))
