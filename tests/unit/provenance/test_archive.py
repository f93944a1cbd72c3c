"""Which files of external encoders an archive holds; workflow tests cover the rest."""

from earthdim.provenance import archive


def test_an_archive_holds_the_weights_and_the_database_of_a_released_encoder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("w.pt", "d.npz", "m.py"):
        (tmp_path / name).write_bytes(b"x")
    build = {
        "source": {"file": "w.pt"},
        "sha256": "0" * 64,
        "database": {"source": {"file": "d.npz"}, "sha256": "0" * 64},
    }
    packaged = {"source": {"package": "geoclip", "file": "g.pt"}}
    leaves = {
        "range": {"kind": "released", "build": build},
        "geoclip": {"kind": "released", "build": packaged},
        "trained": {"kind": "trained"},
    }
    variants = {name: {"config": {"weights": leaf}} for name, leaf in leaves.items()}
    inside, outside = archive._own({"variants": variants}, ["m.py", "/elsewhere/e.csv"])
    assert [path.name for path in inside] == ["d.npz", "m.py", "w.pt"]
    assert outside == ["/elsewhere/e.csv"]
