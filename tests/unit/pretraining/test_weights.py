"""Weights of a variant: controls without training."""

import numpy as np
import torch
import yaml
from places import CONFIG

from earthdim.build import build
from earthdim.pretraining.weights import prepare_weights, restore_encoder
from earthdim.storage.files import open_checkpoint, save_checkpoint

MODEL = yaml.safe_load((CONFIG / "model" / "geoclip.yaml").read_text())
LONLAT = np.array([[0.0, 0.0], [12.5, 41.9], [-70.0, -33.0]])


def test_a_raw_variant_is_its_encoding(tmp_path):
    config = {"weights": {"kind": "raw"}, "model": {"encoding": MODEL["encoding"]}}
    made = prepare_weights(config, {}, log=lambda line: None)
    encoding = build(MODEL["encoding"])
    assert (made.summary["ambient_dim"], made.summary["parameters"]) == (encoding.width, 0)
    assert made.summary["shortest_wavelength_km"] == encoding.shortest_wavelength_km
    assert made.curve.empty
    save_checkpoint(made.state, tmp_path / "checkpoint.safetensors", {})
    restored = restore_encoder(config, open_checkpoint(tmp_path / "checkpoint.safetensors"))
    embedded = restored.embed(LONLAT)
    np.testing.assert_array_equal(embedded, encoding(torch.from_numpy(LONLAT)).numpy())


def test_a_raw_variant_without_buffers_has_an_empty_checkpoint(tmp_path):
    encoding = {"_target_": "earthdim.encoders.encodings.coordinates.Cartesian3D"}
    config = {"weights": {"kind": "raw"}, "model": {"encoding": encoding}}
    made = prepare_weights(config, {}, log=lambda line: None)
    save_checkpoint(made.state, tmp_path / "checkpoint.safetensors", {})
    restored = restore_encoder(config, open_checkpoint(tmp_path / "checkpoint.safetensors"))
    np.testing.assert_allclose(np.linalg.norm(restored.embed(LONLAT), axis=1), 1, rtol=1e-6)
