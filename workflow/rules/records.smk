"""The resolved experiment as a file, and what is asked of the records that jobs leave: verify, trace, archive."""


rule resolved:
    """Everything that the experiment decides, written out; jobs get slices of it."""
    output:
        "<results>/{experiment}/experiment.json",
    log:
        "<results>/logs/resolved/{experiment}.log",
    benchmark:
        "<results>/benchmarks/resolved/{experiment}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=resolved_job,
    script:
        "../scripts/resolved.py"


# Where the user is, wherever other jobs run.
localrules:
    verify,
    trace,
    archive,


rule verify:
    """Hold every file of the experiment against its record."""
    log:
        f"<results>/logs/verify/{EXPERIMENT.name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=verify_job,
    script:
        "../scripts/verify.py"


rule trace:
    """Tell what made a row of a table, or a variant."""
    log:
        f"<results>/logs/trace/{EXPERIMENT.name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=trace_job,
    script:
        "../scripts/trace.py"


rule archive:
    """Put the experiment, if it is sound and nothing of it is to be done, into one file."""
    log:
        f"<results>/logs/archive/{EXPERIMENT.name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=archive_job,
    script:
        "../scripts/archive.py"
