"""Figures, and the report's captions. `snakemake --report` gathers what stands here.

A figure is a file of the package's folder `figures`, which declares what it reads and where it stands in the report.
"""


rule figure:
    """One figure, and its caption."""
    input:
        unpack(figure_inputs),
    output:
        report(
            "<results>/{experiment}/figures/{figure}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: declared(wildcards.figure).category,
            labels=lambda wildcards: {"figure": declared(wildcards.figure).title},
        ),
        "<results>/{experiment}/figures/{figure}.svg",
        caption="<results>/{experiment}/figures/{figure}.rst",
    log:
        "<results>/logs/figure/{experiment}/{figure}.log",
    benchmark:
        "<results>/benchmarks/figure/{experiment}/{figure}.tsv"
    wildcard_constraints:
        figure=queries.one_of(name for name in EXPERIMENT.settings["figures"] if declared(name).vector),
    conda:
        "../../envs/environment.yaml"
    params:
        job=figure_job,
    script:
        "../scripts/figure.py"


use rule figure as figure_of_pixels with:
    output:
        report(
            "<results>/{experiment}/figures/{figure}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: declared(wildcards.figure).category,
            labels=lambda wildcards: {"figure": declared(wildcards.figure).title},
        ),
        caption="<results>/{experiment}/figures/{figure}.rst",
    wildcard_constraints:
        figure=queries.one_of(name for name in EXPERIMENT.settings["figures"] if not declared(name).vector),
