"""What users bring: a function, an exported network or a table of embeddings, as a location encoder.

Planning reads `check` and `files` alone, which import no library and none of the user's code.
"""

from earthdim.encoders.custom.dependencies import check, files

__all__ = ["check", "files"]
