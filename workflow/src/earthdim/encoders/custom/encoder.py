"""Base class of user-supplied location encoders, and the checks that each must pass before it is used."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earthdim.data import arrays, plausibility
from earthdim.encoders.encodings.base import Encoding
from earthdim.encoders.location import LocationEncoder

REPEAT_TOLERANCE = 1e-6
"""Largest difference between two calls on the same places, relative to the largest component: rounding only."""

BATCH_TOLERANCE = 1e-4
"""Largest relative difference between a place embedded alone and in a batch. Matrix products may be summed in another
order: on some processors this moves phases of hundreds of radians in single precision by more than 1e-5."""

PROBE_PLACES = tuple((-157.5 + 22.5 * i, -84.375 + 11.25 * (7 * i % 16)) for i in range(15))
"""Default places of the checks: no pole, not on the date line, no two on one parallel."""


class Opaque(Encoding):
    """Identity encoding, for an encoder whose positional encoding is unknown."""

    width = 2
    shortest_wavelength_km = None
    nominal_wavelength_km = None

    def forward(self, lonlat: Tensor) -> Tensor:
        """Pass on longitude and latitude: (n, 2), degrees, float64."""
        return lonlat


class Inputs(NamedTuple):
    """Format of the coordinates that an encoder takes; see `WORDS` in `dependencies` for allowed values."""

    order: str = "lonlat"
    units: str = "degrees"
    dtype: str = "float64"

    def __call__(self, lonlat: Tensor) -> Tensor:
        """Convert longitude and latitude, (n, 2) in degrees, to the encoder's order, units and type."""
        lonlat = lonlat.flip(1) if self.order == "latlon" else lonlat.clone()
        lonlat = torch.deg2rad(lonlat) if self.units == "radians" else lonlat
        return lonlat.to(getattr(torch, self.dtype))


class _ExternalNetwork(nn.Module):
    """Network of an encoder that computes outside this package.

    The function hides any torch modules in it, so that copies of the encoder share them and conversions such as
    `double` do not affect them.
    """

    def __init__(self, compute: Callable[[Tensor], Tensor], outputs: int) -> None:
        super().__init__()
        self.compute = compute
        self.outputs = outputs

    def forward(self, lonlat: Tensor) -> Tensor:
        return self.compute(lonlat)


class CustomEncoder(LocationEncoder):
    """A location encoder that computes outside this package.

    Its state holds a witness: its embeddings of a few places at construction. Loading a state with a different witness
    is an error, so that a file or function that changed between two jobs cannot mix two encoders.

    Parameters
    ----------
    compute : callable
        Tensor (n, 2) of longitude and latitude in degrees, float64 -> Tensor (n, d).
    witness : ndarray (m, d)
        Its embeddings of a few places.
    key : str
        Prefix of errors, such as ``weights.file: encoder.pt``.
    parameters : int, optional
        Number of parameters, if known.
    differentiable : bool
        Whether `forward` keeps gradients with respect to coordinates. They have the precision of the encoder's dtype.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Tensor],
        witness: NDArray,
        key: str,
        parameters: int | None = None,
        differentiable: bool = False,
    ) -> None:
        super().__init__(Opaque(), _ExternalNetwork(compute, witness.shape[1]))
        self.register_buffer("witness", torch.from_numpy(np.array(witness, dtype=np.float32)))
        self.register_load_state_dict_pre_hook(_compare_witness)
        self.key = key
        self._parameters_count = parameters
        self._differentiable = differentiable
        self.eval()

    @property
    def parameters_count(self) -> int | None:
        """Number of parameters, trainable or not; None if unknown."""
        return self._parameters_count

    def check_embeddings(self, embeddings: NDArray) -> None:
        """Reject embeddings that contain fill values, and warn of suspicious columns.

        Parameters
        ----------
        embeddings : ndarray (n, d)

        Raises
        ------
        ValueError
            If there is a fill value; the message names it and the number of rows.
        """
        plausibility.check_fill_values(embeddings, self.key, None, "sample places where it has embeddings")
        plausibility.warn_suspicious_columns(embeddings, self.key)

    @property
    def differentiable(self) -> bool:
        """Whether derivatives with respect to coordinates can be taken."""
        return self._differentiable


def _compare_witness(encoder: CustomEncoder, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    stored = state.get(f"{prefix}witness")
    current = encoder.witness
    if stored is not None and (
        stored.shape != current.shape or _distance(stored.numpy(), current.numpy()) > BATCH_TOLERANCE
    ):
        raise ValueError(
            f"{encoder.key}: its embeddings differ from those at the time of the checkpoint; "
            "check that its weights are initialised with a seed and that no file it reads has changed"
        )


class _ErrorContext:
    """Context that adds the config key to errors raised by user-supplied code."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            error.add_note(f"{self.key}: raised this")


