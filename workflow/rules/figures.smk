"""Figures and their captions.

The file of a figure in the package's folder `figures` declares its inputs, options, caption and place in the report. These
rules serve all of them.
"""


rule figure:
    """One figure as PNG and SVG, and its caption."""
    input:
        unpack(lambda wildcards: figure_jobs.inputs(EXPERIMENT, wildcards.figure)),
    output:
        reported_figure(),
        "<results>/{experiment}/figures/{figure}.svg",
        caption="<results>/{experiment}/figures/{figure}.rst",
    log:
        "<results>/logs/figure/{experiment}/{figure}.log",
    wildcard_constraints:
        figure=figures_drawn(vector=True),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.figure, "figure"),
    script:
        "../scripts/figure.py"


# A figure of many pixels, such as maps: without SVG.
use rule figure as figure_of_pixels with:
    output:
        reported_figure(),
        caption="<results>/{experiment}/figures/{figure}.rst",
    wildcard_constraints:
        figure=figures_drawn(vector=False),
