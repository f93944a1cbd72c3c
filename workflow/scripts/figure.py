"""Draw one figure from tables and stores."""

import pandas as pd

from earthdim import artefacts, records, runtime
from earthdim.build import target
from earthdim.figures.style import nothing
from earthdim.misfits import MisfitError

READERS = {
    "maps": lambda paths: [artefacts.open_store(path, "local_dimension") for path in paths],
    "coastline": lambda path: artefacts.open_store(path, "dataset"),
    "curves": lambda paths: pd.concat([artefacts.read_table(path) for path in paths], ignore_index=True),
}

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
inputs = {name: READERS.get(name, artefacts.read_table)(paths) for name, paths in snakemake.input.items()}
try:
    figure = target(job["config"]["_target_"])(**inputs, **job["config"]["options"])
except MisfitError as error:
    figure = nothing(str(error))
    log.warning("there is nothing to show: %s", error)
for path in snakemake.output:
    artefacts.save_figure(figure, path)
log.info("%s", ", ".join(snakemake.output))
records.write(snakemake, job)
