"""Participation ratio of the covariance spectrum."""

from dataclasses import dataclass

from earthdim.estimation.estimators.spectrum import Spectrum


@dataclass
class ParticipationRatio:
    """The participation ratio of the principal variances, (tr C)^2 / tr C^2, corrected for the bias of few points.

    With the sample's own covariance matrix S, tr S^2 is too large by about (tr C)^2 / n, so the plain ratio is
    pulled towards n / (n + ratio) of itself. Numerator and denominator are each estimated without bias,
    whatever the distribution of the points.

    Attributes
    ----------
    dimension_ : float
        The ratio of the two estimates.

    References
    ----------
    Himeno, T. and Yamada, T. (2014), Estimations for some functions of covariance matrix in high dimension
    under non-normality and its applications, Journal of Multivariate Analysis 130, 27-44.
    """

    def fit(self, spectrum: Spectrum) -> None:
        """Estimate from a spectrum.

        Raises
        ------
        ValueError
            If there are fewer than four points, or the estimate of tr C^2 is not positive.
        """
        squared_trace, trace_of_square = traces(spectrum)
        if trace_of_square <= 0:
            raise ValueError(
                f"{spectrum.n} points are too few to estimate the trace of the squared covariance"
            )
        self.dimension_ = squared_trace / trace_of_square


def traces(spectrum: Spectrum) -> tuple[float, float]:
    """Estimate (tr C)^2 and tr C^2 of the covariance matrix C that the points were drawn with, without bias.

    Raises
    ------
    ValueError
        If there are fewer than four points.

    References
    ----------
    Himeno, T. and Yamada, T. (2014), Journal of Multivariate Analysis 130, 27-44: the estimators for distributions
    that need not be normal.
    """
    n = spectrum.n
    if n < 4:
        raise ValueError(f"at least 4 points are needed, there are {n}")
    squared_trace = spectrum.variances.sum() ** 2
    trace_of_square = (spectrum.variances**2).sum()
    factor, tail = (n - 1) / (n * (n - 2) * (n - 3)), n * spectrum.fourth_moment
    return (
        float(factor * (2 * trace_of_square + (n**2 - 3 * n + 1) * squared_trace - tail)),
        float(factor * ((n - 1) * (n - 2) * trace_of_square + squared_trace - tail)),
    )
