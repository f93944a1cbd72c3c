"""Correlation of intrinsic dimension with performance."""


rule correlate:
    """Correlation of intrinsic dimension with performance over trained cells that pass the controls."""
    input:
        variants="<results>/{experiment}/tables/variants.csv",
        dimension="<results>/{experiment}/tables/dimension.csv",
        probe="<results>/{experiment}/tables/probe.csv",
        controls="<results>/{experiment}/tables/controls.csv",
        # Its rows on claims follow from the tables above; changes in its other rows change nothing here.
        left_out=ancient("<results>/{experiment}/tables/left_out.csv"),
    output:
        verdict="<results>/{experiment}/controls.txt",
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
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.correlate),
        caption={"table": "correlation (rows, families, summary)"},
    script:
        "../scripts/correlate.py"
