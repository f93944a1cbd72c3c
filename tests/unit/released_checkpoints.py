"""Checkpoints of the published layouts with random numbers, and the expected embeddings in plain numpy."""

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from scipy.special import erf, sph_harm_y

from earthdim.storage.schema import WEIGHTS_KEYS

WEIGHTS = Path(__file__).parents[2] / "config" / "weights"


def arguments(leaf, path, **changes):
    """What the workflow passes on from a leaf, with a file of the test's own in the place of the published one."""
    kept = {
        key: value
        for key, value in yaml.safe_load((WEIGHTS / f"{leaf}.yaml").read_text()).items()
        if key not in WEIGHTS_KEYS
    }
    return {**kept, "source": {"file": str(path)}, "sha256": digest(path), **changes}


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def points(n=60):
    rng = np.random.default_rng(0)
    random = np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))
    edges = [[0, 90], [50, -90], [180, 0], [-180, 0], [180, 66.5], [-180, -45], [0, 0]]
    return np.vstack((random, edges))


def _linear(rng, name, inputs, outputs, bound=None, dtype=np.float32):
    bound = dtype(bound or 1 / math.sqrt(inputs))
    draw = rng.random(outputs * (inputs + 1), dtype=dtype) * 2 * bound - bound
    return {f"{name}.weight": draw[outputs:].reshape(outputs, inputs), f"{name}.bias": draw[:outputs]}


def _apply(state, name, x):
    return x @ state[f"{name}.weight"].astype(float).T + state[f"{name}.bias"]


@cache
def _drawn(tensors):
    return tensors(np.random.default_rng(0))


@dataclass(frozen=True)
class Layout:
    """A published layout: its tensors, what a file wraps them in, and the encoder in float64."""

    leaf: str
    suffix: str
    dimension: int
    tensors: object
    wrap: object
    forward: object

    def write(self, folder, change=None):
        """Write a checkpoint and return its path and its tensors, after `change` was made to the dict of them."""
        state = dict(_drawn(self.tensors))
        if change:
            change(state)
        path = folder / f"weights{self.suffix}"
        tensors = OrderedDict((name, torch.as_tensor(value)) for name, value in state.items())
        if self.suffix == ".safetensors":
            save_file(dict(tensors), path)
        else:
            torch.save(self.wrap(tensors), path)
        return path, state


