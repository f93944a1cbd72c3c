"""The resolved experiment, wildcard constraints, and the helpers that the rules share. No rule is defined here."""

import atexit
import functools
import gc
import inspect
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from earthdim.storage import file_digests
from earthdim.experiment import advisories, figure_jobs, queries, resolve, slices
from earthdim.experiment import code as code_digests
from earthdim.jobs import runs
from earthdim.figures.declaration import declared
from earthdim.experiment.validation import ConfigError
from earthdim.encoders.custom import dependencies
from earthdim.provenance import trace

# A plan of thousands of jobs holds millions of long-lived objects: less frequent collection saves a tenth of the time.
gc.set_threshold(200_000, 20, 100)

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
# Snakemake passes a target to its jobs as `fetch:`.
ASKED = {word.partition(":")[0] for word in sys.argv}
# Each job reads this file in a separate process; the cache lets all of them share the digests of user-supplied files.
file_digests.keep(runs.STATE / "own" / "sums.json")
code_digests.keep(runs.STATE / "grid" / "code.json")
if workflow.is_main_process:
    atexit.register(code_digests.SOURCES.save)


try:
    # The command lines of jobs hold all keys of the run but not its targets.
    queries.check_keys(config, ASKED if workflow.is_main_process else None)
    EXPERIMENT = resolve.resolve(
        Path(workflow.basedir) / "config",
        config.get("experiment", "default"),
        config.get("overrides", []),
        cache=runs.STATE / "grid",
        # Weights that are about to be fetched may be missing.
        without="fetch" in ASKED,
    )
    # Errors in these keys are raised here, because Snakemake wraps those of later functions into a traceback.
    BRANCH = EXPERIMENT.branch(config.get("branch")) if {"branch"} & {*config, *sys.argv} else None
    QUESTION = trace.question(config, EXPERIMENT) if "trace" in ASKED else {}
except ConfigError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process and not ASKED & queries.ASIDE:
    for sentence in advisories.once(EXPERIMENT):
        logger.warning(sentence)


wildcard_constraints:
    experiment=queries.one_of([EXPERIMENT.name]),
    table=queries.one_of(queries.gathered(EXPERIMENT)),
    block=queries.one_of(map(str, range(EXPERIMENT.neighbours["blocks"]))),
    # Snakemake matches this expression against every file of every job: an alternation of thousands of names would
    # dominate the time of planning. `variant_of` rejects unknown names.
    variant="[^/]+",
    points=queries.one_of(EXPERIMENT.points),
    features=queries.one_of(EXPERIMENT.features),
    dataset=queries.one_of(EXPERIMENT.datasets),
    task=queries.one_of(EXPERIMENT.tasks),
    branch=queries.one_of([] if BRANCH is None else [config["branch"]]),


def planned(function):
    """Attach its signature to a function of wildcards; Snakemake asks for it several times for each of thousands of jobs."""
    function.__signature__ = inspect.signature(function)
    return function


def once_for(*names):
    """Compute a value once for all jobs that share these wildcards; planning calls it for each of thousands of jobs."""

    def decorate(function):
        known = {}

        @planned
        @functools.wraps(function)
        def value(wildcards):
            at = tuple(wildcards[name] for name in names)
            if at not in known:
                known[at] = function(wildcards)
            return known[at]

        return value

    return decorate


@functools.cache
def code(script, targets):
    """The digest of the code that a rule's jobs run, which does not change while they are planned."""
    return code_digests.code_digest(SCRIPTS / script, targets)


def job(slice_of, *names):
    """The parameter `job` of a rule: the value of its slice, a function of these wildcards.

    `slice_of` is a function of `earthdim.experiment.slices`; it gets the experiment and the wildcards' values.
    """

    @once_for(*names)
    def value(wildcards):
        part = slice_of(EXPERIMENT, *(wildcards[name] for name in names))
        return part.value(EXPERIMENT.math_threads, code(part.script, part.targets))

    return value


def variant_of(wildcards):
    """The variant of a job; raises WorkflowError if the experiment has no such variant."""
    if wildcards.variant not in EXPERIMENT.variants:
        raise WorkflowError(f"variant: {wildcards.variant!r} is not in the experiment {EXPERIMENT.name}")
    return EXPERIMENT.variants[wildcards.variant]


def user_inputs(files):
    """User-supplied files as inputs: they must exist, but their content (in the slice) counts, not their times.

    Files that the workflow makes are compared by their times, as the same run may recompute them.
    """
    return [file if dependencies.is_result(file) else ancient(str(file)) for file in sorted(map(str, files))]


@once_for("variant")
def files_of(wildcards):
    """The user-supplied files of a variant."""
    return slices.variant_files(EXPERIMENT, variant_of(wildcards).name)


@planned
def variant_files(wildcards):
    """The user-supplied files of a variant, as inputs of the jobs that build its encoder."""
    return user_inputs(files_of(wildcards))
