"""Participation ratio of the covariance spectrum."""

from dataclasses import dataclass

from earthdim.estimation.estimators.spectrum import Spectrum


@dataclass
class ParticipationRatio:
    """Participation ratio of the principal variances, (tr C)^2 / tr C^2, corrected for finite samples.

    For the sample covariance matrix S, tr S^2 exceeds tr C^2 by about (tr C)^2 / n, so the plain ratio is too small by
    about the factor n / (n + ratio). Here numerator and denominator are each estimated without bias, for any
    distribution of the points.

    Attributes
    ----------
    dimension_ : float
        Ratio of the two unbiased estimates.

    References
    ----------
    Himeno, T. and Yamada, T. (2014), Estimations for some functions of covariance matrix in high dimension
    under non-normality and its applications, Journal of Multivariate Analysis 130, 27-44.
    """

    def fit(self, spectrum: Spectrum) -> None:
        """Estimate from a spectrum; ValueError for fewer than four points, or a non-positive estimate of tr C^2."""
        squared_trace, trace_of_square = traces(spectrum)
        if trace_of_square <= 0:
            raise ValueError(
                f"{spectrum.n} points are too few to estimate the trace of the squared covariance"
            )
        self.dimension_ = squared_trace / trace_of_square


def traces(spectrum: Spectrum) -> tuple[float, float]:
    """Return unbiased estimates of (tr C)^2 and tr C^2 for the covariance matrix C of the distribution of the points.

    The formulas are those of Himeno and Yamada (2014) for distributions that need not be normal.

    Raises
    ------
    ValueError
        If there are fewer than four points.
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
