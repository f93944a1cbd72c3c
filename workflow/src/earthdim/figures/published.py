"""Values of the paper that this project sets out to reproduce, to be marked beside its own.

References
----------
Rao, Russwurm, Klemmer, Rolf (2026). Measuring the Intrinsic Dimension of Earth Representations. ICLR 2026,
arXiv:2511.02101.
"""

from importlib.resources import files

import pandas as pd


def published() -> pd.DataFrame:
    """Read the published values.

    Returns
    -------
    DataFrame
        Columns model, resolution ("" for released weights), estimator, k (NaN where there is none), value,
        approximate (yes: read off a figure) and source. The paper's samples hold 100,000 points on land; k is
        the one that reproduces its row of GeoCLIP from the released weights.
    """
    path = files("earthdim.figures") / "published.csv"
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"k": [""]})
