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


rule verify:
    log:
        "<results>/logs/verify.log",
    """Hold every file of the experiment against its record."""
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        job=verify_job,
    script:
        "../scripts/verify.py"


rule trace:
    log:
        "<results>/logs/trace.log",
    """Tell what made a row of a table, or a variant."""
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        job=trace_job,
    script:
        "../scripts/trace.py"


rule archive:
    log:
        "<results>/logs/archive.log",
    """Put the experiment, if it is sound and nothing of it is to be done, into one file."""
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        job=archive_job,
    script:
        "../scripts/archive.py"
