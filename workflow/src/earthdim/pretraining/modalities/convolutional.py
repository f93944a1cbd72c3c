"""Random convolutional features: a frozen image backbone that needs no training and no download."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

CHUNK = 64


class RandomConvolutionalFeatures:
    """Mean rectified responses of an image patch to whitened random crops of other patches.

    Bands are standardised, crops are ZCA-whitened, and some of them, drawn at random and scaled to unit
    length, become filters. A patch is described by the means over all positions of max(y, 0) and of
    max(-y, 0), where y is the response of a filter.

    Parameters
    ----------
    filters : int
        Number of filters F; a patch gets 2 F features.
    filter_size : int
        Side of a filter in pixels.
    whitening : float
        What is added to every eigenvalue of the crops' covariance, as a share of their mean. It keeps
        directions without signal, such as those between interpolated neighbours, from being blown up.
    rng : numpy.random.Generator
        Draws the crops that become filters.

    References
    ----------
    Rolf, Proctor, Carleton, Bolliger, Shankar, Ishihara, Recht, Hsiang (2021). A generalizable and
    accessible approach to machine learning with global satellite imagery. Nature Communications 12, 4392
    (MOSAIKS).

    Coates, Ng (2012). Learning feature representations with k-means. In Neural Networks: Tricks of the
    Trade, 2nd ed., Springer (whitening of crops, rectification of both signs).
    """

    def __init__(self, filters: int, filter_size: int, whitening: float, rng: np.random.Generator):
        if filters < 1 or filter_size < 1:
            raise ValueError(f"filters and filter_size must be at least 1, not {filters} and {filter_size}")
        if whitening <= 0:
            raise ValueError(f"whitening must be positive, not {whitening}")
        self.filters = filters
        self.filter_size = filter_size
        self.whitening = whitening
        self._rng = rng

    def fit(self, patches: np.ndarray) -> "RandomConvolutionalFeatures":
        """Learn the band statistics and the whitening, and draw the filters.

        Parameters
        ----------
        patches : ndarray (n, bands, P, P)
            Example patches, in any units.

        Raises
        ------
        ValueError
            If patches are no larger than a filter allows, not finite, constant in a band, or too few.
        """
        self._check(patches)
        mean, spread = patches.mean((0, 2, 3), dtype=np.float64), patches.std((0, 2, 3), dtype=np.float64)
        if not (spread > 0).all():
            raise ValueError(f"patches: band {int(np.argmin(spread))} is constant, so it has no features")
        crops = self._crops((patches - mean[:, None, None]) / spread[:, None, None]).reshape(
            -1, mean.size * self.filter_size**2
        )
        if len(crops) < max(self.filters, crops.shape[1]):
            raise ValueError(f"patches: {len(crops)} crops are too few for {self.filters} filters")
        centre = crops.mean(0)
        variance, axes = np.linalg.eigh(np.cov(crops, rowvar=False).reshape(crops.shape[1], -1))
        whiten = (axes / np.sqrt(variance.clip(0) + self.whitening * variance.mean())) @ axes.T
        chosen = (crops[self._rng.choice(len(crops), self.filters, replace=False)] - centre) @ whiten
        response = (chosen / np.linalg.norm(chosen, axis=1, keepdims=True)) @ whiten
        # One affine map from raw pixels: standardisation, whitening and filter in a single product.
        band = np.repeat(np.arange(mean.size), self.filter_size**2)
        self._weight = (response / spread[band]).T.astype(np.float32)
        self._bias = (-response @ (centre + mean[band] / spread[band])).astype(np.float32)
        return self

    def transform(self, patches: np.ndarray) -> np.ndarray:
        """Features of patches: positive parts of all filters, then negative parts.

        Parameters
        ----------
        patches : ndarray (n, bands, P, P)
            Patches in the units of those fitted on; P may differ from theirs.

        Returns
        -------
        features : float32 ndarray (n, 2 * filters)

        Raises
        ------
        ValueError
            If patches are not finite, smaller than a filter or of another number of bands.
        """
        self._check(patches)
        if patches.shape[1] * self.filter_size**2 != len(self._weight):
            raise ValueError(f"patches: {patches.shape[1]} bands are not those of the fit")
        features = np.empty((len(patches), 2 * self.filters), dtype=np.float32)
        for start in range(0, len(patches), CHUNK):
            crops = self._crops(patches[start : start + CHUNK].astype(np.float32, copy=False))
            response = crops @ self._weight + self._bias
            linear = response.mean(1)
            positive = np.maximum(response, 0, out=response).mean(1)
            features[start : start + CHUNK] = np.hstack([positive, positive - linear])
        return features

    def _crops(self, patches: np.ndarray) -> np.ndarray:
        """Every crop of a filter's size: (n, positions, bands * filter_size**2)."""
        windows = sliding_window_view(patches, (self.filter_size, self.filter_size), axis=(2, 3))
        rows, columns = windows.shape[2:4]
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(len(patches), rows * columns, -1)

    def _check(self, patches: np.ndarray) -> None:
        if patches.ndim != 4 or min(patches.shape[2:]) < self.filter_size:
            raise ValueError(
                f"patches: shape {patches.shape} is not (n, bands, P, P) with P >= {self.filter_size} pixels"
            )
        if not np.isfinite(patches).all():
            raise ValueError("patches: some pixels are not finite")
