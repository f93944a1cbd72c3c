"""Questions that rules ask of an experiment: which jobs embed and search."""

from dataclasses import replace

import pytest
from places import CONFIG

from earthdim.experiment import queries, resolve


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return resolve.resolve(CONFIG, "tiny", cache=tmp_path_factory.mktemp("cache"))


def test_samples_and_tasks_are_embedded_together_in_a_folder_that_names_them(tiny):
    assert queries.embedded_together(tiny) == ["land-500-r0", "task-land-600-r0"]
    at = "land-500-r0+task-land-600-r0"
    assert queries.embedded_at(tiny, "land-500-r0") == f"{at}/land-500-r0"
    assert queries.embedded_at(tiny, "task-land-600-r0") == f"{at}/task-land-600-r0"
    assert queries.embedded_at(tiny, "region-africa-400-r0") == "region-africa-400-r0"
    assert queries.embedded_at(tiny, "own-stations-600-r0") == "own-stations-600-r0"


def test_without_tasks_the_sample_stands_alone_in_its_folder(tiny):
    alone = replace(tiny, task_points="", tasks={})
    assert queries.embedded_at(alone, "land-500-r0") == "land-500-r0/land-500-r0"


def test_a_sample_that_is_also_the_task_sample_is_embedded_once(tiny):
    same = replace(tiny, task_points="land-500-r0")
    assert queries.embedded_together(same) == ["land-500-r0"]


@pytest.mark.parametrize("replicates", [2, 3, 500])
def test_the_folder_has_another_name_for_other_point_sets_and_never_a_long_one(tiny, replicates):
    def named(prefix):
        points = tuple(f"{prefix}-r{number}" for number in range(replicates))
        return queries.together(replace(tiny, sample_points=points))

    one, other = named("land-500"), named("land-500x")
    assert one != other
    assert max(len(one), len(other)) < 100
    fewer = queries.together(replace(tiny, sample_points=("land-500-r0",)))
    assert one != fewer


def test_a_graph_is_searched_either_in_blocks_or_at_once(tiny):
    assert queries.searched_in_blocks(tiny) == []
    assert set(queries.searched_at_once(tiny)) == set(tiny.points)
    large = replace(tiny, neighbours={**tiny.neighbours, "blocks_from": 500})
    in_blocks, at_once = queries.searched_in_blocks(large), queries.searched_at_once(large)
    assert {"land-500-r0", "task-land-600-r0"} <= set(in_blocks)
    assert "region-africa-400-r0" in at_once
    assert sorted([*in_blocks, *at_once]) == sorted(tiny.points)


def test_kinds_of_heads_are_those_of_the_experiment(tiny):
    assert queries.kinds_of_heads(tiny) == {"linear": ["ridge", "logistic"], "MLP": ["mlp"]}
    fewer = replace(tiny, heads={"ridge": tiny.heads["ridge"]})
    assert queries.kinds_of_heads(fewer) == {"linear": ["ridge"]}


def test_retrieval_is_that_of_the_schedules_of_shuffled_variants(tiny):
    assert queries.retrieval(tiny) == {}
    name, variant = next(iter(tiny.variants.items()))
    config = {**variant.config, "weights": {"kind": "shuffled"}}
    config["schedule"] = {**config["schedule"], "regions": 512}
    shuffled = replace(tiny, variants={**tiny.variants, name: replace(variant, config=config)})
    assert queries.retrieval(shuffled) == {name: {"candidates": 1024, "val_top1": 1024, "region_top1": 512}}


def test_an_experiment_with_tasks_has_controls(tiny):
    assert "controls" in queries.tables(tiny)
    assert "controls" not in queries.tables(replace(tiny, tasks={}))
