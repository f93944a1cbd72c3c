import subprocess
import sys
import types
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from earthdim.build import build

ROOT = Path(__file__).resolve().parents[4]
LEAF = yaml.safe_load((ROOT / "config/weights/geoclip/released.yaml").read_text())
ARGUMENTS = LEAF["build"]


@pytest.fixture(scope="module")
def encoder():
    return build(ARGUMENTS)


@pytest.fixture
def published(monkeypatch):
    """The package's own location encoder, its modules loaded under a package whose __init__ never runs."""
    package = types.ModuleType("geoclip_reference")
    package.__path__ = [str(distribution("geoclip").locate_file("geoclip/model"))]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    yield import_module(f"{package.__name__}.location_encoder").LocationEncoder().eval()
    for name in [name for name in sys.modules if name.startswith(f"{package.__name__}.")]:
        del sys.modules[name]


def lonlat():
    rng = np.random.default_rng(0)
    random = np.column_stack((rng.uniform(-180, 180, 1000), np.degrees(np.arcsin(rng.uniform(-1, 1, 1000)))))
    edges = [[0, 90], [50, -90], [180, 0], [-180, 0], [180, 66.5], [-180, -45], [0, 0]]
    return np.vstack((random, edges))


def test_equals_the_published_encoder_in_double_precision(encoder, published):
    latitude_first = torch.from_numpy(lonlat()[:, ::-1].copy())
    with torch.no_grad():
        expected = published.double()(latitude_first).numpy()
    np.testing.assert_allclose(encoder.embed(lonlat()), expected, rtol=0, atol=1e-5)


def test_equals_the_published_encoder_within_its_single_precision(encoder, published):
    # Its phases are up to thousands of radians, so single precision changes its embeddings by 2e-5.
    latitude_first = torch.from_numpy(lonlat()[:, ::-1].astype(np.float32))
    with torch.no_grad():
        expected = published(latitude_first).numpy()
    np.testing.assert_allclose(encoder.embed(lonlat()), expected, rtol=0, atol=5e-5)


def test_published_sizes(encoder):
    assert encoder.ambient_dim == 512
    assert encoder.parameters_count + sum(buffer.numel() for buffer in encoder.buffers()) == 9_449_472
    assert not encoder.training


def test_wavelength_is_that_of_the_released_frequencies(encoder):
    eastward = encoder.encoding.frequencies[:, :, 0].abs().flatten().numpy()
    expected = np.quantile(np.pi * 6371.0088 / eastward, 0.05)
    assert encoder.encoding.shortest_wavelength_km == pytest.approx(expected)
    assert encoder.encoding.nominal_wavelength_km == pytest.approx(78.18, abs=0.01)


def test_another_file_is_rejected():
    with pytest.raises(ValueError, match="sha256"):
        build({**ARGUMENTS, "sha256": "0" * 64})


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"geoclip/none\.pth does not exist"):
        build({**ARGUMENTS, "source": {"package": "geoclip", "file": "geoclip/none.pth"}})
    with pytest.raises(FileNotFoundError, match=r"no-such-package is not installed"):
        build({**ARGUMENTS, "source": {"package": "no-such-package", "file": "a.pth"}})


def test_the_package_itself_is_never_imported():
    code = (
        "import sys; from earthdim.encoders.released.geoclip import location_encoder;"
        f"location_encoder({LEAF['build']['source']!r}, {LEAF['build']['sha256']!r});"
        "sys.exit(any(name in sys.modules for name in ('geoclip', 'transformers', 'torchvision')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_leaf_names_the_installed_version_and_its_licence():
    metadata = distribution("geoclip").metadata
    assert f"geoclip {metadata['Version']}," in LEAF["about"]["address"]
    assert metadata["License-Expression"] == LEAF["about"]["licence"]
