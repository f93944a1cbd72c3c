"""One figure and its caption."""

from earthdim.figures.drawing import draw, read_inputs
from earthdim.provenance import job
from earthdim.storage.files import save_figure, write_text

with job(snakemake) as run:
    inputs = read_inputs(run.input)
    figure, caption = draw(run.wildcards.figure, run.wildcards.experiment, run.config, inputs, run.log)
    for path in [path for path in run.output if path != run.output.caption]:
        save_figure(figure, path)
    write_text(caption, run.output.caption)
    run.log.info("%s", ", ".join(run.output))
