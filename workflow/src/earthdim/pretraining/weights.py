"""A variant's weights: trained here, left as they were drawn, or released by others; and the encoder they belong to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from earthdim.build import build
from earthdim.encoders.location import LocationEncoder, build_encoder
from earthdim.pretraining.loop import pretrain
from earthdim.storage.schema import FROZEN, WEIGHTS_KEYS

CURVE_COLUMNS = ("step", "train_loss", "val_loss", "val_top1")


@dataclass(frozen=True)
class Made:
    """A variant's weights and what is known of them.

    Attributes
    ----------
    state : dict of Tensor
        The encoder's parameters and buffers.
    curve : DataFrame
        The loss curve; no rows when nothing was trained.
    summary : dict
        ambient_dim, parameters, shortest_wavelength_km, nominal_wavelength_km, and of training val_loss (nats),
        val_top1 (a share), best_step; None where they do not apply.
    """

    state: dict[str, Tensor]
    curve: pd.DataFrame
    summary: dict[str, Any]


def fresh(config: Mapping[str, Any]) -> LocationEncoder:
    """The variant's encoder before any training of ours.

    Parameters
    ----------
    config : mapping
        The resolved config: weights, and model and seed unless the encoder comes as it is.
    """
    weights = config["weights"]
    if weights["kind"] in FROZEN:
        return build({key: value for key, value in weights.items() if key not in WEIGHTS_KEYS})
    return build_encoder(config["model"], config["seed"])


def restore(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> LocationEncoder:
    """The variant's encoder with the weights of its checkpoint, in evaluation mode."""
    encoder = fresh(config)
    encoder.load_state_dict(dict(state))
    return encoder.eval()


def make(
    config: Mapping[str, Any],
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray | None = None,
    *,
    log: Callable[[str], object],
) -> Made:
    """Train a variant, or take its weights as they are.

    Parameters
    ----------
    config : mapping
        The resolved config.
    features : mapping of ndarray (n, w)
        Frozen features by source; empty unless the variant is trained.
    lonlat : ndarray (n, 2), optional
        The training locations and, last, the held-out ones; degrees.
    log : callable
        Takes lines of progress.
    """
    encoder = fresh(config)
    summary = {
        "ambient_dim": encoder.ambient_dim,
        "parameters": encoder.parameters_count,
        "shortest_wavelength_km": encoder.encoding.shortest_wavelength_km,
        "nominal_wavelength_km": encoder.encoding.nominal_wavelength_km,
        "val_loss": None,
        "val_top1": None,
        "best_step": None,
    }
    if config["weights"]["kind"] != "trained":
        log(f"{config['weights']['kind']}: {summary['parameters']} parameters")
        return Made(dict(encoder.state_dict()), pd.DataFrame(columns=list(CURVE_COLUMNS)), summary)
    schedule = config["schedule"]
    held_out = np.arange(schedule["locations"], schedule["locations"] + schedule["validation"])
    device = config.get("device", "cpu")
    result = pretrain(
        encoder, features, lonlat, held_out, config["model"], schedule, config["seed"], log, device
    )
    trained = {"val_loss": result.val_loss, "val_top1": result.val_top1, "best_step": result.step}
    return Made(result.state, result.curve, {**summary, **trained})
