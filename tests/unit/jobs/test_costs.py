from earthdim.jobs.costs import budget

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(path, seconds, cpu, peak):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + f"{seconds}\t0:00:01\t{peak}\t1\t1\t1\t0\t0\t50\t{cpu}\n")


def test_stages_are_added_up_over_the_experiments_own_jobs(tmp_path):
    write(tmp_path / "pretrain" / "a.tsv", 10, 8, 100)
    write(tmp_path / "pretrain" / "b.tsv", 20, 9, 300)
    write(tmp_path / "pretrain" / "other.tsv", 20, 99, 900)
    write(tmp_path / "embed" / "a" / "land.tsv", 1, 2, 50)
    write(tmp_path / "embed" / "a" / "elsewhere.tsv", 1, 2, 50)
    write(tmp_path / "tables" / "smoke.tsv", 1, 1, 50)
    write(tmp_path / "dataset" / "blue-marble.tsv", 3, 3, 400)
    table = budget(tmp_path, {"smoke", "a", "b", "land", "blue-marble"}).set_index("stage")
    assert table.loc["pretrain"].tolist() == [2, 17, 9, 30, 300]
    assert set(table.index) == {"pretrain", "embed", "tables", "dataset"}
    assert table.loc["embed", "jobs"] == 1
    assert table.index[0] == "pretrain"
