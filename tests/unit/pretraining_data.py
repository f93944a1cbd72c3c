"""A small encoder, its objectives and a schedule, for the tests of the training loop."""

import torch

from earthdim.encoders.location import LocationEncoder

MODEL = {
    "objective": {
        "_target_": "earthdim.pretraining.objectives.info_nce.InfoNCE",
        "temperature": 0.07,
        "max_scale": 100.0,
    },
    "optimiser": {"lr": 0.01, "weight_decay": 0.01},
}
TERMS = {"batch_temperature": 0.07, "negative_temperature": 0.07, "simcse_temperature": 0.07}
MODULES = {
    "InfoNCE": "info_nce",
    "SigLIP": "siglip",
    "CSP": "csp",
    "GeoCLIP": "geoclip",
    "PresenceOnly": "presence_only",
    "Regression": "regression",
}
OBJECTIVES = {
    "InfoNCE": {"temperature": 0.07, "max_scale": 100.0},
    "SigLIP": {"scale": 10.0, "bias": -10.0},
    "CSP": TERMS,
    "GeoCLIP": {"queue_size": 100, "noise_km": 0.15, "queue_noise_km": 1.0},
    "PresenceOnly": {"positive_weight": 8.0},
    "Regression": {},
}
SCHEDULE = {
    "locations": 400,
    "validation": 64,
    "candidates": 64,
    "seed": 0,
    "batch": 32,
    "steps": 60,
    "warmup_steps": 5,
    "evaluate_every": 20,
    "noise": 0,
    "jitter_km": 0,
}


class Directions(torch.nn.Module):
    width = 4

    def forward(self, lonlat):
        angles = torch.deg2rad(lonlat)
        return torch.cat((angles.sin(), angles.cos()), 1).float()


class Network(torch.nn.Sequential):
    outputs = 16

    def __init__(self, dropout=0.0):
        layers = (torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.LayerNorm(32), torch.nn.Dropout(dropout))
        super().__init__(*layers, torch.nn.Linear(32, 16))


def encoder(dropout=0.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return LocationEncoder(Directions(), Network(dropout))


def model(objective):
    target = f"earthdim.pretraining.objectives.{MODULES[objective]}.{objective}"
    return MODEL | {"objective": {"_target_": target, **OBJECTIVES[objective]}}