def batched(
    function: Callable[[Tensor], Any], inputs: Inputs, batch: int, key: str
) -> Callable[[Tensor], Tensor]:
    """Wrap a function as the `compute` argument of a `CustomEncoder`: convert coordinates, call it in batches.

    Parameters
    ----------
    function : callable
        Returns (n, d) numbers in any form that `earthdim.data.arrays.numbers` accepts.
    inputs : Inputs
        Format of its coordinates. They are always copied, so it may modify them.
    batch : int
        Number of places per call.
    key : str
        Prefix of errors.
    """

    def one(part: Tensor) -> Tensor:
        # User-supplied code runs without the torch function modes that this package may use for its own networks.
        with _ErrorContext(key), torch._C.DisableTorchFunction():
            result = function(inputs(part))
        return _tensor(result, len(part), key)

    def compute(lonlat: Tensor) -> Tensor:
        return torch.cat([one(part) for part in lonlat.split(batch)])

    return compute


def _tensor(result: Any, rows: int, key: str) -> Tensor:
    """Copy the result of one call into a tensor (rows, d) of float32 or float64."""
    if not isinstance(result, Tensor):
        array = arrays.numbers(result, f"{key}: the {type(result).__name__} that it returned")
        result = torch.from_numpy(array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32))
    if result.is_complex() or result.dtype == torch.bool:
        raise ValueError(f"{key}: returned a tensor of {result.dtype}, not numbers")
    if result.ndim != 2 or len(result) != rows or result.shape[1] < 1:
        raise ValueError(
            f"{key}: returned the shape {tuple(result.shape)} for {rows} places; it must be ({rows}, d)"
        )
    result = result.clone() if result.dtype in (torch.float32, torch.float64) else result.float()
    return result.cpu()


def checked_encoder(
    compute: Callable[[Tensor], Tensor],
    key: str,
    places: Sequence[Sequence[float]] | None = None,
    parameters: int | None = None,
    tolerance: float = BATCH_TOLERANCE,
) -> CustomEncoder:
    """Build an encoder after checking it at a few places.

    Parameters
    ----------
    compute : callable
        See `batched`.
    key : str
        Prefix of errors.
    places : sequence of pairs, optional
        Two or more distinct [longitude, latitude] in degrees; `PROBE_PLACES` by default.
    parameters : int, optional
        See `CustomEncoder`.
    tolerance : float
        Largest difference between a place embedded alone and in a batch, relative to the largest component.

    Returns
    -------
    CustomEncoder

    Raises
    ------
    ValueError
        If its result is not a finite matrix with one row per place, differs between calls, or depends on which places
        share a batch.
    """
    lonlat = torch.tensor(PROBE_PLACES if places is None else places, dtype=torch.float64)
    with torch.no_grad():
        first = compute(lonlat).numpy()
        again = compute(lonlat).numpy()
        alone = torch.cat([compute(place[None]) for place in lonlat]).numpy()
    finite = np.isfinite(first).all(axis=1)
    if not finite.all():
        longitude, latitude = lonlat[np.argmin(finite)].tolist()
        raise ValueError(
            f"{key}: its embeddings are not finite at {np.count_nonzero(~finite)} of {len(lonlat)} places, "
            f"the first at longitude {longitude}, latitude {latitude}; "
            "for a regional encoder, set weights.places inside the region"
        )
    if not _distance(again, first) <= REPEAT_TOLERANCE:
        raise ValueError(
            f"{key}: repeated calls on the same places return different embeddings; an encoder must be deterministic "
            "(a network with dropout must be in evaluation mode)"
        )
    if alone.shape != first.shape or not _distance(alone, first) <= tolerance:
        raise ValueError(
            f"{key}: the embedding of a place depends on the other places in its batch "
            "(a network with batch normalisation must be in evaluation mode)"
        )
    return CustomEncoder(compute, first, key, parameters, _keeps_gradients(compute, lonlat))


def _distance(a: NDArray, b: NDArray) -> float:
    """Largest difference of two arrays, relative to the largest component of the second."""
    scale = np.abs(b).max()
    return float(np.abs(a.astype(np.float64) - b).max() / (scale if scale > 0 else 1))


def _keeps_gradients(compute: Callable[[Tensor], Tensor], lonlat: Tensor) -> bool:
    lonlat = lonlat.clone().requires_grad_()
    try:
        with torch.enable_grad():
            embedded = compute(lonlat)
        if not embedded.requires_grad:
            return False
        gradient = torch.autograd.grad(embedded.sum(), lonlat, allow_unused=True)[0]
    except RuntimeError:
        # Raised by torch if an operation has no derivative or converts to NumPy.
        return False
    return gradient is not None and bool(torch.isfinite(gradient).all())
