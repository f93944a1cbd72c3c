"""How a job runs: the number of math threads, its log, its right to publish, and how it says why it failed."""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from earthdim.jobs import lease, runs
from earthdim.storage.digests import digest

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
# What the machine lacks, how the system says so, and how libraries do that do not raise the system's errors.
_LACKS = (
    (
        "the disk is full",
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        ("No space left on device", "Disk quota exceeded", "File too large"),
    ),
    (
        "there is not enough memory",
        (errno.ENOMEM,),
        ("can't allocate memory", "Cannot allocate memory", "not enough memory"),
    ),
)


def set_math_threads(number: int) -> None:
    """Fix the number of threads of BLAS, OpenMP and torch, whatever the surroundings say.

    The last digits of a sum depend on how it is cut into threads, so tables must not depend on `--cores`. Libraries
    that are loaded later read the variables; those at hand are told directly.
    """
    for name in _VARIABLES:
        os.environ[name] = str(number)
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=number)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(number)


def begin(rule: str, name: str, path: str, job: Mapping) -> logging.Logger:
    """Begin a job: fix its math threads, open its log, and see to it that an orphan stops.

    Parameters
    ----------
    rule, name : str
        Stand before each line, so that the lines of jobs that run side by side can be told apart.
    path : str
        The log file; progress also goes to standard error, live.
    job : mapping
        The rule's parameter; its config says the number of math threads.

    Raises
    ------
    earthdim.jobs.runs.OrphanError
        If the Snakemake that started the job is gone already.
    """
    set_math_threads(job["config"]["math_threads"])
    logger = logging.getLogger(f"earthdim.{rule}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # Where the disk is full a line still reaches standard error: no tale of the log file that could not be written.
    logging.raiseExceptions = False
    line = logging.Formatter(f"[{rule} {name}] %(message)s")
    _add(logger, logging.StreamHandler(sys.stderr), line)
    _log_warnings(logger)
    sys.excepthook = lambda kind, error, trace: _tell(logger, error)
    lease.take(Path(path))
    _add(logger, logging.FileHandler(path, mode="a"), line)
    lease.watch(logger.error)
    return logger


def _log_warnings(logger: logging.Logger) -> None:
    """Warnings are lines of the job's log: our own as they are said, those of libraries with where they arose."""

    def one_line(message, category, filename, lineno, line=None) -> str:
        where = "" if category is UserWarning else f" ({category.__name__}, {filename}:{lineno})"
        return f"warning: {' '.join(str(message).split())}{where}"

    warnings.formatwarning = one_line
    logging.captureWarnings(True)
    told = logging.getLogger("py.warnings")
    told.propagate = False
    # The very list: the handler of the file joins it later.
    told.handlers = logger.handlers


def _add(logger: logging.Logger, handler: logging.Handler, line: logging.Formatter) -> None:
    handler.setFormatter(line)
    logger.addHandler(handler)


def _tell(logger: logging.Logger, error: BaseException) -> None:
    """Log why a job failed: one line where that says all, else the whole traceback."""
    lacking = lack(error)
    if isinstance(error, runs.OrphanError | KeyboardInterrupt):
        logger.error("stopped: %s", error or "interrupted")
    elif lacking is not None:
        logger.error("failed: %s", lacking)
    else:
        logger.error("failed", exc_info=error)


def lack(error: BaseException) -> str | None:
    """What the machine lacked where an error came of a full disk or of too little memory, in one line; else None."""
    for part in _chain(error):
        said = " ".join(str(part).split())
        for what, numbers, words in _LACKS:
            numbered = isinstance(part, OSError) and part.errno in numbers
            if numbered or any(word in said for word in words):
                return (
                    f"{what} ({said}); nothing half-written stays; see to it and give the same command again"
                )
        if isinstance(part, MemoryError):
            return f"{_LACKS[1][0]} ({said}); see to it and give the same command again"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def provenance(job: Mapping) -> dict[str, str]:
    """What made an artefact, as short text: digests of code and config, and library versions."""
    return {
        "code": job["code"],
        "config": digest(job["config"]),
        **{f"version {name}": number for name, number in job["libraries"].items()},
    }
