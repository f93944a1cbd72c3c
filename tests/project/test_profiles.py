"""Shared settings are equal in all profiles, since a profile cannot include another."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OF_THE_CLUSTER = ("retries", "default-resources", "set-resources", "resources", "set-resource-scopes")


def profile(name):
    return yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", ["slurm", "cluster"])
def test_cluster_profiles_include_the_settings_of_the_local_profile(name):
    local = profile("local")
    assert {key: profile(name).get(key) for key in local} == local


@pytest.mark.parametrize("key", [*OF_THE_CLUSTER, "groups", "group-components", "jobs", "latency-wait"])
def test_all_schedulers_get_the_same_resources(key):
    slurm, cluster = profile("slurm")[key], profile("cluster")[key]
    if key == "default-resources":
        # A submit command may name a resource only if each job has it.
        assert cluster.pop("gpu") == 0
    assert cluster == slurm


def test_groups_name_existing_rules_and_exclude_long_jobs():
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    groups = profile("slurm")["groups"]
    for rule in [*groups, *profile("slurm")["set-resources"]]:
        assert f"\nrule {rule}:\n" in rules or f" as {rule} with:\n" in rules
    assert not {"dataset", "pretrain", "probe"} & set(groups)
    assert set(groups.values()) == set(profile("slurm")["group-components"])
