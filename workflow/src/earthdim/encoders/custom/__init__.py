"""User-supplied location encoders: a Python callable, an exported network or a table of embeddings.

Planning uses only `check` and `files`, which import no library and none of the user's code.
"""

from earthdim.encoders.custom.dependencies import check, files

__all__ = ["check", "files"]
