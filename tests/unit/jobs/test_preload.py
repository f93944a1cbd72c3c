"""Jobs as forks of a preloaded process, beside the same scripts in interpreters of their own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from campaign.disturbance import heed
from forked_scripts import ENVIRONMENT, MARK, ended, waited_for

from earthdim.jobs import preload
from earthdim.jobs.preload import server

CONTEXT = """
import json, os, resource, signal, sys, tempfile, threading, __main__
print(json.dumps({
    "name": __name__, "file": __file__, "main": sorted(set(vars(__main__)) - {"__cached__"}),
    "argv": sys.argv, "command": sys.orig_argv, "path": sys.path, "flags": list(sys.flags), "python": sys.executable,
    "folder": os.getcwd(), "temporary": tempfile.gettempdir(), "environment": dict(os.environ),
    "umask": os.umask(0), "group": os.getpgrp(), "session": os.getsid(0),
    "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "limits": [resource.getrlimit(number) for number in range(16)],
    "files": sorted(int(name) for name in os.listdir("/proc/self/fd")),
    "streams": [[s.name, s.encoding, s.errors, s.line_buffering, s.isatty()] for s in (sys.stdout, sys.stderr)],
    "thread": threading.current_thread() is threading.main_thread(),
    "shown": open("/proc/self/cmdline").read().rstrip(chr(0)),
    "read": sys.stdin.read(),
}))
"""


def test_a_fork_sees_what_a_new_interpreter_sees(place, tmp_path):
    def limited():
        import resource

        os.umask(0o027)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))

    folder = tmp_path / "elsewhere"
    folder.mkdir()
    options = {"cwd": folder, "input": "first\nsecond\n", "env": place.environment | {"TMPDIR": str(folder)}}
    forked, plain = (
        json.loads(place.run(CONTEXT, forked=one, preexec_fn=limited, **options).stdout)
        for one in (True, False)
    )
    # A signal that Snakemake ignores was ignored for the server too; here it is set for these commands only.
    for found in (forked, plain):
        found["signals"].pop(signal.SIGHUP - 1)
        found["environment"].pop("_")
    assert forked == plain
    assert forked["umask"] == 0o027
    assert forked["folder"] == str(folder) == forked["temporary"]


def test_it_is_a_fork_and_has_the_libraries_but_no_module_of_earthdim(begin):
    # This library keeps a second reference to `__main__`.
    place = begin("multiprocessing", "wave")
    files = "[getattr(module, '__file__', None) or '' for module in sys.modules.values()]"
    text = f"{MARK}print([file for file in {files} if 'jobs/preload' in file or 'earthdim/' in file])"
    done = [place.run(text) for _ in range(3)]
    assert all(map(place.is_forked, done))
    assert {one.stdout.splitlines()[1] for one in done} == {"[]"}
    # The first request may have come before the import.
    assert done[-1].stdout.startswith("True")


def test_an_edited_module_is_read_anew(place):
    module, text = place.folder / "edited.py", MARK + "import edited; print(edited.VALUE)"
    for value in ("1", "22"):
        module.write_text(f"VALUE = {value}")
        done = place.run(text)
        assert place.is_forked(done)
        assert done.stdout.split()[-1] == value


def test_numbers_without_a_seed_differ_between_forks(begin):
    place = begin("numpy", "random", "wave")
    text = MARK + "import numpy, random; print(numpy.random.random(), random.random())"
    done = [place.run(text) for _ in range(4)]
    # The first may have come before the imports.
    assert len({number for one in done for number in one.stdout.splitlines()[1].split()}) == 8
    assert place.is_forked(done[-1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_from_the_terminal_reaches_the_job_not_the_server(tmp_path, number):
    """Snakemake, its server, the client and the job are one process group."""
    begin = """
