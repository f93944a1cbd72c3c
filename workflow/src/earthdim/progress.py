"""Progress of long work: how fast it goes and when it may end. Nothing here enters a result."""

import time
from collections.abc import Callable

EVERY_S = 20.0
"""Seconds between two lines about one loop; shorter work prints none."""


def duration(seconds: float) -> str:
    """A time as hours, minutes and seconds: ``0:07``, ``12:30``, ``3:05:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rate(done: float, seconds: float, unit: str) -> str:
    """A rate of three digits, per second, or per minute or hour where that is below one; "" if nothing is known."""
    if done <= 0 or seconds <= 0:
        return ""
    for name, length in (("s", 1), ("min", 60)):
        value = done / seconds * length
        if value >= 1:
            return f"{value:.0f} {unit}/{name}" if value >= 100 else f"{value:.3g} {unit}/{name}"
    return f"{done / seconds * 3600:.3g} {unit}/h"


class Progress:
    """Lines about a loop at intervals of time.

    The time left is that of the remaining steps at the mean rate so far.

    Parameters
    ----------
    total : int
        Number of steps of the loop.
    unit : str
        What a step is, in the plural.
    say : callable or None
        Receives each line; None: nothing is printed.
    every : float, optional
        Least time between two lines, and before the first one, in seconds; EVERY_S by default.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        say: Callable[[str], object] | None,
        every: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._total, self._unit, self._say, self._clock = total, unit, say, clock
        self._every = EVERY_S if every is None else every
        self._begun = self._said = clock()

    def __call__(self, done: int, note: str = "") -> None:
        """Report that so many steps are done.

        Parameters
        ----------
        done : int
            Number of steps done.
        note : str
            Further text for the line.
        """
        now = self._clock()
        if self._say is None or now - self._said < self._every or not 0 < done < self._total:
            return
        self._said = now
        elapsed = now - self._begun
        left = duration(elapsed / done * (self._total - done))
        parts = (
            f"{done} of {self._total} {self._unit} ({done / self._total:.0%})",
            rate(done, elapsed, self._unit),
            note,
            f"about {left} left",
        )
        self._say(", ".join(part for part in parts if part))