def _satclip(legendre_polys):
    def tensors(rng):
        state = {}
        for place in ("model.nnet", "model.location.nnet"):
            again = np.random.default_rng(rng.bit_generator.seed_seq)
            sizes = [legendre_polys**2, 512, 512]
            for i in range(2):
                bound = 1 / sizes[0] if i == 0 else math.sqrt(6 / 512)
                state |= _linear(again, f"{place}.layers.{i}", sizes[i], 512, bound, np.float64)
            state |= _linear(again, f"{place}.last_layer", 512, 256, math.sqrt(6 / 512), np.float64)
        state |= _linear(rng, "model.visual.fc", 8, 256)
        return {**state, "model.logit_scale": np.float32(math.log(1 / 0.07))}

    def wrap(tensors):
        return {
            "epoch": 499,
            "global_step": 88500,
            "pytorch-lightning_version": "2.0.0",
            "state_dict": tensors,
            "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 500}}}},
            "callbacks": {
                "ModelCheckpoint{}": {"monitor": "val_loss", "best_model_score": torch.tensor(3.2)}
            },
            "optimizer_states": [
                {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
            ],
            "lr_schedulers": [],
            "hparams_name": "kwargs",
            "hyper_parameters": satclip_hyperparameters(legendre_polys),
        }

    return Layout(
        f"satclip/vit16-l{legendre_polys}",
        ".ckpt",
        256,
        tensors,
        wrap,
        lambda state, lonlat: satclip_forward(state, lonlat, legendre_polys),
    )


def satclip_hyperparameters(legendre_polys):
    return {
        "embed_dim": 256,
        "image_resolution": 256,
        "vision_layers": "moco_vit16",
        "in_channels": 13,
        "le_type": "sphericalharmonics",
        "pe_type": "siren",
        "frequency_num": 16,
        "max_radius": 0.01,
        "legendre_polys": legendre_polys,
        "harmonics_calculation": "analytic",
        "num_hidden_layers": 2,
        "capacity": 512,
        "eval_downstream": False,
        "air_temp_data_path": "air_temp.csv",
    }


def satclip_harmonics(lonlat, legendre_polys):
    """The published formula with scipy's harmonics: its angles, no Condon-Shortley phase, pi on the zonal ones."""
    azimuth, polar = np.radians(lonlat[:, 0] + 180), np.radians(lonlat[:, 1] + 90)
    columns = []
    for degree in range(legendre_polys):
        for order in range(-degree, degree + 1):
            value = (-1) ** order * sph_harm_y(degree, abs(order), polar, azimuth)
            if order == 0:
                columns.append(math.pi * value.real)
            else:
                columns.append(math.sqrt(2) * (value.imag if order < 0 else value.real))
    return np.stack(columns, axis=1)


def satclip_forward(state, lonlat, legendre_polys):
    x = np.sin(30 * _apply(state, "model.location.nnet.layers.0", satclip_harmonics(lonlat, legendre_polys)))
    x = np.sin(_apply(state, "model.location.nnet.layers.1", x))
    return _apply(state, "model.location.nnet.last_layer", x)


def _capsules(rng):
    state = {}
    for level, sigma in enumerate((1, 16, 256)):
        place = f"LocEnc{level}"
        state[f"{place}.capsule.0.b"] = rng.normal(0, sigma, (256, 2)).astype(np.float32)
        for i, inputs in ((1, 512), (3, 1024), (5, 1024)):
            state |= _linear(rng, f"{place}.capsule.{i}", inputs, 1024)
        state |= _linear(rng, f"{place}.head.0", 1024, 512)
    return state


def _capsules_forward(state, lonlat):
    plane = _equal_earth(latitude=lonlat[:, 1], longitude=lonlat[:, 0])
    total = 0
    for level in range(3):
        place = f"LocEnc{level}"
        phase = 2 * np.pi * plane @ state[f"{place}.capsule.0.b"].astype(float).T
        x = np.hstack((np.cos(phase), np.sin(phase)))
        for i in (1, 3, 5):
            x = np.maximum(_apply(state, f"{place}.capsule.{i}", x), 0)
        total = total + _apply(state, f"{place}.head.0", x)
    return total


def _equal_earth(latitude, longitude):
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = np.arcsin(np.sqrt(3) / 2 * np.sin(np.radians(latitude)))
    slope = 3 * (9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1)
    easting = 2 * np.sqrt(3) * np.radians(longitude) * np.cos(t) / slope
    return np.column_stack((easting, a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t)) * 66.50336 / 180


def _csp(leaf, activation):
    def tensors(rng):
        state = {}
        for place in ("spa_enc", "loc_enc.spa_enc"):
            again = np.random.default_rng(rng.bit_generator.seed_seq)
            state |= _linear(again, f"{place}.ffn.layers.0.linear", 128, 512)
            state[f"{place}.ffn.layers.0.layernorm.weight"] = again.uniform(0.5, 1.5, 512).astype(np.float32)
            state[f"{place}.ffn.layers.0.layernorm.bias"] = again.uniform(-0.5, 0.5, 512).astype(np.float32)
            state |= _linear(again, f"{place}.ffn.layers.1.linear", 512, 256)
        for name in ("loc_enc.class_emb", "loc_enc.user_emb", "class_emb", "user_emb"):
            state[f"{name}.weight"] = rng.normal(size=(4, 256)).astype(np.float32)
        return state | _linear(rng, "img_dec", 32, 256)

    def wrap(tensors):
        return {"epoch": 30, "state_dict": tensors, "params": csp_params(activation)}

    def forward(state, lonlat):
        place = "loc_enc.spa_enc.ffn.layers"
        scales = 0.1 * np.exp(np.arange(32) * math.log(360 / 0.1) / 31)
        # A block for longitude, then one for latitude; in each, sine and cosine of one scale after the other.
        blocks = [
            [f(lonlat[:, axis] / scale) for scale in scales for f in (np.sin, np.cos)] for axis in (0, 1)
        ]
        act = {"gelu": _gelu, "leakyrelu": _leaky}[activation]
        x = act(_apply(state, f"{place}.0.linear", np.array(blocks[0] + blocks[1]).T))
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        x = x * state[f"{place}.0.layernorm.weight"] + state[f"{place}.0.layernorm.bias"]
        return act(_apply(state, f"{place}.1.linear", x))

    return Layout(leaf, ".pth.tar", 256, tensors, wrap, forward)


def csp_params(activation):
    return {
        "dataset": "fmow",
        "device": "cuda:0",
        "spa_enc_type": "gridcell",
        "freq_init": "geometric",
        "frequency_num": 32,
        "min_radius": 0.1,
        "max_radius": 360.0,
        "num_hidden_layer": 1,
        "hidden_dim": 512,
        "num_filts": 256,
        "spa_f_act": activation,
        "use_layn": True,
        "skip_connection": True,
        "dropout": 0.5,
        "num_classes": np.int64(62),
        "map_range": [-180, 180, -90, 90],
        "rbf_anchor_pt_ids": None,
    }


def _gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def _leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def _sinr(rng):
    state = {"class_emb.weight": rng.normal(size=(9, 256)).astype(np.float32)}
    state |= _linear(rng, "feats.0", 4, 256)
    for i in range(2, 6):
        state |= _linear(rng, f"feats.{i}.w1", 256, 256) | _linear(rng, f"feats.{i}.w2", 256, 256)
    return state


def _sinr_file(tensors):
    params = {
        "model": "ResidualFCNet",
        "input_enc": "sin_cos",
        "num_filts": 256,
        "depth": 4,
        "input_dim": 4,
        "device": "cuda",
        "class_to_taxa": [1, 2, 3],
    }
    return {"state_dict": tensors, "params": params}


def _sinr_forward(state, lonlat):
    x = np.pi * lonlat / [180, 90]
    x = np.maximum(_apply(state, "feats.0", np.hstack((np.sin(x), np.cos(x)))), 0)
    for i in range(2, 6):
        x = x + np.maximum(
            _apply(state, f"feats.{i}.w2", np.maximum(_apply(state, f"feats.{i}.w1", x), 0)), 0
        )
    return x


def _climplicit(rng):
    state = _linear(rng, "location_encoder.layers.0", 4, 512, 1 / 4)
    for i in range(1, 16):
        state |= _linear(rng, f"location_encoder.layers.{i}", 512, 512, math.sqrt(6 / 512))
    state |= _linear(rng, "location_encoder.last_layer", 512, 256, math.sqrt(6 / 512))
    return state | _linear(rng, "chelsa_regressor", 256, 11)


def climplicit_forward(state, lonlat, months=(3, 6, 9, 12)):
    side = []
    for month in months:
        season = np.tile([np.sin(month / 6 * np.pi), np.cos(month / 6 * np.pi)], (len(lonlat), 1))
        x, before = np.hstack((lonlat / [180, 90], season)), None
        for i in range(16):
            z = _apply(state, f"location_encoder.layers.{i}", x)
            before = z if before is None else (z + before) / 2
            x = np.sin(30 * np.sinh(2 * before)) if i == 0 else np.sin(before)
        side.append(_apply(state, "location_encoder.last_layer", x))
    return np.hstack(side)


LAYOUTS = {
    layout.leaf: layout
    for layout in (
        _satclip(10),
        _satclip(40),
        Layout("geoclip/released", ".pth", 512, _capsules, OrderedDict, _capsules_forward),
        Layout("taxabind/released", ".safetensors", 512, _capsules, None, _capsules_forward),
        _csp("csp/fmow", "gelu"),
        _csp("csp/inat", "leakyrelu"),
        Layout("sinr/released", ".pt", 256, _sinr, _sinr_file, _sinr_forward),
        Layout("climplicit/released", ".pth", 1024, _climplicit, OrderedDict, climplicit_forward),
    )
}


def write_database(path, places=50, dimension=256, change=None):
    """RANGE's database of random places; returns its arrays."""
    rng = np.random.default_rng(1)
    arrays = {
        "locs": np.column_stack((rng.uniform(-180, 180, places), rng.uniform(-90, 90, places))),
        "satclip_embeddings": rng.normal(size=(places, dimension)),
        "image_embeddings": rng.normal(size=(places, 1024)),
    }
    if change:
        change(arrays)
    np.savez(path, **arrays)
    return arrays


def tensors(path, **more):
    """Write a small file of weights; returns its path."""
    torch.save({"state_dict": {"a.weight": torch.ones(2, 3)}, **more}, path)
    return path
