"""The experiment's tables, and the correlation of dimension with performance."""


rule tables:
    """Every variant's rows in one table a kind."""
    input:
        unpack(variant_rows),
    output:
        variants=report(
            "<results>/{experiment}/tables/variants.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "variants"},
        ),
        dimension=report(
            "<results>/{experiment}/tables/dimension.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "dimension"},
        ),
        probe=report(
            "<results>/{experiment}/tables/probe.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "probe"},
        ),
    log:
        "<results>/logs/tables/{experiment}.log",
    benchmark:
        "<results>/benchmarks/tables/{experiment}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=lambda wildcards: tables_job(EXPERIMENT.variants.values()),
    script:
        "../scripts/tables.py"


rule branch_tables:
    """The same tables, for the variants of one branch."""
    input:
        unpack(branch_rows),
    output:
        variants="<results>/{experiment}/branches/{branch}/variants.csv",
        dimension="<results>/{experiment}/branches/{branch}/dimension.csv",
        probe="<results>/{experiment}/branches/{branch}/probe.csv",
    log:
        "<results>/logs/branch_tables/{experiment}/{branch}.log",
    benchmark:
        "<results>/benchmarks/branch_tables/{experiment}/{branch}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=lambda wildcards: tables_job(BRANCH),
    script:
        "../scripts/tables.py"


rule correlate:
    """Correlation of dimension with performance over trained cells."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
        probe="<results>/{experiment}/tables/probe.csv",
    output:
        correlation=report(
            "<results>/{experiment}/tables/correlation.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "correlation"},
        ),
        families=report(
            "<results>/{experiment}/tables/correlation_families.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "correlation_families"},
        ),
        summary=report(
            "<results>/{experiment}/tables/correlation_summary.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "correlation_summary"},
        ),
    log:
        "<results>/logs/correlate/{experiment}.log",
    benchmark:
        "<results>/benchmarks/correlate/{experiment}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=correlate_job,
    script:
        "../scripts/correlate.py"
