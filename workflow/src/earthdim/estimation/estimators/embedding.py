"""The input shared by all estimators of one embedding; each part is computed once."""

from dataclasses import dataclass
from functools import cached_property

from earthdim.estimation.estimators.spectrum import Spectrum
from earthdim.estimation.neighbours import Graph, PreparedPoints


@dataclass(frozen=True, eq=False)
class PreparedEmbedding:
    """An embedding in the form that estimators read.

    Attributes
    ----------
    prepared : earthdim.estimation.neighbours.PreparedPoints
        Its distinct rows, centred and at unit spacing.
    graph : earthdim.estimation.neighbours.Graph
        The exact graph of ``prepared.points``.

    Raises
    ------
    ValueError
        If the graph has a different number of points.
    """

    prepared: PreparedPoints
    graph: Graph

    def __post_init__(self) -> None:
        points, nodes = len(self.prepared.points), len(self.graph.distance)
        if nodes != points:
            raise ValueError(f"graph: has {nodes} points, the embedding has {points}")

    @cached_property
    def spectrum(self) -> Spectrum:
        """Principal variances of the points, computed on first access."""
        return Spectrum.of(self.prepared.points, self.prepared.centre)

    @cached_property
    def ambient(self) -> int:
        """Ambient dimension: number of columns along which the points vary, without dead units."""
        return int(self.prepared.points.any(axis=0).sum())
