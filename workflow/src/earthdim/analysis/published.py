"""Intrinsic dimensions published in the paper, for comparison with measured values.

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
        One row per value. Columns: name (of the encoder, as in the paper), kind (location or image), ambient_dim,
        model, resolution ("" if the model has no resolution parameter), variant (with the same weights; "" if there is
        none), estimator, k (NaN if not applicable), value, approximate (yes: read off a figure), table ("Table 1" or
        figure) and source. The paper's samples have 100,000 points on land. The paper does not state k; the one given
        reproduces its row of GeoCLIP.
    """
    path = files("earthdim.analysis") / "published.csv"
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"k": [""]})
