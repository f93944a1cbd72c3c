"""The preregistered analysis as plain, checked values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from earthdim.analysis.statistics.cells import CELLS_FOR_VALUE, KEYS
from earthdim.analysis.statistics.coefficients import COEFFICIENTS


@dataclass(frozen=True)
class Settings:
    """The preregistered analysis, as the leaf in config/statistics says it.

    Attributes
    ----------
    cell : sequence of str
        Columns of the variants table that tell one cell from another, family among them; what is not named is
        averaged.
    coefficients : sequence of str
        Of spearman, kendall, pearson.
    draws, seed : int
        Permutations within families.
    confidence : float
        Of the intervals, inside (0, 1).
    min_families : int
        No interval below this number of families.
    min_cells : int
        No test below this number of cells.
    primary : sequence of mapping
        Rows of the table named by column -> value or list of values: the claims to which Holm's correction
        applies.
    """

    cell: Sequence[str]
    coefficients: Sequence[str]
    draws: int
    seed: int
    confidence: float
    min_families: int
    min_cells: int
    primary: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def __post_init__(self):
        unknown = sorted(set(self.coefficients) - set(COEFFICIENTS))
        if unknown or not self.coefficients:
            raise ValueError(f"statistics.coefficients: choose from {', '.join(COEFFICIENTS)}, not {unknown}")
        if "family" not in self.cell:
            raise ValueError("statistics.cell: must name family")
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"statistics.confidence: {self.confidence} is not between 0 and 1")
        for name, least in (("draws", 1), ("min_families", 2), ("min_cells", CELLS_FOR_VALUE)):
            if getattr(self, name) < least:
                raise ValueError(f"statistics.{name}: {getattr(self, name)} is less than {least}")
        for claim in self.primary:
            strange = sorted(set(claim) - {*KEYS, "level", "coefficient"})
            if strange:
                raise ValueError(f"statistics.primary: {strange[0]!r} is no column that names a row")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Settings":
        """Read the leaf; a missing or unknown key is a ValueError."""
        try:
            return cls(**settings)
        except TypeError as error:
            raise ValueError(f"statistics: {error}") from error
