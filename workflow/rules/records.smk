"""The resolved experiment as a file, and the targets that read the records of jobs: verify, trace, archive."""


rule resolved:
    """The whole resolved experiment; each job depends on a slice of it."""
    output:
        "<results>/{experiment}/experiment.json",
    log:
        "<results>/logs/resolved/{experiment}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.resolved),
    script:
        "../scripts/resolved.py"


# These run on the submitting machine, even if other jobs run on a cluster.
localrules:
    verify,
    trace,
    archive,


rule verify:
    """Compare every file of the experiment with its record."""
    log:
        f"<results>/logs/verify/{EXPERIMENT.name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(records_slice("verify.py")),
    script:
        "../scripts/verify.py"


rule trace:
    """Print the provenance of a row of a table, or of a variant."""
    log:
        f"<results>/logs/trace/{EXPERIMENT.name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(records_slice("trace.py", question=QUESTION)),
    script:
        "../scripts/trace.py"


rule archive:
    """Write the experiment to one file, if it is complete and verified."""
    log:
        f"<results>/logs/archive/{EXPERIMENT.name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(records_slice("archive.py")),
    script:
        "../scripts/archive.py"
