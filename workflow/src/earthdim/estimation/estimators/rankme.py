"""RankMe: exponential of the entropy of the singular values."""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.estimators.spectrum import Spectrum


@dataclass
class RankMe:
    """Effective rank of the uncentred embedding: exponential of the entropy of its normalised singular values.

    Parameters
    ----------
    epsilon : float
        Added to each normalised singular value; 1e-7 as published, 0 for the effective rank.

    Attributes
    ----------
    dimension_ : float
        Between 1 and the smaller side of the matrix.

    References
    ----------
    Garrido, Q., Balestriero, R., Najman, L. and LeCun, Y. (2023), RankMe: assessing the downstream performance
    of pretrained self-supervised representations by their rank, ICML.
    Roy, O. and Vetterli, M. (2007), The effective rank: a measure of effective dimensionality, EUSIPCO.
    """

    epsilon: float

    def fit(self, spectrum: Spectrum) -> None:
        """Estimate from a spectrum."""
        share = spectrum.singular_values / spectrum.singular_values.sum() + self.epsilon
        share = share[share > 0]
        self.dimension_ = float(np.exp(-(share * np.log(share)).sum()))
