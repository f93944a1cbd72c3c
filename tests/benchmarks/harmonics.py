"""Cost of spherical harmonics compared with evaluating those of scipy one by one.

    envs/run python tests/benchmarks/harmonics.py            # 100,000 points, L = 40
    envs/run python tests/benchmarks/harmonics.py --smoke    # a test run of a second

Method:

- One process with one thread, both on the same points, uniform over the sphere. CPU seconds are user plus
  system time of the calls only; both are called on few points before.
- Ours is the encoding as embedding uses it: batches of 4,096 points, the recurrence in double precision, rounded to
  float32. It is measured before and after scipy, and the slower run is used.
- scipy's are `scipy.special.sph_harm_y` for each degree and each order from 0, whose real and imaginary parts are the
  harmonics of the order and its negative: the fewest calls that give all L**2.
- Values are compared in double precision at about 2,000 of the points.
"""

import os

# Before numpy and torch read them.
os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}

import argparse
import datetime
import math
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from scipy.special import sph_harm_y

from earthdim.encoders.encodings.spherical_harmonics import SphericalHarmonics

STATED = (100_000, 40)
"""Points and degrees to which the requirement applies."""
LARGEST_SHARE, LARGEST_DIFFERENCE = 0.1, 1e-11
BATCH = 4096
COMPARED = 2000
WARM_POINTS = 10


def fibonacci(n: int) -> np.ndarray:
    """Longitudes and latitudes, degrees, (n, 2), uniform over the sphere."""
    number = np.arange(n)
    longitude = (number * 180 * (3 - math.sqrt(5)) + 180) % 360 - 180
    return np.column_stack((longitude, np.degrees(np.arcsin(1 - (2 * number + 1) / n))))


def ours(encoding: SphericalHarmonics, lonlat: np.ndarray) -> float:
    """CPU seconds of encoding all points batch by batch; no batch is kept, as in embedding."""
    points, start = torch.from_numpy(lonlat), time.process_time()
    with torch.no_grad():
        for first in range(0, len(points), BATCH):
            encoding(points[first : first + BATCH])
    return time.process_time() - start


def of_degree(degree: int, theta: np.ndarray, longitude: np.ndarray) -> list[np.ndarray]:
    """scipy's harmonics of a degree, complex, for the orders from 0."""
    return [sph_harm_y(degree, order, theta, longitude) for order in range(degree + 1)]


def real_harmonics(degree: int, values: list[np.ndarray]) -> np.ndarray:
    """The 2 degree + 1 real harmonics, in the order of the encoding, of scipy's complex ones."""
    sines = [math.sqrt(2) * value.imag for value in values[:0:-1]]
    return np.stack([*sines, values[0].real, *(math.sqrt(2) * value.real for value in values[1:])], axis=1)


def measure(n: int, degrees: int) -> tuple[float, float, float]:
    """CPU seconds of ours and of scipy's, and the largest difference of values."""
    encoding, lonlat = SphericalHarmonics(degrees, scale="orthonormal"), fibonacci(n)
    longitude, latitude = np.radians(lonlat).T
    theta = math.pi / 2 - latitude
    ours(encoding, lonlat[:WARM_POINTS])
    of_degree(1, theta[:WARM_POINTS], longitude[:WARM_POINTS])
    compared = slice(0, n, max(1, n // COMPARED))
    exact = encoding.harmonics(torch.from_numpy(lonlat[compared])).numpy()
    largest, theirs = 0.0, 0.0
    own = [ours(encoding, lonlat)]
    for degree in range(degrees):
        start = time.process_time()
        values = of_degree(degree, theta, longitude)
        theirs += time.process_time() - start
        columns = exact[:, degree**2 : (degree + 1) ** 2]
        found = real_harmonics(degree, [value[compared] for value in values])
        largest = max(largest, float(np.abs(found - columns).max()))
    own.append(ours(encoding, lonlat))
    return max(own), theirs, largest


def machine() -> str:
    """Date, machine and library versions."""
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line), "unknown"
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch", "earthdim"))
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y-%m-%d %H:%M} UTC; {model}, one thread; Python {platform.python_version()}, {versions}"


def main(arguments: list[str]) -> int:
    """Measure, print, and return 1 if a requirement is not met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=STATED[0], help="points (default 100,000)")
    parser.add_argument(
        "--degrees", type=int, default=STATED[1], help="L, the number of degrees (default 40)"
    )
    parser.add_argument("--smoke", action="store_true", help="500 points, L = 12")
    options = parser.parse_args(arguments)
    n, degrees = (500, 12) if options.smoke else (options.n, options.degrees)
    torch.set_num_threads(1)
    print(machine())
    own, theirs, difference = measure(n, degrees)
    print(f"{n:,} points, L = {degrees}: {own:.3f} CPU s, scipy term by term {theirs:.3f} CPU s\n")
    share, judged = own / theirs, (n, degrees) == STATED
    words = f"the encoding costs {share:.3f} of scipy's CPU seconds (demanded: {LARGEST_SHARE})"
    if judged:
        print("pass" if share <= LARGEST_SHARE else "FAIL", words)
    else:
        print(f"     {words}: not judged at this size")
    equal = difference <= LARGEST_DIFFERENCE
    print(
        "pass" if equal else "FAIL",
        f"values differ by at most {difference:.1e} (demanded: {LARGEST_DIFFERENCE:g})",
    )
    return int(not equal or (judged and share > LARGEST_SHARE))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
