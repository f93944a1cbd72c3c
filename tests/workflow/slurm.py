"""A Slurm cluster of two nodes on this host, started for a test and removed completely afterwards."""

import contextlib
import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

NODES = ("n1", "n2")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
DAEMONS = ("munged", "slurmctld", "slurmd")
# Folders of the daemons, which a user's PATH may lack.
SEARCHED = os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"])
INSTALL = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"

# The nodes claim more CPUs than exist, and a GPU: the tests check Slurm's accounting, not its speed.
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
GresTypes=gpu
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished.txt
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
SchedulerParameters=sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=3600
{nodes}
PartitionName=all Nodes=ALL Default=YES State=UP DefaultTime=60 MaxTime=INFINITE
"""


def absent() -> list[str]:
    """Missing programs of Slurm and munge."""
    wanted = (*DAEMONS, "mungekey", *COMMANDS)
    return [name for name in wanted if shutil.which(name, path=SEARCHED) is None]


class Slurm:
    """Context manager: a controller and two nodes with separate folders, key, socket and ports."""

    def __init__(self, memory_mb: int = 8000, cpus: int = 4):
        self.memory_mb, self.cpus = memory_mb, cpus
        # Not in pytest's folder: the path of a socket is limited to 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.daemons: list[subprocess.Popen] = []

    def __enter__(self) -> "Slurm":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that direct Slurm commands to this cluster."""
        return {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def command(self, *words: str) -> str:
        """Output of one of Slurm's commands."""
        environment = {**os.environ, **self.environment}
        program = str(self.folder / "bin" / words[0])
        return subprocess.run(
            [program, *words[1:]], env=environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def queue(self) -> list[str]:
        """Queued and running jobs."""
        states = "PENDING,CONFIGURING,RUNNING,COMPLETING,SUSPENDED"
        return self.command("squeue", "--noheader", "--states", states, "--format", "%i %T").splitlines()

    def jobs(self) -> list[dict[str, str]]:
        """What Slurm recorded of each job that ended: JobId, JobState, NodeList, TimeLimit, MinMemory, ..."""
        record = self.folder / "finished.txt"
        lines = record.read_text().splitlines() if record.is_file() else []
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def killed_for_memory(self) -> set[str]:
        """Jobs that a node killed because they used more than they had asked for.

        Only with control groups, which a container may lack, would Slurm call their state OUT_OF_MEMORY.
        """
        logs = "".join((self.folder / f"slurmd-{node}.log").read_text() for node in NODES)
        return set(re.findall(r"StepId=(\d+)\.\S+ exceeded memory limit", logs))

    def processes(self) -> list[psutil.Process]:
        """Processes started by this Slurm or its jobs, identified by its folder in their environment."""
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            marks = [*process.cmdline(), process.cwd(), process.environ().get("PATH", "")]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return process.pid != os.getpid() and any(str(self.folder) in mark for mark in marks)

    def stop(self) -> None:
        """End every job, daemon and leftover process, and remove the folder."""
        for process in self.processes():
            self._end(process, signal.SIGTERM)
        waited_for(lambda: not self.processes(), 5)
        for process in self.processes():
            self._end(process, signal.SIGKILL)
        for daemon in self.daemons:
            daemon.wait(timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _end(process: psutil.Process, how: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)

    def _start(self) -> None:
        self.folder.chmod(0o755)
        for name in ("bin", "state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        config = self._write_config()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o400)
        files = {"key-file": key, "socket": self.folder / "munge.socket"}
        files |= {f"{kind}-file": self.folder / f"munged.{kind}" for kind in ("pid", "log", "seed")}
        self._daemon(
            "munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in files.items())
        )
        if not waited_for((self.folder / "munge.socket").is_socket, 20):
            raise RuntimeError(f"munged did not start:\n{self._logs()}")
        self._daemon("slurmctld", "-D", "-i", "-f", str(config))
        for node in NODES:
            self._daemon("slurmd", "-D", "-N", node, "-f", str(config))
        waited_for(lambda: self._is_up() or any(daemon.poll() is not None for daemon in self.daemons), 60)
        if not self._is_up():
            raise RuntimeError(f"Slurm did not start:\n{self._logs()}")

    def _is_up(self) -> bool:
        try:
            return self.command("sinfo", "--noheader", "--Node", "--format", "%t").split() == ["idle"] * len(
                NODES
            )
        except subprocess.SubprocessError:
            return False

    def _daemon(self, name: str, *arguments: str) -> None:
        program = [shutil.which(name, path=SEARCHED), *arguments]
        if guard := shutil.which("setpriv", path=SEARCHED):
            # They end with the tests, however those end.
            program = [guard, "--pdeathsig", "KILL", "--", *program]
        with open(self.folder / f"{name}.out", "a") as output:
            daemon = subprocess.Popen(
                program,
                # Processes of job steps hide their names and environment, but not their working directory.
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.daemons.append(daemon)

    def _write_config(self) -> Path:
        ports = free_ports(1 + len(NODES))
        host = socket.gethostname().partition(".")[0]
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self.cpus} "
            f"RealMemory={self.memory_mb} Gres=gpu:1 State=UNKNOWN"
            for node, port in zip(NODES, ports[1:], strict=True)
        )
        config = self.folder / "slurm.conf"
        config.write_text(
            CONFIG.format(host=host, ports=ports, user=getpass.getuser(), folder=self.folder, nodes=nodes)
        )
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        # Job steps drop SLURM_CONF before they call srun, so each command sets it.
        for name in COMMANDS:
            wrapper = self.folder / "bin" / name
            program = shutil.which(name, path=SEARCHED)
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF="{config}" exec "{program}" "$@"\n')
            wrapper.chmod(0o755)
        return config

    def _logs(self) -> str:
        logs = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def waited_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true in time."""
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return met
