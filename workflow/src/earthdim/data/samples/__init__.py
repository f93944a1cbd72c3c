"""Samplers of coordinates.

========================  ==================================================================================
`area`                    `sphere`, `land`, `region`, `patch`, `box`: independent points, uniform by area
`polygons`                `polygon`: the same within the polygons of a file
`designs`                 `fibonacci`, `healpix`, `grid`: fixed places; `strata`, `latin_hypercube`, `sobol`:
                          random points that are spread more evenly than independent ones
`poisson_disc`            `poisson_disc`: random points with a minimum distance
`files`                   `points`: the places of a user-supplied table
========================  ==================================================================================

All samplers share the contract below; their docstrings state only what differs. A sampler is called as
``sampler(n, rng, is_land, **arguments)``:

``n`` : int
    Number of points, at least 1.
``rng`` : numpy.random.Generator
    Source of randomness, created from the seed of the leaf.
``is_land`` : callable
    Takes coordinates, shape (m, 2), degrees, and returns m booleans.
``arguments``
    The other keys of the leaf in config/sample. Among them, ``over`` is "land" or "globe" (which includes the sea).

It returns exactly n points: float64, shape (n, 2), longitude and latitude in degrees. Only `points` may return a pole,
where longitude is undefined. A sampler raises ValueError if n is below 1, an argument is invalid, or too few points
(no land, for instance) are found.

For the samplers in `area` and `polygons`, for `sobol` and `points`, and for `poisson_disc` with a given distance, the
first m points of a sample equal the sample of size m. The other designs depend on n. Their points are in random order,
so that the first m are a random subset of the design and cover the same ground; they are not the design of size m.

To sample your own places, write a leaf into config/sample that names your file, and name the leaf in an experiment.
Points of a table (for the formats, see `files.points`)::

    _target_: earthdim.data.samples.files.points
    kind: stations
    n: 2500
    replicates: 1
    seed: 3000
    path: data/stations.csv
    longitude: lon
    latitude: lat

and random points within polygons (`polygons.polygon`)::

    _target_: earthdim.data.samples.polygons.polygon
    kind: alps
    n: 10000
    replicates: 1
    seed: 3001
    over: land
    path: data/alps.geojson
"""
