"""How a job runs: the number of math threads, and its log."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from earthdim.provenance import digest

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
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
    """Begin a job: fix its math threads and open its log.

    Parameters
    ----------
    rule, name : str
        Stand before each line, so that the lines of jobs that run side by side can be told apart.
    path : str
        The log file; progress also goes to standard error, live.
    job : mapping
        The rule's parameter; its config says the number of math threads.
    """
    set_math_threads(job["config"]["math_threads"])
    logger = logging.getLogger(f"earthdim.{rule}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    for handler in (logging.StreamHandler(sys.stderr), logging.FileHandler(path, mode="w")):
        handler.setFormatter(logging.Formatter(f"[{rule} {name}] %(message)s"))
        logger.addHandler(handler)
    sys.excepthook = lambda *error: logger.error("failed", exc_info=error)
    return logger


def provenance(job: Mapping) -> dict[str, str]:
    """What made an artefact, as short text: digests of code and config, and library versions."""
    return {
        "code": job["code"],
        "config": digest(job["config"]),
        **{f"version {name}": number for name, number in job["libraries"].items()},
    }
