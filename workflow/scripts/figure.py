"""Draw one figure from tables and stores, and write its caption."""

from pathlib import Path

import pandas as pd

from earthdim import provenance
from earthdim.build import target
from earthdim.figures import captions
from earthdim.figures.declaration import declared
from earthdim.figures.style import nothing
from earthdim.jobs import runtime
from earthdim.omissions import OmittedError
from earthdim.storage import stores
from earthdim.storage.atomic import publish
from earthdim.storage.files import read_table, save_figure

READERS = {
    "maps": lambda paths: [stores.open_store(path, "local_dimension") for path in paths],
    "coastline": lambda path: stores.open_store(path, "dataset"),
    "curves": lambda paths: pd.concat([read_table(path) for path in paths], ignore_index=True),
}

job = snakemake.params.job
name, experiment = snakemake.wildcards.figure, snakemake.wildcards.experiment
log = runtime.begin(snakemake.rule, f"{experiment} {name}", snakemake.log[0], job)
config = job["config"]
inputs = {item: READERS.get(item, read_table)(paths) for item, paths in snakemake.input.items()}
declaration = declared(name)
drawn = {
    item: value for item, value in inputs.items() if item in (*declaration.inputs, *declaration.optional)
}
try:
    figure = target(config["_target_"])(**drawn, **config["options"])
except OmittedError as error:
    figure = nothing(str(error))
    log.warning("there is nothing to show: %s", error)
for path in snakemake.output:
    if path != snakemake.output.caption:
        save_figure(figure, path)
caption = captions.render(declaration.template(), experiment, config["facts"], inputs)
with publish(Path(snakemake.output.caption)) as partial:
    partial.write_text(caption)
log.info("%s", ", ".join(snakemake.output))
provenance.write(snakemake, job)