import subprocess, sys, time
from earthdim.jobs import preload
parent = preload.Preloaded(("wave",))
print(parent.prefix, parent.process.pid, flush=True)
time.sleep(60)
"""
    run = subprocess.Popen(
        [sys.executable, "-c", begin],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=heed,
    )
    try:
        *words, child = run.stdout.readline().split()
        script = tmp_path / "script.py"
        script.write_text(
            "import time\ntry:\n    print('began', flush=True)\n    time.sleep(60)\nfinally:\n    print('end')"
        )
        job = subprocess.Popen(
            [*words, sys.executable, script], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert job.stdout.readline() == b"began\n"
        (forked,) = psutil.Process(int(child)).children()
        forked.send_signal(number)
        psutil.Process(int(child)).send_signal(number)
        assert job.wait(30) == -number
        assert job.stdout.read() == (b"end\n" if number == signal.SIGINT else b"")
        assert not ended(psutil.Process(int(child)))
    finally:
        run.kill()
        run.wait()
    assert waited_for(lambda: not psutil.pid_exists(int(child)))


def test_a_job_ends_when_its_client_is_killed(place):
    process, job = place.start(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('told'))\ntime.sleep(60)"
    )
    process.kill()
    assert waited_for(lambda: ended(job), 5)
    assert "told" in process.stderr.read()
    process.wait()
    assert place.is_forked(place.run(MARK))


def test_a_job_that_is_deaf_is_killed_later(place):
    process, job = place.start(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    )
    process.kill()
    assert not waited_for(lambda: ended(job), server.GRACE_S / 2)
    assert waited_for(lambda: ended(job), server.GRACE_S)
    process.wait()


def test_a_job_does_not_outlive_a_killed_server_and_is_not_started_again(place):
    process, job = place.start("import time\ntime.sleep(60)")
    place.parent.process.kill()
    assert process.wait(30) == 1
    assert waited_for(lambda: ended(job))
    assert process.stdout.read() == ""
    assert "has ended" in process.stderr.read()


def test_without_a_server_a_command_is_executed_as_it_is(place):
    place.parent.process.kill()
    place.parent.process.wait()
    done = place.run(MARK + "sys.exit(3)")
    assert not place.is_forked(done)
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize(
    "change", [{"OMP_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Haswell"}, {"PYTHONHASHSEED": "0"}]
)
def test_another_environment_gets_its_own_interpreter(place, change):
    assert not place.is_forked(place.run(MARK, env=place.environment | change))
    assert place.is_forked(place.run(MARK))


def test_variables_that_libraries_set_are_no_difference(tmp_path, begin):
    (tmp_path / "sets.py").write_text("import os, wave; os.environ['FROM_LIBRARY'] = '1'")
    place, text = begin("sets"), MARK + "print(os.environ.get('FROM_LIBRARY'))"
    assert waited_for(lambda: place.run(text).stdout.split()[-1] == "1")
    assert place.is_forked(place.run(text))


@pytest.mark.parametrize("words", ["-c 'print(1)'", "-V", "/dev/null/nothing.py"])
def test_other_commands_are_executed_as_they_are(place, words):
    commands = (f"{prefix}{sys.executable} {words}" for prefix in (f"{place.parent.prefix} ", ""))
    forked, plain = (
        subprocess.run(["bash", "-c", one], env=place.environment, capture_output=True) for one in commands
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_process_with_threads_is_not_forked(tmp_path, begin):
    (tmp_path / "threaded.py").write_text(
        "import threading, time, wave\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    place = begin("threaded")
    assert waited_for(lambda: not place.is_forked(place.run(MARK)))


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    begin = """
import time
from earthdim.jobs import preload
parent = preload.Preloaded(())
print(parent.process.pid, flush=True)
time.sleep(60)
"""
    run = subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE)
    number = int(run.stdout.readline())
    assert psutil.pid_exists(number)
    run.kill()
    run.wait()
    assert waited_for(lambda: not psutil.pid_exists(number))


def test_the_server_stays_for_a_job_that_has_not_ended(place):
    process, job = place.start("import time, sys\ntime.sleep(1)\nsys.exit(6)")
    place.parent.end()
    assert process.wait() == 6
    assert place.parent.process.returncode == 0
    assert ended(job)


def test_fifty_jobs_at_once(place):
    with ThreadPoolExecutor(50) as pool:
        texts = (
            f"{MARK}import time; time.sleep(0.3); print({number}); sys.exit({number})" for number in range(50)
        )
        done = list(pool.map(place.run, texts, (f"script{number}.py" for number in range(50))))
    assert [one.returncode for one in done] == list(range(50))
    assert [int(one.stdout.split()[-1]) for one in done] == list(range(50))
    assert all(map(place.is_forked, done))


@pytest.mark.parametrize("name", ["my script.py", "it's.py", "Größe.py"])
def test_a_script_may_have_any_name(place, name):
    done = place.run(MARK + "print(__file__)", name)
    assert place.is_forked(done)
    assert done.stdout.splitlines()[1] == str(place.folder / name)


def test_ps_shows_the_command_of_the_job(place):
    process, job = place.start("import time; time.sleep(60)")
    assert job.cmdline()[:2] == [sys.executable, str(place.folder / "script.py")]
    assert not any(job.cmdline()[2:])
    assert psutil.Process(place.parent.process.pid).cmdline()[1].endswith("server.py")
    process.kill()
    process.wait()


COST = """
import resource
from earthdim.jobs.costs import so_far
held = b"x" * 2**27
print(so_far())
"""


def test_the_cost_of_a_fork_is_its_own(tmp_path, begin):
    (tmp_path / "busy.py").write_text(
        "import time\nwhile time.process_time() < 1: pass\nheld = b'x' * 2**28\ndel held"
    )
    place = begin("busy", "wave")
    assert waited_for(lambda: place.is_forked(place.run(MARK)))
    done = place.run(COST)
    cost = eval(done.stdout)
    assert cost["cpu_seconds"] < 0.5
    assert cost["wall_seconds"] < 5
    # With what the server holds, but not with what it held before.
    assert 128 < cost["peak_mib"] < 200


def test_the_libraries_load_and_leave_no_thread_that_a_fork_would_miss():
    code = (
        "import importlib; from earthdim.jobs.preload import MODULES, server\n"
        "for name in MODULES: importlib.import_module(name)\n"
        "print(*server.threads())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= server.HARMLESS


@pytest.mark.parametrize(
    ("jobs", "threads", "switch"),
    [(preload.LEAST - 1, 1, ""), (50, 2, ""), (50, 1, "no"), (50, 1, "0"), (50, 1, "51")],
)
def test_no_server_is_started_without_need_or_permission(monkeypatch, jobs, threads, switch):
    monkeypatch.setenv(preload.SWITCH, switch)
    assert preload.start(jobs, threads) is None


def test_a_server_is_started_for_many_jobs(monkeypatch):
    monkeypatch.delenv(preload.SWITCH, raising=False)
    parent = preload.start(preload.LEAST, 1)
    assert parent.process.poll() is None
    parent.end()
    assert parent.process.returncode == 0


def test_a_message_of_another_user_is_refused():
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(one) for one in socket.socketpair())
        theirs.sendall(b"\0\0")
        theirs.close()
        with pytest.raises(ValueError, match="incomplete"):
            server.receive(ours)
