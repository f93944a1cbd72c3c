import numpy as np
import pytest

from earthdim import samples


def north(lonlat):
    return lonlat[:, 1] > 0


def test_land_lies_on_land():
    lonlat = samples.land(5000, np.random.default_rng(0), north)
    assert lonlat.shape == (5000, 2)
    assert north(lonlat).all()


@pytest.mark.parametrize("sampler", [samples.land, samples.sphere])
def test_the_first_of_a_draw_are_the_smaller_draw(sampler):
    large = sampler(9000, np.random.default_rng(3), north)
    for size in (1, 700, 8999):
        np.testing.assert_array_equal(sampler(size, np.random.default_rng(3), north), large[:size])


@pytest.mark.parametrize(
    ("sampler", "sines"), [(samples.sphere, (-1, 1)), (samples.land, (0, 1))], ids=["sphere", "land"]
)
def test_draws_are_uniform_by_area(sampler, sines):
    lonlat = sampler(40_000, np.random.default_rng(0), north)
    sine = np.sin(np.radians(lonlat[:, 1]))
    for values, edges in ((lonlat[:, 0], (-180, 180)), (sine, sines)):
        count = np.histogram(values, bins=10, range=edges)[0]
        assert ((count - 4000) ** 2 / 4000).sum() < 27.9  # chi-squared, 9 degrees of freedom, p = 0.001


def test_extremes_stay_off_the_poles():
    class Extremes:
        def random(self, shape):
            return np.resize([0.0, np.nextafter(1, 0)], (shape[1], shape[0])).T

    lonlat = samples.sphere(2, Extremes())
    assert (np.abs(lonlat[:, 1]) < 90).all()
    assert (np.abs(lonlat[:, 0]) <= 180).all()


def test_a_globe_without_land_is_refused():
    with pytest.raises(ValueError, match="is_land"):
        samples.land(1, np.random.default_rng(0), lambda lonlat: np.zeros(len(lonlat), dtype=bool))


@pytest.mark.parametrize("sampler", [samples.land, samples.sphere])
def test_an_empty_draw_is_refused(sampler):
    with pytest.raises(ValueError, match="n must be"):
        sampler(0, np.random.default_rng(0), north)
