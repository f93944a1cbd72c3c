"""Files of released weights are located, reported as missing, fetched and verified."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from released_checkpoints import digest, tensors

from earthdim.encoders.released import sources
from earthdim.encoders.released.checkpoint import read
from earthdim.encoders.released.sources import CheckpointError, are_available, fetch, locate, missing

SUM = "0" * 64
HTTP = frozenset({"http"})
SOURCE = Path(sources.__file__).parents[3]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A temporary working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server():
    """Serve bytes by path; `cut` limits the bytes sent, `stall` then waits, `moved` redirects."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, body):
            self.server.asked.append(self.path)
            path = self.path.partition("?")[0]
            if path in self.server.moved:
                self.send_response(302)
                self.send_header("Location", self.server.moved[path])
                self.end_headers()
                return
            if path not in self.server.files:
                self.send_error(404)
                return
            content = self.server.files[path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"one"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.end_headers()
            if body:
                self.wfile.write(content[: self.server.cut])
                self.wfile.flush()
                self.server.stall.wait(20)

        def do_GET(self):
            self.answer(True)

        def do_HEAD(self):
            self.answer(False)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.files, server.moved, server.asked, server.cut = {}, {}, [], None
        server.stall = threading.Event()
        server.stall.set()
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.stall.set()
        server.shutdown()


def left(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


# Where files are


def test_paths_follow_from_sources(here):
    hub = {"hub": "microsoft/SatCLIP-ViT16-L40", "file": "satclip.ckpt", "revision": "main"}
    assert locate(hub) == Path("weights/microsoft/SatCLIP-ViT16-L40/satclip.ckpt")
    assert locate({"url": "https://example.org/a/b%20c.pt?x=1"}) == Path("weights/example.org/b c.pt")
    assert locate({"url": "https://example.org/a.zip", "member": "m.pt"}) == Path("weights/example.org/m.pt")
    assert locate({"file": "../mine.pt"}) == Path("../mine.pt")
    assert locate({"package": "geoclip", "file": "geoclip/__init__.py"}).is_file()


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ({}, "source"),
        ({"revision": "main"}, "source"),
        ({"hub": "a/b", "url": "https://example.org/x", "file": "f"}, "source"),
        ({"hub": "../../etc", "file": "f"}, "source.hub"),
        ({"hub": "a/b", "file": "../../f"}, "source.file"),
        ({"hub": "a/b", "file": "/etc/passwd"}, "source.file"),
        ({"url": "https://example.org/"}, "source.member"),
        ({"url": "https:///x"}, "source.url"),
    ],
)
def test_sources_outside_the_folder_are_rejected(source, key):
    with pytest.raises(ValueError, match=rf"^{key}: "):
        locate(source)


def test_a_missing_file_is_reported_with_path_digest_and_command(here):
    leaf = {"source": {"hub": "a/b", "file": "f.ckpt", "revision": "r1"}, "sha256": SUM}
    message = missing(leaf, "satclip/x")
    assert not are_available(leaf)
    for part in ("weights.satclip/x", "weights/a/b/f.ckpt", "https://huggingface.co/a/b", "r1", SUM):
        assert message.count(part) == 1
    assert "snakemake --cores 1 fetch" in message
    assert "\n" not in message
    assert "weights.x.build.sha256 is null" in missing({**leaf, "sha256": None}, "x")
    absent = {"source": {"package": "no-such", "file": "f"}, "sha256": SUM}
    assert "install the Python package no-such" in missing(absent, "x")


def test_a_missing_user_supplied_file_is_reported_with_its_address(here):
    leaf = {"source": {"file": "w/f.pt"}, "sha256": None}
    assert "w/f.pt does not exist; copy it there from https://example.org/page" in missing(
        leaf, "x", address="https://example.org/page"
    )
    assert "fetch" not in missing(leaf, "x")


