import io
import logging
import re

import pytest

from earthdim.jobs import live


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True

    def screen(self):
        """The lines that the terminal shows."""
        lines, at = [""], 0
        for part in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+", self.getvalue()):
            if part == "\n":
                lines, at = [*lines, ""], 0
            elif part == "\r":
                at = 0
            elif part == "\x1b[K":
                lines[-1] = lines[-1][:at]
            else:
                lines[-1] = lines[-1][:at] + part + lines[-1][at + len(part) :]
                at += len(part)
        return lines


def record(event=None, **values):
    made = logging.LogRecord("snakemake.logging", logging.INFO, "", 0, f"message {event}", (), None)
    made.event = event
    vars(made).update(values)
    return made


def begun(tally, job, rule):
    tally.note(record("job_info", jobid=job, rule_name=rule))


def ended(tally, job):
    tally.note(record("job_finished", job_id=job))


def test_nothing_is_known_before_the_first_job_has_ended():
    clock = Clock()
    tally = live.Tally({"embed": 3}, clock)
    begun(tally, 1, "embed")
    clock.now += 10
    assert tally.seconds_left() is None
    assert tally.line() == "progress: 0 of 3 jobs (0%), 0:10 elapsed, running embed 1"


def test_time_left_of_equal_jobs_one_after_the_other():
    clock = Clock()
    tally = live.Tally({"embed": 10}, clock)
    for job in range(4):
        begun(tally, job, "embed")
        clock.now += 5
        ended(tally, job)
    assert tally.seconds_left() == pytest.approx(6 * 5)
    assert tally.line() == "progress: 4 of 10 jobs (40%), 12 jobs/min, 0:20 elapsed, about 0:30 left"


def test_time_left_weighs_the_rules():
    """Ten long jobs are left, and no short one: the mean of all jobs would be far too low."""
    clock = Clock()
    tally = live.Tally({"points": 8, "pretrain": 11}, clock)
    for job in range(8):
        begun(tally, job, "points")
        clock.now += 1
        ended(tally, job)
    begun(tally, 8, "pretrain")
    clock.now += 100
    ended(tally, 8)
    assert tally.seconds_left() == pytest.approx(10 * 100)


def test_time_left_with_two_jobs_at_the_same_time():
    clock = Clock()
    tally = live.Tally({"probe": 8}, clock)
    for pair in range(2):
        for job in (2 * pair, 2 * pair + 1):
            begun(tally, job, "probe")
        clock.now += 10
        for job in (2 * pair, 2 * pair + 1):
            ended(tally, job)
    assert tally.seconds_left() == pytest.approx(20)
    for job in (4, 5):
        begun(tally, job, "probe")
    clock.now += 4
    assert tally.seconds_left() == pytest.approx(16)


def test_a_failed_job_counts_as_failed_and_may_run_again():
    clock = Clock()
    tally = live.Tally({"embed": 2}, clock)
    begun(tally, 1, "embed")
    clock.now += 1
    tally.note(record("job_error", jobid=1))
    assert "1 failed" in tally.line()
    assert "running" not in tally.line()
    begun(tally, 1, "embed")
    clock.now += 3
    ended(tally, 1)
    assert (tally.done, tally.seconds_left()) == (1, pytest.approx(4))


def test_other_records_are_ignored():
    tally = live.Tally({"embed": 2}, Clock())
    for event in (None, "progress", "run_info", "shellcmd"):
        tally.note(record(event))
    assert (tally.done, tally.failed) == (0, 0)


def line_on(stream, clock, total=20):
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(stream))
    return logger, live.LiveLine(logger, live.Tally({"embed": total}, clock), stream, clock)


def finish(logger, clock, jobs, seconds):
    for job in jobs:
        logger.handle(record("job_info", jobid=job, rule_name="embed"))
        clock.now += seconds
        logger.handle(record("job_finished", job_id=job))
        logger.handle(record("progress"))


def test_a_file_gets_a_line_at_intervals():
    clock, file = Clock(), io.StringIO()
    logger, line = line_on(file, clock)
    line.begin()
    finish(logger, clock, range(20), 1)
    line.end()
    said = [text for text in file.getvalue().splitlines() if text.startswith("progress")]
    # Each tenth of the jobs, but not before five seconds have passed.
    assert [text.split(" jobs")[0] for text in said] == [
        "progress: 5 of 20",
        "progress: 10 of 20",
        "progress: 15 of 20",
        "progress: 20 of 20",
    ]
    assert "\x1b" not in file.getvalue()
    assert "\r" not in file.getvalue()


def test_a_long_job_is_reported_while_it_runs():
    clock, file = Clock(), io.StringIO()
    logger, line = line_on(file, clock)
    line.begin()
    logger.handle(record("job_info", jobid=1, rule_name="embed"))
    clock.now += live.EVERY_S - 1
    line.say()
    assert "progress:" not in file.getvalue()
    clock.now += 1
    line.say()
    line.end()
    assert file.getvalue().splitlines()[-1] == "progress: 0 of 20 jobs (0%), 0:30 elapsed, running embed 1"


def test_a_terminal_shows_the_line_below_all_messages():
    clock, terminal = Clock(), Terminal()
    logger, line = line_on(terminal, clock, total=3)
    line.begin()
    finish(logger, clock, range(2), 1)
    # A job's own line, as earthdim.jobs.runtime writes it.
    terminal.write(f"{live.CLEAR}[embed a] 100 points\n")
    logger.handle(record("job_info", jobid=2, rule_name="embed"))
    shown = terminal.screen()
    assert shown[-1].startswith("progress: 2 of 3 jobs (67%)"[: len(shown[-1])])
    assert [text for text in shown if "progress:" in text] == shown[-1:]
    assert "[embed a] 100 points" in shown
    line.end()
    assert terminal.screen()[-1] == ""
    logger.handle(record("job_finished", job_id=2))
    assert not any("progress:" in text for text in terminal.screen())


def test_the_end_leaves_the_logger_as_it_was():
    clock, terminal = Clock(), Terminal()
    logger, line = line_on(terminal, clock)
    before = list(logger.handlers)
    line.begin()
    line.end()
    line.end()
    assert logger.handlers == before


def test_a_closed_terminal_is_no_error():
    clock, terminal = Clock(), Terminal()
    logger = logging.Logger("test")
    line = live.LiveLine(logger, live.Tally({"embed": 2}, clock), terminal, clock)
    line.begin()
    terminal.close()
    logger.handle(record("job_info", jobid=1, rule_name="embed"))
    line.end()
