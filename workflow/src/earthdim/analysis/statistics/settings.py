"""Validated settings of the preregistered analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from earthdim.analysis.statistics.cells import CELLS_FOR_VALUE, KEYS
from earthdim.analysis.statistics.coefficients import COEFFICIENTS

ENFORCE, REPORT = "enforce", "report"
"""What becomes of cells that fail a control: they are left out of the correlation, or only reported."""


@dataclass(frozen=True)
class Settings:
    """Settings of the preregistered analysis, from a leaf of config/statistics.

    Attributes
    ----------
    cell : sequence of str
        Columns of the variants table that define a cell, including family. Variants that differ only in other
        columns are averaged.
    coefficients : sequence of str
        Any of spearman, kendall, pearson.
    draws, seed : int
        Number of permutations within families, and the seed of their generator.
    confidence : float
        Confidence level of the intervals, in (0, 1).
    min_families : int
        Minimum number of families for an interval.
    min_cells : int
        Minimum number of cells for a test.
    gate : {"enforce", "report"}
        Whether cells that fail a control are left out of the correlation, or only marked in controls.csv.
    primary : sequence of mapping
        Primary claims, each selecting rows by column -> value or list of values. Holm's correction applies to them.
    """

    cell: Sequence[str]
    coefficients: Sequence[str]
    draws: int
    seed: int
    confidence: float
    min_families: int
    min_cells: int
    gate: str
    primary: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def __post_init__(self):
        unknown = sorted(set(self.coefficients) - set(COEFFICIENTS))
        if unknown or not self.coefficients:
            raise ValueError(
                f"statistics.coefficients: unknown {unknown}; choose from {', '.join(COEFFICIENTS)}"
            )
        if "family" not in self.cell:
            raise ValueError("statistics.cell: must name family")
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"statistics.confidence: {self.confidence} is not between 0 and 1")
        for name, least in (("draws", 1), ("min_families", 2), ("min_cells", CELLS_FOR_VALUE)):
            if getattr(self, name) < least:
                raise ValueError(f"statistics.{name}: {getattr(self, name)} is less than {least}")
        if self.gate not in (ENFORCE, REPORT):
            raise ValueError(f"statistics.gate: {self.gate!r} is not {ENFORCE} or {REPORT}")
        for claim in self.primary:
            unknown = sorted(set(claim) - {*KEYS, "level", "coefficient"})
            if unknown:
                raise ValueError(
                    f"statistics.primary: {unknown[0]!r} is not a key column of the correlation table"
                )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Settings":
        """Create from the leaf; raises ValueError for a missing or unknown key."""
        try:
            return cls(**settings)
        except TypeError as error:
            raise ValueError(f"statistics: {error}") from error
