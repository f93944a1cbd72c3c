"""One figure and its caption, from the files that it reads."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from earthdim.build import target
from earthdim.figures import captions
from earthdim.figures.declaration import declared
from earthdim.figures.style import PrintedFigure, nothing
from earthdim.omissions import OmittedError
from earthdim.storage.files import read_table
from earthdim.storage.stores import open_store

_READERS = {
    "maps": lambda paths: [open_store(path, "local_dimension") for path in paths],
    "coastline": lambda path: open_store(path, "dataset"),
    "curves": lambda paths: pd.concat([read_table(path) for path in paths], ignore_index=True),
}


def read_inputs(files: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    """Read the inputs of a figure: name of an input (see `earthdim.figures.declaration.INPUTS`) -> its content."""
    return {name: _READERS.get(name, read_table)(paths) for name, paths in files.items()}


def draw(
    name: str, experiment: str, config: Mapping[str, Any], inputs: Mapping[str, Any], log: logging.Logger
) -> tuple[PrintedFigure, str]:
    """Draw a figure and write its caption.

    Parameters
    ----------
    name : str
        The figure's name.
    experiment : str
        The experiment's name.
    config : mapping
        _target_ and options of the function that draws, and facts of the experiment for the caption.
    inputs : mapping
        Of `read_inputs`: what the function reads, and what the caption reads in addition.
    log : Logger
        Receives a warning if there is nothing to show; the figure then says why.

    Returns
    -------
    figure : PrintedFigure
    caption : str
        reStructuredText.
    """
    declaration = declared(name)
    taken = (*declaration.inputs, *declaration.optional)
    arguments = {key: value for key, value in inputs.items() if key in taken}
    try:
        figure = target(config["_target_"])(**arguments, **config["options"])
    except OmittedError as error:
        figure = nothing(str(error))
        log.warning("there is nothing to show: %s", error)
    return figure, captions.render(declaration.template(), experiment, config["facts"], inputs)
