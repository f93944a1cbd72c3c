"""A checkout with an environment that envs/run accepts: the packages of the tests behind an interpreter there."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def checkout(folder: Path) -> Path:
    """Put envs/ into a folder, with an environment whose stamp is right."""
    shutil.copytree(ROOT / "envs", folder / "envs", dirs_exist_ok=True)
    venv.create(folder / ".venv")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / ".venv" / "lib" / f"python{version}" / "site-packages"
    (packages / "tests.pth").write_text(f"{folder}/workflow/src\n{sysconfig.get_path('purelib')}\n")
    locks = [(folder / "envs" / f"{name}.lock").read_bytes() for name in ("requirements", "data")]
    stamp = f"{hashlib.sha256(b''.join(locks)).hexdigest()} {version} {folder}\n"
    (folder / ".venv" / "earthdim-locks.sha256").write_text(stamp)
    return folder


def run(root: Path, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    """Call envs/run from a folder."""
    lost = {"EARTHDIM_PYTHON", "SNAKEMAKE_PROFILE"}
    environment = {key: value for key, value in os.environ.items() if key not in lost}
    return subprocess.run(
        [root / "envs" / "run", *words],
        cwd=cwd,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
