"""What the estimators of one embedding share, each part computed once."""

from dataclasses import dataclass
from functools import cached_property

from earthdim.estimation.estimators.spectrum import Spectrum
from earthdim.estimation.neighbours import Graph, Prepared


@dataclass(frozen=True, eq=False)
class Evidence:
    """An embedding as estimators read it.

    Attributes
    ----------
    prepared : earthdim.estimation.neighbours.Prepared
        Its distinct rows, centred and in units of their own spacing.
    graph : earthdim.estimation.neighbours.Graph
        The exact graph of ``prepared.points``.

    Raises
    ------
    ValueError
        If the graph is that of another number of points.
    """

    prepared: Prepared
    graph: Graph

    def __post_init__(self) -> None:
        points, nodes = len(self.prepared.points), len(self.graph.distance)
        if nodes != points:
            raise ValueError(f"graph: has {nodes} points where there are {points}")

    @cached_property
    def spectrum(self) -> Spectrum:
        """The principal variances of the points; computed when an estimator first asks."""
        return Spectrum.of(self.prepared.points, self.prepared.centre)

    @cached_property
    def ambient(self) -> int:
        """The number of columns along which the points vary, the dead units of a layer left out."""
        return int(self.prepared.points.any(axis=0).sum())
