"""Weights of a variant (trained here, random, external, or none) and the encoder that they belong to."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from earthdim.build import build
from earthdim.encoders.location import LocationEncoder, build_encoder, raw_encoder
from earthdim.pretraining.loop import pretrain
from earthdim.pretraining.rows import assign
from earthdim.pretraining.shuffling import shuffled
from earthdim.pretraining.validation import COLUMNS
from earthdim.storage.schema import EXTERNAL, TRAINED

CURVE_COLUMNS = ("step", "train_loss", *COLUMNS)


@dataclass(frozen=True)
class Weights:
    """Weights of a variant and their summary.

    Attributes
    ----------
    state : dict of Tensor
        Parameters and buffers of the encoder.
    curve : DataFrame
        The loss curve; without rows if nothing was trained.
    summary : dict
        ambient_dim, parameters, shortest_wavelength_km, nominal_wavelength_km, and for trained variants the fields of
        `earthdim.pretraining.validation.Losses`, best_step and steps; None where not applicable.
    """

    state: dict[str, Tensor]
    curve: pd.DataFrame
    summary: dict[str, Any]


def initial_encoder(config: Mapping[str, Any]) -> LocationEncoder:
    """Build the variant's encoder in its state before training: random or external weights, or none.

    Parameters
    ----------
    config : mapping
        The resolved config: weights, and for encoders that are not external also model and, unless raw, seed.
    """
    weights = config["weights"]
    if weights["kind"] in EXTERNAL:
        return build(weights["build"])
    if weights["kind"] == "raw":
        return raw_encoder(config["model"])
    return build_encoder(config["model"], config["seed"])


def restore_encoder(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> LocationEncoder:
    """Build the variant's encoder with the weights of its checkpoint, in evaluation mode."""
    encoder = initial_encoder(config)
    encoder.load_state_dict(dict(state))
    return encoder.eval()


def prepare_weights(
    config: Mapping[str, Any],
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray | None = None,
    *,
    log: Callable[[str], object],
) -> Weights:
    """Train a variant, or take its random or external weights.

    Parameters
    ----------
    config : mapping
        The resolved config.
    features : mapping of ndarray (n, w)
        Precomputed features by source; empty unless the variant is trained.
    lonlat : ndarray (n, 2), optional
        The locations drawn for the schedule, degrees; see `earthdim.pretraining.rows.assign`.
    log : callable
        Receives lines of progress.
    """
    encoder = initial_encoder(config)
    summary = {
        "ambient_dim": encoder.ambient_dim,
        "parameters": encoder.parameters_count,
        "shortest_wavelength_km": encoder.encoding.shortest_wavelength_km,
        "nominal_wavelength_km": encoder.encoding.nominal_wavelength_km,
        **dict.fromkeys((*COLUMNS, "best_step", "steps")),
    }
    kind = config["weights"]["kind"]
    if kind not in TRAINED:
        log(f"{kind}: {summary['parameters']} parameters")
        return Weights(dict(encoder.state_dict()), pd.DataFrame(columns=list(CURVE_COLUMNS)), summary)
    schedule = config["schedule"]
    rows = assign(lonlat, schedule)
    if kind == "shuffled":
        features = shuffled(features, (rows.training, rows.near, rows.regions), config["seed"])
    device = config.get("device", "cpu")
    result = pretrain(encoder, features, lonlat, rows, config["model"], schedule, config["seed"], log, device)
    trained = {**asdict(result.losses), "best_step": result.step, "steps": schedule["steps"]}
    return Weights(result.state, result.curve, {**summary, **trained})