def test_two_missing_files_are_reported_with_their_keys(here):
    database = {"source": {"hub": "c/d", "repo_type": "dataset", "file": "d.npz"}, "sha256": None}
    leaf = {"source": {"hub": "a/b", "file": "f.ckpt"}, "sha256": SUM, "database": database}
    message = missing(leaf, "x")
    assert "https://huggingface.co/datasets/c/d" in message
    assert "build.database.sha256 is null" in message
    (here / "weights/a/b").mkdir(parents=True)
    (here / "weights/a/b/f.ckpt").touch()
    assert not are_available(leaf)
    assert "f.ckpt" not in missing(leaf, "x")


def test_planning_imports_nothing_heavy():
    code = (
        "import sys; from earthdim.encoders.released import sources;"
        "sources.are_available({'source': {'package': 'geoclip', 'file': 'x'}, 'sha256': None});"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'safetensors', 'huggingface_hub')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


# Fetching


def test_a_file_is_fetched_once_and_whole(here, server):
    server.files["/f.pt"] = b"x" * 3_000_000
    (here / "reference").write_bytes(server.files["/f.pt"])
    leaf = {"source": {"url": f"{server.url}/f.pt"}, "sha256": digest(here / "reference")}
    assert not are_available(leaf)
    path = fetch(leaf, schemes=HTTP)
    assert path.read_bytes() == server.files["/f.pt"]
    assert are_available(leaf)
    assert fetch(leaf, schemes=HTTP) == path
    assert len(server.asked) == 1
    assert left(here / "weights") == [here / path]


def test_a_file_with_another_digest_is_not_kept(here, server):
    server.files["/f.pt"] = b"other"
    with pytest.raises(CheckpointError, match=rf"build\.sha256: .*f\.pt has the sha256 \w+, not {SUM}"):
        fetch({"source": {"url": f"{server.url}/f.pt"}, "sha256": SUM}, schemes=HTTP)
    assert not left(here)


