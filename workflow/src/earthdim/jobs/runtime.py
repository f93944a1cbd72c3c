"""The context in which every job runs: math threads, log, lease, error reports.

`job` wraps the whole body of a script. Jobs that make results use `earthdim.provenance.job`, which also writes the
job's record.
"""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthdim.jobs import lease, live, runs
from earthdim.storage.digests import digest

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
# Exhausted resources: description, Python exceptions, system error numbers, phrases in the messages of libraries that
# raise other exceptions, and remedy.
_SHORTAGES = (
    (
        "the disk is full",
        (),
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        ("No space left on device", "Disk quota exceeded", "File too large"),
        "no incomplete file remains; free some space and repeat the command",
    ),
    (
        "there is not enough memory",
        MemoryError,
        (errno.ENOMEM,),
        ("can't allocate memory", "Cannot allocate memory", "not enough memory"),
        "free some memory and repeat the command",
    ),
)


@dataclass(frozen=True)
class Run:
    """The context of a running job, passed to its script.

    Attributes
    ----------
    input, output, wildcards : namedlist
        The attributes of the Snakemake job.
    config : dict
        The job's slice of the experiment's config, without the number of math threads.
    whole_config : dict
        `config` with the number of math threads.
    provenance : dict of str
        Stored with every artefact: digests of code and config, and library versions.
    log : Logger
        Writes to the job's log file and to standard error.
    """

    input: Any
    output: Any
    wildcards: Any
    config: dict[str, Any]
    whole_config: Mapping[str, Any]
    provenance: dict[str, str]
    log: logging.Logger


@contextmanager
def job(
    snakemake: Any, name: str = "", record: Callable[[Any, Mapping[str, Any]], None] | None = None
) -> Iterator[Run]:
    """Run the body of a script as a job.

    Errors propagate. They are logged when they end the process; see `begin`.

    Parameters
    ----------
    snakemake : object
        The object of this name that Snakemake defines in a script. Its parameter `job` is a mapping with config, code,
        schema and libraries.
    name : str, optional
        Name of the job in its log lines; built from the wildcards by default.
    record : callable, optional
        Called with `snakemake` and the parameter `job` after the body has succeeded.

    Yields
    ------
    Run

    Raises
    ------
    earthdim.jobs.runs.OrphanError
        If the Snakemake process that started the job has ended.
    """
    parameter = snakemake.params.job
    log = begin(snakemake.rule, name or _name(snakemake.wildcards), snakemake.log[0], parameter)
    whole = parameter["config"]
    config = {key: value for key, value in whole.items() if key != "math_threads"}
    yield Run(
        snakemake.input, snakemake.output, snakemake.wildcards, config, whole, provenance(parameter), log
    )
    if record is not None:
        record(snakemake, parameter)


def _name(wildcards: Any) -> str:
    """Return the job's name, its wildcards; the experiment is omitted if there is a variant."""
    values = dict(wildcards.items())
    if "variant" in values:
        values.pop("experiment", None)
    return " ".join(values.values())


def set_math_threads(number: int) -> None:
    """Set the number of threads of BLAS, OpenMP, numba and torch, overriding the environment.

    The last digits of a sum depend on how it is split over threads, so tables must not depend on `--cores`. The
    environment variables apply to libraries that are loaded later; loaded libraries are set directly.
    """
    for name in _VARIABLES:
        os.environ[name] = str(number)
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=number)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(number)


def begin(rule: str, name: str, path: str, job: Mapping) -> logging.Logger:
    """Begin a job: set its math threads, take its lease and open its log.

    From here on, an error that ends the process is logged: in one line if a resource is exhausted, with its traceback
    otherwise.

    Parameters
    ----------
    rule, name : str
        Prefix of each log line. They identify the job among those that run at the same time.
    path : str
        The log file. Lines also go to standard error immediately.
    job : mapping
        The rule's parameter `job`; its config has the number of math threads.

    Raises
    ------
    earthdim.jobs.runs.OrphanError
        If the Snakemake process that started the job has ended.
    """
    set_math_threads(job["config"]["math_threads"])
    logger = logging.getLogger(f"earthdim.{rule}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # On a full disk, lines are still written to standard error; suppress tracebacks about the log file.
    logging.raiseExceptions = False
    line = logging.Formatter(f"[{rule} {name}] %(message)s")
    # In a terminal, the line about the run is removed first.
    clear = live.CLEAR if sys.stderr.isatty() else ""
    _add(logger, logging.StreamHandler(sys.stderr), logging.Formatter(f"{clear}[{rule} {name}] %(message)s"))
    _log_warnings(logger)
    sys.excepthook = lambda kind, error, trace: _report(logger, error)
    lease.take(Path(path))
    _add(logger, logging.FileHandler(path, mode="a"), line)
    lease.watch(logger.error)
    return logger


def _log_warnings(logger: logging.Logger) -> None:
    """Write warnings to the job's log, one line each: those of libraries with their class and location."""

    def one_line(message, category, filename, lineno, line=None) -> str:
        where = "" if category is UserWarning else f" ({category.__name__}, {filename}:{lineno})"
        return f"warning: {' '.join(str(message).split())}{where}"

    warnings.formatwarning = one_line
    logging.captureWarnings(True)
    captured = logging.getLogger("py.warnings")
    captured.propagate = False
    # The same list object: the file handler is added to it later.
    captured.handlers = logger.handlers


def _add(logger: logging.Logger, handler: logging.Handler, line: logging.Formatter) -> None:
    handler.setFormatter(line)
    logger.addHandler(handler)


def _report(logger: logging.Logger, error: BaseException) -> None:
    """Log the reason for a failure: in one line for orphans and exhausted resources, otherwise with the traceback."""
    exhausted = shortage(error)
    if isinstance(error, runs.OrphanError | KeyboardInterrupt):
        logger.error("stopped: %s", error or "interrupted")
    elif exhausted is not None:
        logger.error("failed: %s", exhausted)
    else:
        logger.error("failed", exc_info=error)


def shortage(error: BaseException) -> str | None:
    """Return a one-line description if an error was caused by a full disk or lack of memory, otherwise None."""
    for part in _chain(error):
        text = " ".join(str(part).split())
        for description, exception, numbers, phrases, remedy in _SHORTAGES:
            numbered = isinstance(part, OSError) and part.errno in numbers
            if numbered or isinstance(part, exception) or any(phrase in text for phrase in phrases):
                return f"{description} ({text}); {remedy}"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def provenance(job: Mapping) -> dict[str, str]:
    """Digests of code and config, and library versions, as text for the attributes of an artefact."""
    return {
        "code": job["code"],
        "config": digest(job["config"]),
        **{f"version {name}": number for name, number in job["libraries"].items()},
    }
