"""Released models as location encoders, one module per model.

Each module has a function ``location_encoder(source, sha256, ...)``, the target of leaves of config/weights, with a
shared contract. The docstrings of the functions state only what differs.

Parameters
----------
    ``source``: mapping that locates the weights; see `earthdim.encoders.released.sources.locate`.
    ``sha256``: hexadecimal digest that the file must have; with None the file is not read.
    Other arguments: hyperparameters of the released model. They are checked against those stored in the checkpoint.

Returns
-------
    A `LocationEncoder` in evaluation mode and single precision that takes longitude and latitude in degrees.

Raises
------
    FileNotFoundError if the file is missing; CheckpointError if its digest differs from ``sha256`` or its tensors are
    not those of the model.
"""
