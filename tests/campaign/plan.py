"""The plan of a campaign: which kills happen in which run."""

import itertools
import random
from collections import Counter
from dataclasses import dataclass

from campaign.disturbance import KINDS

# Stages of the pipeline in order, and their scripts.
STAGES = {
    "data": ("points", "features", "labels", "sources"),
    "pretrain": ("pretrain",),
    "embed": ("embed",),
    "dimension": (
        "neighbours_block", "neighbours_merge", "dimension", "scale", "costly", "jacobian",
    ),
    "probe": ("probe",),
    "correlate": ("tables", "correlate"),
    "figures": ("figure",),
}  # fmt: skip
ORDER = list(STAGES)
# Approximate duration of a stage's jobs in seconds; a kill comes at a random moment within it.
SECONDS = {"data": 3, "pretrain": 6, "embed": 4, "dimension": 5, "probe": 8, "correlate": 1.5, "figures": 3}


@dataclass(frozen=True)
class Kill:
    """A kind of disturbance, and the stage during which it happens."""

    stage: str
    kind: str


def plan(kills: int, rng: random.Random) -> list[Kill]:
    """A number of kills, spread evenly over stages and kinds, in random order."""
    every = [Kill(stage, kind) for stage, kind in itertools.product(STAGES, KINDS)]
    chosen: list[Kill] = []
    while len(chosen) < kills:
        rng.shuffle(every)
        # A last, incomplete round alternates between the stages.
        rank = Counter()
        for kill in every:
            rank[kill.stage] += 1
            chosen.append((len(chosen) // len(every), rank[kill.stage], kill))
    return [kill for *_, kill in sorted(chosen, key=lambda item: item[:2])][:kills]


def deal(kills: list[Kill], runs: int) -> list[list[Kill]]:
    """Distribute kills over runs, those of a run in pipeline order; neighbours in the plan differ in stage."""
    dealt = [kills[number::runs] for number in range(runs)]
    return [sorted(hand, key=lambda kill: ORDER.index(kill.stage)) for hand in dealt]
