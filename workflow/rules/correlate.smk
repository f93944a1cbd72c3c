"""The experiment's tables, and the correlation of dimension with performance."""


rule table:
    """One table of the experiment, from the rows of its variants or from another table."""
    input:
        unpack(table_inputs),
    output:
        report(
            "<results>/{experiment}/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        "<results>/logs/table/{experiment}/{table}.log",
    benchmark:
        "<results>/benchmarks/table/{experiment}/{table}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=table_job,
    script:
        "../scripts/tables.py"


rule branch_table:
    """The same table, for the variants of one branch."""
    input:
        unpack(table_inputs),
    output:
        "<results>/{experiment}/branches/{branch}/{table}.csv",
    log:
        "<results>/logs/branch_table/{experiment}/{branch}/{table}.log",
    benchmark:
        "<results>/benchmarks/branch_table/{experiment}/{branch}/{table}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=table_job,
    script:
        "../scripts/tables.py"


rule correlate:
    """Correlation of dimension with performance over trained cells."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
        probe="<results>/{experiment}/tables/probe.csv",
        # What it says of claims follows from the tables above: with other parts of it nothing here changes.
        left_out=ancient("<results>/{experiment}/tables/left_out.csv"),
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
        caption={"table": "correlation (rows, families, summary)"},
    script:
        "../scripts/correlate.py"
