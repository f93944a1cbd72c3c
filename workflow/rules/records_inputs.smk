"""Slices and targets of the rules that read records. No rule is defined here."""

import json


def resolved_file(wildcards):
    return expand("<results>/{experiment}/experiment.json", experiment=EXPERIMENT.name)


def selected():
    """The words of the command line that select this experiment, for commands that messages suggest."""
    keys = {"experiment": config.get("experiment", "default"), "overrides": config.get("overrides", [])}
    words = [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in keys.items()
        if value
    ]
    here = Path.cwd()
    return words if here.samefile(workflow.basedir) else [*words, "--directory", str(here)]


def records_slice(script, **more):
    """The slice of a script that reads records: it needs the paths of everything that the experiment makes."""

    def slice_of(experiment):
        parts = (resolved_file, extra_datasets, all_tables, figures)
        targets = [path.replace("<results>", "results") for part in parts for path in part(None)]
        return slices.records(script, experiment, targets, selected(), **more)

    return slice_of
