"""Figures of the experiment and their places in the report. No rule is defined here."""


def figures_drawn(vector):
    """A pattern of the experiment's figures that have an SVG file, or of those that have none."""
    names = EXPERIMENT.settings["figures"]
    return queries.one_of(name for name in names if declared(name).vector == vector)


def reported_figure():
    """The PNG of a figure, at the place in the report that the figure declares."""
    return report(
        "<results>/{experiment}/figures/{figure}.png",
        caption="../report/figure.rst",
        category=lambda wildcards: declared(wildcards.figure).category,
        labels=lambda wildcards: {"figure": declared(wildcards.figure).title},
    )


def figures(wildcards):
    """All figures of the experiment."""
    return expand(
        "<results>/{experiment}/figures/{figure}.png",
        experiment=EXPERIMENT.name,
        figure=EXPERIMENT.settings["figures"],
    )
