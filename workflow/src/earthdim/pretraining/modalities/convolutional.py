"""Random convolutional features: an image backbone that needs neither training nor a download."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

CHUNK = 64


class RandomConvolutionalFeatures:
    """Mean rectified responses of an image patch to whitened random crops of other patches.

    Bands are standardised and crops are ZCA-whitened. Randomly chosen crops, scaled to unit length, become the filters.
    The features of a patch are the means over all positions of max(y, 0) and max(-y, 0), where y is the response of a
    filter.

    Parameters
    ----------
    filters : int
        Number of filters F; a patch has 2 F features.
    filter_size : int
        Side of a filter in pixels.
    whitening : float
        Added to every eigenvalue of the crops' covariance, relative to their mean. It keeps directions without signal,
        such as differences between interpolated neighbours, from being amplified.
    rng : numpy.random.Generator
        Chooses the crops that become filters.

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
        """Compute the band statistics and the whitening, and choose the filters.

        Parameters
        ----------
        patches : ndarray (n, bands, P, P)
            Example patches, in any units.

        Raises
        ------
        ValueError
            If patches are smaller than a filter, not finite, constant in a band, or too few.
        """
        self._check(patches)
        mean, spread = patches.mean((0, 2, 3), dtype=np.float64), patches.std((0, 2, 3), dtype=np.float64)
        if not (spread > 0).all():
            raise ValueError(f"patches: band {int(np.argmin(spread))} is constant")
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
        # Standardisation, whitening and filters combined into one affine map of raw pixels.
        band = np.repeat(np.arange(mean.size), self.filter_size**2)
        self._weight = (response / spread[band]).T.astype(np.float32)
        self._bias = (-response @ (centre + mean[band] / spread[band])).astype(np.float32)
        return self

    def transform(self, patches: np.ndarray) -> np.ndarray:
        """Return the features of patches: the positive parts of all filters, then the negative parts.

        Parameters
        ----------
        patches : ndarray (n, bands, P, P)
            Patches in the units of the fitted ones; P may differ.

        Returns
        -------
        features : float32 ndarray (n, 2 * filters)

        Raises
        ------
        ValueError
            If patches are not finite, smaller than a filter, or have a different number of bands than the fitted ones.
        """
        self._check(patches)
        if patches.shape[1] * self.filter_size**2 != len(self._weight):
            raise ValueError(
                f"patches: {patches.shape[1]} bands, unlike the patches that the backbone was fitted to"
            )
        features = np.empty((len(patches), 2 * self.filters), dtype=np.float32)
        for start in range(0, len(patches), CHUNK):
            crops = self._crops(patches[start : start + CHUNK].astype(np.float32, copy=False))
            response = crops @ self._weight + self._bias
            linear = response.mean(1)
            positive = np.maximum(response, 0, out=response).mean(1)
            features[start : start + CHUNK] = np.hstack([positive, positive - linear])
        return features

    def _crops(self, patches: np.ndarray) -> np.ndarray:
        """Return all crops of the filters' size: (n, positions, bands * filter_size**2)."""
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
