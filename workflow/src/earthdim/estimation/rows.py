"""Identity of a row: which variant, points, space and head an estimate belongs to.

The tables dimension.csv and costly.csv hold rows of two spaces. A row of the space `embedding` belongs to a variant
and a point set; its task, split and head are empty. A row of the space `activation` also belongs to the head whose
activations were measured. Within one variant, `earthdim.storage.schema.DIMENSION_KEY` is unique; the same key of the
untrained twin selects the row that a value is compared with.
"""

import pandas as pd
import xarray as xr


def of_embedding(rows: pd.DataFrame, embeddings: xr.Dataset, n: int, replicate: int) -> pd.DataFrame:
    """Identify estimates of an embedding.

    Parameters
    ----------
    rows : DataFrame
        Estimates, with the columns `earthdim.storage.schema.ESTIMATE`.
    embeddings : Dataset
        The store that was measured; its attributes name the variant and the point set.
    n : int
        Number of points that were measured, duplicates included.
    replicate : int
        Number of the replicate of the sample.
    """
    return rows.assign(
        variant=embeddings.attrs["variant"],
        points=embeddings.attrs["points"],
        n=n,
        replicate=replicate,
        space="embedding",
        task="",
        split="",
        head="",
    )


def of_activations(rows: pd.DataFrame, embeddings: xr.Dataset, replicate: int) -> pd.DataFrame:
    """Identify estimates of the activations of heads; see `of_embedding`.

    Parameters
    ----------
    rows : DataFrame
        Estimates, with the columns task, split, head and n.
    embeddings : Dataset
        The store that the heads were fitted to.
    replicate : int
        As in `of_embedding`.
    """
    return rows.assign(
        variant=embeddings.attrs["variant"],
        points=embeddings.attrs["points"],
        space="activation",
        replicate=replicate,
    )
