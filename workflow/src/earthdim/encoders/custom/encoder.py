"""A location encoder whose inside is not ours: it is tried before it is believed."""

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
"""How far two calls on the same places may lie apart, as a part of the largest component: rounding, no noise."""

BATCH_TOLERANCE = 1e-4
"""The same for a place alone and in a batch, where matrix products may be summed in another order: on some processors
that moves phases of hundreds of radians in single precision by more than 1e-5."""

PLACES = tuple((-157.5 + 22.5 * i, -84.375 + 11.25 * (7 * i % 16)) for i in range(15))
"""Where an encoder is tried unless its leaf says otherwise: no pole, no date line, no two on one parallel."""


class Opaque(Encoding):
    """Coordinates as they are, for an encoder that does not show its positional encoding."""

    width = 2
    shortest_wavelength_km = None
    nominal_wavelength_km = None

    def forward(self, lonlat: Tensor) -> Tensor:
        """Pass on longitude and latitude: (n, 2), degrees, float64."""
        return lonlat


class Inputs(NamedTuple):
    """How an encoder wants its coordinates; `check_values` knows the words."""

    order: str = "lonlat"
    units: str = "degrees"
    dtype: str = "float64"

    def __call__(self, lonlat: Tensor) -> Tensor:
        """Longitude and latitude, (n, 2) in degrees, in the encoder's order, units and type."""
        lonlat = lonlat.flip(1) if self.order == "latlon" else lonlat.clone()
        lonlat = torch.deg2rad(lonlat) if self.units == "radians" else lonlat
        return lonlat.to(getattr(torch, self.dtype))


class _Outside(nn.Module):
    """The network's place in an encoder, held by what computes elsewhere.

    A function hides modules of torch in it, so that a copy of the encoder shares them and its conversions, such as
    `double`, do not reach them.
    """

    def __init__(self, compute: Callable[[Tensor], Tensor], outputs: int) -> None:
        super().__init__()
        self.compute = compute
        self.outputs = outputs

    def forward(self, lonlat: Tensor) -> Tensor:
        return self.compute(lonlat)


class OwnEncoder(LocationEncoder):
    """A location encoder that computes outside of this package.

    Its state is a witness: what it gave at a few places when it was made. A state whose witness differs from what the
    encoder gives now is refused, so that a file or a function which changed between two jobs cannot mix two encoders.

    Parameters
    ----------
    compute : callable
        Tensor (n, 2) of longitude and latitude in degrees, float64 -> Tensor (n, d).
    witness : ndarray (m, d)
        Its values at some places.
    key : str
        What errors are about, such as ``weights.file: encoder.pt``.
    parameters : int, optional
        How many parameters it has, where that is known.
    differentiable : bool
        Whether `forward` keeps gradients with respect to coordinates. They are as precise as the encoder's own type of
        numbers.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Tensor],
        witness: NDArray,
        key: str,
        parameters: int | None = None,
        differentiable: bool = False,
    ) -> None:
        super().__init__(Opaque(), _Outside(compute, witness.shape[1]))
        self.register_buffer("witness", torch.from_numpy(np.array(witness, dtype=np.float32)))
        self.register_load_state_dict_pre_hook(_compare_witness)
        self.key = key
        self._parameters_count = parameters
        self._differentiable = differentiable
        self.eval()

    @property
    def parameters_count(self) -> int | None:
        """Number of parameters, trainable or not; None where nobody can count them."""
        return self._parameters_count

    def doubt(self, embeddings: NDArray) -> None:
        """Refuse embeddings that look like no data, and tell of odd ones.

        Parameters
        ----------
        embeddings : ndarray (n, d)

        Raises
        ------
        ValueError
            Naming the value and in how many rows it stands.
        """
        plausibility.refuse_fills(embeddings, self.key, None, "sample places where it has embeddings")
        plausibility.tell_odd_columns(embeddings, self.key)

    @property
    def differentiable(self) -> bool:
        """Whether derivatives with respect to coordinates can be taken."""
        return self._differentiable


def _compare_witness(encoder: OwnEncoder, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    theirs = state.get(f"{prefix}witness")
    ours = encoder.witness
    if theirs is not None and (
        theirs.shape != ours.shape or _distance(theirs.numpy(), ours.numpy()) > BATCH_TOLERANCE
    ):
        raise ValueError(
            f"{encoder.key}: gives other embeddings now than when the checkpoint was made; "
            "were its weights drawn without a seed, or has a file that it reads changed?"
        )


class _Blamed:
    """Adds to an error of the user's own code which key of the config it comes from."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            error.add_note(f"{self.key}: raised this")


