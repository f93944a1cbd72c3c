"""Source of a module with callables that the tests wrap as encoders: valid ones, and ones that must be rejected."""

MODULE = '''
import threading

import numpy as np
import torch
from torch import nn

calls = []

def sphere(lonlat):
    """The unit vectors, in NumPy."""
    calls.append(len(lonlat))
    assert isinstance(lonlat, np.ndarray) and lonlat.dtype == np.float64
    lon, lat = np.radians(lonlat).T
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)

def two_arrays(a, b):
    return np.stack([a, b], axis=1)

def one_array(x):
    return x

def dtype_told(x):
    return np.full((len(x), 1), x.dtype.itemsize) + 0 * x[:, :1]

def sea_of_fill(lonlat):
    values = np.sin(lonlat @ np.ones((2, 5)) / 30 + np.arange(5))
    values[lonlat[:, 0] < -160] = -9999
    return values

def masked_sea(lonlat):
    return np.ma.masked_array(np.ones((len(lonlat), 4)), np.repeat(lonlat[:, :1] < 0, 4, axis=1))

def series(lonlat):
    import pandas as pd
    return pd.Series(list(np.radians(lonlat)))

def in_place(lonlat):
    lonlat *= np.pi / 180
    return lonlat

buffer = np.empty((3, 2))
def reused(lonlat):
    buffer[: len(lonlat)] = lonlat
    return buffer[: len(lonlat)]

def lists(lonlat):
    return [[float(lon), float(lat)] for lon, lat in lonlat]

class Caller:
    def __call__(self, lonlat):
        return lonlat * 2

    def method(self, lonlat):
        return lonlat * 3

caller = Caller()

class Smooth(nn.Module):
    """As `sphere`, differentiable."""

    def forward(self, lonlat):
        assert lonlat.dtype == torch.float64
        lon, lat = torch.deg2rad(lonlat).unbind(1)
        return torch.stack([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()], dim=1)

smooth = Smooth()
smooth_function = smooth.forward

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
training = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8))
dropping = nn.Sequential(nn.Linear(2, 64), nn.Dropout(0.5))

def through_dropout(lonlat):
    return dropping(torch.from_numpy(lonlat).float())

def through_batch_norm(lonlat):
    centred = lonlat - lonlat.mean(axis=0)
    return centred / (centred.std(axis=0) + 1)

def through_training(lonlat):
    return training(torch.from_numpy(lonlat).float())

def without_gradient(lonlat):
    with torch.no_grad():
        return smooth(lonlat)

frozen = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)).requires_grad_(False)
def closes_over_float32(lonlat):
    return frozen(lonlat.float())

def through_numpy(x):
    return x.numpy() * 2

weight = nn.Parameter(torch.ones(2, 2, dtype=torch.float64))
def of_parameters_alone(x):
    return x.detach() @ weight

torch_buffer = torch.empty(3, 2, dtype=torch.float64)
def reused_tensor(x):
    torch_buffer[: len(x)] = x
    return torch_buffer[: len(x)]

class Locked:
    """As `smooth`, and nothing that can be copied."""

    lock = None

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, x):
        with self.lock:
            return smooth(x)

locked = Locked()

def half(lonlat):
    return torch.from_numpy(lonlat).to(torch.bfloat16)

rng = np.random.default_rng(0)
def noisy(lonlat):
    return lonlat + rng.normal(scale=1e-2, size=lonlat.shape)

def flat(lonlat):
    return lonlat[:, 0]

def transposed(lonlat):
    return lonlat.T

def squeezed(lonlat):
    return np.squeeze(lonlat)

def empty(lonlat):
    return lonlat[:, :0]

def words(lonlat):
    return [["a", "b"]] * len(lonlat)

def nothing(lonlat):
    return None

def complex_numbers(lonlat):
    return lonlat + 1j

def complex_tensor(lonlat):
    return torch.from_numpy(lonlat) + 1j

def holes(lonlat):
    return np.where(lonlat[:, :1] > 100, np.nan, lonlat)

def europe(lonlat):
    inside = (lonlat > [-10, 35]).all(axis=1) & (lonlat < [40, 70]).all(axis=1)
    return np.where(inside[:, None], lonlat, np.inf)

def raises(lonlat):
    raise RuntimeError("my own trouble")

number = 7
'''
