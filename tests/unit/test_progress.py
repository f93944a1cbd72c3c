import pytest

from earthdim.progress import Progress, duration, rate


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (7.4, "0:07"),
        (59.6, "1:00"),
        (750, "12:30"),
        (3599.7, "1:00:00"),
        (100 * 3600 + 5, "100:00:05"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 5, ""),
        (5, 0, ""),
        (12345, 10, "1234 steps/s"),
        (25, 10, "2.5 steps/s"),
        (1, 2, "30 steps/min"),
        (1, 3600, "1 steps/h"),
        (3, 7200, "1.5 steps/h"),
    ],
)
def test_rate(done, seconds, text):
    assert rate(done, seconds, "steps") == text


def test_lines_come_at_intervals_of_time():
    clock, lines = Clock(), []
    progress = Progress(100, "steps", lines.append, every=20, clock=clock)
    for step in range(1, 101):
        clock.now += 1
        progress(step, f"loss {step}")
    assert lines == [
        "20 of 100 steps (20%), 1 steps/s, loss 20, about 1:20 left",
        "40 of 100 steps (40%), 1 steps/s, loss 40, about 1:00 left",
        "60 of 100 steps (60%), 1 steps/s, loss 60, about 0:40 left",
        "80 of 100 steps (80%), 1 steps/s, loss 80, about 0:20 left",
    ]


def test_short_work_prints_nothing():
    clock, lines = Clock(), []
    progress = Progress(1000, "tiles", lines.append, every=20, clock=clock)
    for step in range(1001):
        clock.now += 0.0199
        progress(step)
    assert lines == []


def test_nothing_is_done_without_a_listener():
    clock = Clock()
    progress = Progress(2, "tiles", None, every=0, clock=clock)
    progress(1)
