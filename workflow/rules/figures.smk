"""Figures and their captions.

The file of a figure in the package's folder `figures` declares its inputs, options, caption and place in the report. These
rules serve all of them.
"""


def figures_drawn(vector):
    """A pattern of the experiment's figures that have an SVG file, or of those that have none."""
    names = EXPERIMENT.settings["figures"]
    return queries.one_of(name for name in names if declared(name).vector == vector)


rule figure:
    """One figure as PNG and SVG, and its caption."""
    input:
        unpack(lambda wildcards: figure_jobs.inputs(EXPERIMENT, wildcards.figure)),
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
        figure=figures_drawn(vector=True),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.figure, "figure"),
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
        figure=figures_drawn(vector=False),


def figures(wildcards):
    """All figures of the experiment."""
    return expand(
        "<results>/{experiment}/figures/{figure}.png",
        experiment=EXPERIMENT.name,
        figure=EXPERIMENT.settings["figures"],
    )
