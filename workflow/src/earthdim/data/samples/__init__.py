"""Coordinate sets: the only sampler of each kind.

Every sampler is called as ``sampler(n, rng, is_land, **arguments)`` and returns exactly n points, shape (n, 2),
float64, longitude and latitude in degrees. `arguments` are the keys of its leaf in config/sample, `rng` comes from
the leaf's seed, and `is_land` tells which of (m, 2) coordinates lie on land. None but `points` ever returns a
pole, where longitude means nothing.

========================  ==================================================================================
`area`                    `sphere`, `land`, `region`, `patch`, `box`: independent points, uniform by area
`polygons`                `polygon`: the same within the polygons of a file
`designs`                 `fibonacci`, `healpix`, `grid`: fixed places; `strata`, `latin_hypercube`, `sobol`:
                          random points that are spread more evenly than independent ones
`poisson_disc`            `poisson_disc`: random points that keep a distance from one another
`files`                   `points`: the places of a table of one's own
========================  ==================================================================================

Of the samplers in `area` and `polygons`, of `sobol`, of `points`, and of `poisson_disc` with a distance given, the
first m points of a draw are the draw of size m. The other designs are made for one n. Their points come in random
order, so that the first m are a random part of the design, as spread out as any, and never a corner of the globe; but
they are not the design of size m.

To sample places of your own, write a leaf into config/sample that names your file, and name the leaf in an experiment.
Points of a table (`files.points` says which formats)::

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
