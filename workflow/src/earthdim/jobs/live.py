"""One live line about a run, beside Snakemake's log lines: jobs done, rate, time left, running jobs.

In a terminal the line is the last one of standard error and is rewritten in place. Where standard error is a file, and
in Snakemake's own log, it appears as a normal line at intervals. Libraries for progress bars expect to be the only
writer of their terminal, but jobs write to it as well: the line is removed before Snakemake writes, and a job's log
line begins with `CLEAR`, which removes it too.
"""

import logging
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TextIO

from earthdim.progress import duration, rate

EVERY_S = 30.0
"""Seconds between two lines in a file."""
LEAST_S = 5.0
"""Seconds between two lines in a file if another tenth of the jobs is done."""
TICK_S = 1.0
"""Seconds between two updates of the line in a terminal."""
CLEAR = "\r\x1b[K"
"""Moves a terminal's cursor to the start of its line, and clears that line."""


class Tally:
    """The state of a run, counted from Snakemake's log records.

    Parameters
    ----------
    planned : mapping
        Rule -> number of its jobs in this run.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, planned: Mapping[str, int], clock: Callable[[], float] = time.monotonic):
        self._clock, self._begun = clock, clock()
        self._left = Counter(planned)
        self.total, self.done, self.failed = sum(planned.values()), 0, 0
        self._running: dict[int, tuple[str, float]] = {}
        self._spent: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()

    def note(self, record: logging.LogRecord) -> None:
        """Count a record of Snakemake's logger; records without a job are ignored."""
        event = getattr(record, "event", None)
        if event == "job_info":
            self._running[record.jobid] = (record.rule_name, self._clock())
        elif event == "job_finished":
            self._end(record.job_id)
        elif event == "job_error" and self._running.pop(record.jobid, None):
            self.failed += 1

    def _end(self, job: int) -> None:
        rule, since = self._running.pop(job, ("", self._clock()))
        self.done += 1
        self._left[rule] -= 1
        self._finished[rule] += 1
        self._spent[rule] += self._clock() - since

    def seconds_left(self) -> float | None:
        """Time that the remaining jobs may take; None before the first job has ended.

        A job takes as long as those of its rule have taken on average, or as all jobs have if none of its rule has
        ended. As many run at the same time as have so far on average.
        """
        elapsed = self._clock() - self._begun
        spent, ended = sum(self._spent.values()), sum(self._finished.values())
        if not ended or elapsed <= 0 or spent <= 0:
            return None
        mean = {rule: self._spent[rule] / number for rule, number in self._finished.items()}
        work = sum(
            number * mean.get(rule, spent / ended) for rule, number in self._left.items() if number > 0
        )
        parts = [
            (mean.get(rule, spent / ended), self._clock() - since) for rule, since in self._running.values()
        ]
        begun = sum(min(*part) for part in parts)
        running = sum(ran for _, ran in parts)
        together = max((spent + running) / elapsed, 1e-3)
        return max(work - begun, 0.0) / together

    def line(self) -> str:
        """The line."""
        elapsed, left = self._clock() - self._begun, self.seconds_left()
        names = Counter(rule for rule, _ in self._running.values())
        parts = (
            f"progress: {self.done} of {self.total} jobs ({self.done / max(self.total, 1):.0%})",
            rate(self.done, elapsed, "jobs"),
            f"{duration(elapsed)} elapsed",
            "" if left is None or self.done == self.total else f"about {duration(left)} left",
            f"{self.failed} failed" if self.failed else "",
            f"running {', '.join(f'{name} {number}' for name, number in names.most_common())}"
            if names
            else "",
        )
        return ", ".join(part for part in parts if part)


class _Hook(logging.Handler):
    """Call a function for each record."""

    def __init__(self, call: Callable[[logging.LogRecord], object]):
        super().__init__()
        self.emit = call


class LiveLine:
    """The line of one run, from `begin` to `end`.

    Parameters
    ----------
    logger : Logger
        Snakemake's logger.
    tally : Tally
        The state of the run.
    stream : file, optional
        The terminal, or the file that Snakemake's handler writes to; standard error by default.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self,
        logger: logging.Logger,
        tally: Tally,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._logger, self._tally, self._clock = logger, tally, clock
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._hooks = (_Hook(self._before), _Hook(self._after))
        self._over, self._lock, self._shown = threading.Event(), threading.RLock(), False
        self._paused = False
        self._said, self._tenths = clock(), 0

    def begin(self) -> None:
        """Begin to watch the logger."""
        before, after = self._hooks
        self._logger.handlers[:] = [before, *self._logger.handlers, after]
        threading.Thread(target=self._tick, daemon=True).start()

    def end(self) -> None:
        """Remove the line and stop watching; a second call does nothing."""
        self._over.set()
        with self._lock:
            for hook in self._hooks:
                self._logger.removeHandler(hook)
            self._clear()

    def _before(self, record: logging.LogRecord) -> None:
        with self._lock:
            self._clear()
            self._paused = True
            self._tally.note(record)

    def _after(self, record: logging.LogRecord) -> None:
        with self._lock:
            self._paused = False
            self._show()
            if getattr(record, "event", None) == "progress":
                self.say()

    def _tick(self) -> None:
        while not self._over.wait(TICK_S):
            with self._lock:
                self._show()
                self.say()

    def _show(self) -> None:
        """Write the line to the terminal, cut to its width."""
        if not self._terminal or self._paused or self._over.is_set():
            return
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{CLEAR}{self._tally.line()[:width]}")
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write(CLEAR)
        self._shown = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        # The terminal was closed: its signal ends the run.
        except (OSError, ValueError):
            self._terminal = False

    def say(self) -> None:
        """Write a normal line to files, if it is time for one."""
        now, tenths = self._clock(), 10 * self._tally.done // max(self._tally.total, 1)
        due = now - self._said >= (LEAST_S if tenths > self._tenths else EVERY_S)
        if not due or self._over.is_set():
            return
        self._said, self._tenths = now, tenths
        record = self._logger.makeRecord(
            self._logger.name, logging.INFO, __file__, 0, self._tally.line(), (), None
        )
        for handler in self._logger.handlers:
            to_file = isinstance(handler, logging.FileHandler) or not self._terminal
            if handler not in self._hooks and to_file:
                handler.handle(record)
