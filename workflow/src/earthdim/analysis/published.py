"""Values of the paper that this project sets out to reproduce, to be marked beside its own.

References
----------
Rao, Russwurm, Klemmer, Rolf (2026). Measuring the Intrinsic Dimension of Earth Representations. ICLR 2026,
arXiv:2511.02101.
"""

from importlib.resources import files

import pandas as pd

TABLE = "Table 1"


def published() -> pd.DataFrame:
    """Read the published values.

    Returns
    -------
    DataFrame
        A row a value. Columns name (the encoder, as the paper spells it), kind (location or image), ambient_dim,
        model, resolution ("" where it has no knob), variant (which holds the very weights; "" where none does),
        estimator, k (NaN where there is none), value, approximate (yes: read off a figure), table ("Table 1", or
        figure) and source. The paper's samples hold 100,000 points on land; k is the one that reproduces its row
        of GeoCLIP from the released weights.
    """
    path = files("earthdim.analysis") / "published.csv"
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"k": [""]})