def test_an_existing_file_with_another_digest_is_neither_used_nor_overwritten(here, server):
    server.files["/f.pt"] = b"other"
    leaf = {"source": {"url": f"{server.url}/f.pt"}, "sha256": SUM}
    path = locate(leaf["source"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(CheckpointError, match="sha256"):
        fetch(leaf, schemes=HTTP)
    assert path.read_bytes() == b"mine"
    assert not server.asked


def test_a_file_without_a_digest_is_kept_but_not_read(here, server):
    server.files["/f.pt"] = tensors(here / "f.pt").read_bytes()
    found = digest(here / "f.pt")
    path = fetch({"source": {"url": f"{server.url}/f.pt"}, "sha256": None}, schemes=HTTP)
    with pytest.raises(CheckpointError, match=rf"build\.sha256.*is null.*{found}"):
        read(path, None)
    assert set(read(path, found)) == {"a.weight"}


@pytest.mark.parametrize("known", [SUM, None])
def test_an_incomplete_download_leaves_no_file(known, here, server):
    server.files["/f.pt"], server.cut = b"x" * 100_000, 50_000
    with pytest.raises(CheckpointError, match=r"f\.pt cannot be fetched: .* ended after 50000 of 100000"):
        fetch({"source": {"url": f"{server.url}/f.pt"}, "sha256": known}, schemes=HTTP)
    assert not left(here)


def test_an_interrupted_process_leaves_no_file(here, server):
    server.files["/f.pt"], server.cut = b"x" * 200_000, 100_000
    server.stall.clear()
    leaf = {"source": {"url": f"{server.url}/f.pt"}, "sha256": None}
    # In a job of the background a shell has this signal ignored, and programs inherit that.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from earthdim.encoders.released import sources; sources.fetch({leaf!r}, schemes={{'http'}})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SOURCE)})
    for _ in range(200):
        if left(here):
            break
        time.sleep(0.05)
    assert not locate(leaf["source"]).exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert not left(here)


def test_a_missing_address_is_an_error(here, server):
    with pytest.raises(CheckpointError, match=r"build\.source: g\.pt cannot be fetched: HTTP Error 404"):
        fetch({"source": {"url": f"{server.url}/g.pt"}, "sha256": None}, schemes=HTTP)
    assert not left(here)


def test_only_https_is_allowed_even_after_a_redirect(here, server):
    server.files["/f.pt"] = b"x"
    with pytest.raises(CheckpointError, match="unknown url type: http"):
        fetch({"source": {"url": f"{server.url}/f.pt"}, "sha256": None})
    assert not server.asked
    server.moved["/moved.pt"] = "https://127.0.0.1:1/f.pt"
    with pytest.raises(CheckpointError, match="unknown url type: https"):
        fetch({"source": {"url": f"{server.url}/moved.pt"}, "sha256": None}, schemes=HTTP)
    with pytest.raises(CheckpointError, match="unknown url type: ftp"):
        fetch({"source": {"url": "ftp://127.0.0.1/f.pt"}, "sha256": None}, schemes=HTTP)


def test_a_file_is_extracted_from_an_archive(here, server):
    with zipfile.ZipFile(here / "a.zip", "w") as archive:
        archive.writestr("models/deep/f.pt", b"weights")
        archive.writestr("__MACOSX/._f.pt", b"litter")
        archive.writestr("one/twice.pt", b"1")
        archive.writestr("two/twice.pt", b"2")
    server.files["/a.zip"] = (here / "a.zip").read_bytes()
    (here / "a.zip").unlink()
    source = {"url": f"{server.url}/a.zip?download=1", "member": "f.pt"}
    path = fetch({"source": source, "sha256": None}, schemes=HTTP)
    assert path == locate(source)
    assert path.read_bytes() == b"weights"
    for member, number in (("g.pt", 0), ("twice.pt", 2)):
        with pytest.raises(CheckpointError, match=f"has {number} files named {member}"):
            fetch({"source": {**source, "member": member}, "sha256": None}, schemes=HTTP)
    server.files["/a.zip"] = server.files["/a.zip"][:-30]
    with pytest.raises(CheckpointError, match=r"h\.pt cannot be fetched: File is not a zip file"):
        fetch({"source": {**source, "member": "h.pt"}, "sha256": None}, schemes=HTTP)
    assert left(here) == [here / path]


def test_a_file_of_the_hub_is_fetched_with_its_client(here, server):
    server.files["/datasets/a/b/resolve/r1/sub/f.npz"] = b"places"
    leaf = {
        "source": {"hub": "a/b", "repo_type": "dataset", "file": "sub/f.npz", "revision": "r1"},
        "sha256": None,
    }
    code = f"from earthdim.encoders.released import sources; print(sources.fetch({leaf!r}))"
    settings = {"HF_ENDPOINT": server.url, "HF_HOME": str(here / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), **settings}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "weights/a/b/sub/f.npz", done.stderr
    assert left(here / "weights") == [here / "weights/a/b/sub/f.npz"]
    assert (here / "weights/a/b/sub/f.npz").read_bytes() == b"places"
    absent = code.replace("sub/f.npz", "sub/g.npz")
    done = subprocess.run(
        [sys.executable, "-c", absent], env=environment, capture_output=True, text=True, check=False
    )
    assert "CheckpointError: build.source: g.npz cannot be fetched" in done.stderr
    assert left(here / "weights") == [here / "weights/a/b/sub/f.npz"]


def test_local_sources_cannot_be_fetched(here):
    for source in (
        {"file": "f.pt"},
        {"package": "geoclip", "file": "geoclip/none"},
        {"package": "none", "file": "f"},
    ):
        with pytest.raises(CheckpointError, match=r"^build\.source: "):
            fetch({"source": source, "sha256": None})


def test_a_missing_digest_is_reported(tmp_path):
    file = tmp_path / "weights.pt"
    file.write_bytes(b"anything")
    leaf = {"source": {"file": str(file)}, "sha256": None}
    found = hashlib.sha256(b"anything").hexdigest()
    assert found in sources.missing_digest(leaf)
    assert sources.missing_digest({**leaf, "sha256": found}) == ""