def called(
    function: Callable[[Tensor], Any], inputs: Inputs, batch: int, key: str
) -> Callable[[Tensor], Tensor]:
    """Make the `compute` of an `OwnEncoder` from a function that takes what `inputs` gives.

    Parameters
    ----------
    function : callable
        Its result is anything that can be read as numbers (n, d).
    inputs : Inputs
        How it wants its coordinates. They are always a copy, which it may write to.
    batch : int
        How many places it takes at once.
    key : str
        What errors are about.
    """

    def one(part: Tensor) -> Tensor:
        # What others wrote runs as it is, without the modes in which this package may run its own networks.
        with _Blamed(key), torch._C.DisableTorchFunction():
            result = function(inputs(part))
        return _tensor(result, len(part), key)

    def compute(lonlat: Tensor) -> Tensor:
        return torch.cat([one(part) for part in lonlat.split(batch)])

    return compute


def _tensor(result: Any, rows: int, key: str) -> Tensor:
    """The result of one call as a tensor (rows, d) of its own in float32 or float64."""
    if not isinstance(result, Tensor):
        array = arrays.numbers(result, f"{key}: the {type(result).__name__} that it gave")
        result = torch.from_numpy(array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32))
    if result.is_complex() or result.dtype == torch.bool:
        raise ValueError(f"{key}: gave a tensor of {result.dtype}, not numbers")
    if result.ndim != 2 or len(result) != rows or result.shape[1] < 1:
        raise ValueError(
            f"{key}: gave the shape {tuple(result.shape)} for {rows} places; it must be ({rows}, d)"
        )
    result = result.clone() if result.dtype in (torch.float32, torch.float64) else result.float()
    return result.cpu()


def tried(
    compute: Callable[[Tensor], Tensor],
    key: str,
    places: Sequence[Sequence[float]] | None = None,
    parameters: int | None = None,
    tolerance: float = BATCH_TOLERANCE,
) -> OwnEncoder:
    """Make an encoder after trying it at a few places.

    Parameters
    ----------
    compute : callable
        See `called`.
    key : str
        What errors are about.
    places : sequence of pairs, optional
        Two or more [longitude, latitude] in degrees, all different.
    parameters : int, optional
        See `OwnEncoder`.
    tolerance : float
        How far a place alone and in a batch may lie apart, as a part of the largest component.

    Returns
    -------
    OwnEncoder

    Raises
    ------
    ValueError
        If its result is no finite matrix with a row for each place, changes from call to call, or depends on which
        places are embedded together.
    """
    lonlat = torch.tensor(PLACES if places is None else places, dtype=torch.float64)
    with torch.no_grad():
        first = compute(lonlat).numpy()
        again = compute(lonlat).numpy()
        alone = torch.cat([compute(place[None]) for place in lonlat]).numpy()
    finite = np.isfinite(first).all(axis=1)
    if not finite.all():
        longitude, latitude = lonlat[np.argmin(finite)].tolist()
        raise ValueError(
            f"{key}: gives values that are not finite at {np.count_nonzero(~finite)} of {len(lonlat)} places, "
            f"the first at longitude {longitude}, latitude {latitude}; "
            "an encoder of one region needs weights.places inside it"
        )
    if not _distance(again, first) <= REPEAT_TOLERANCE:
        raise ValueError(
            f"{key}: gives other embeddings when called again with the same places; an encoder must not draw at random "
            "(a network in training mode, with dropout, does)"
        )
    if alone.shape != first.shape or not _distance(alone, first) <= tolerance:
        raise ValueError(
            f"{key}: gives a place another embedding when it stands alone than in a batch with others "
            "(a network in training mode, with batch normalisation, does)"
        )
    return OwnEncoder(compute, first, key, parameters, _keeps_gradients(compute, lonlat))


def _distance(a: NDArray, b: NDArray) -> float:
    """The largest difference of two arrays as a part of the largest component of the second."""
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
        # So torch says that a step has no derivative, or leaves torch for NumPy.
        return False
    return gradient is not None and bool(torch.isfinite(gradient).all())
