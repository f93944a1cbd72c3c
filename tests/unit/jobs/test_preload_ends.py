"""A fork ends as a new interpreter ends: exit status, signals, errors, output."""

import pytest

ENDS = {
    "nothing": "print('unflushed', end='')",
    "code": "import sys; sys.exit(3)",
    "large code": "import sys; sys.exit(259)",
    "message": "raise SystemExit('why')",
    "error": """
def divide():
    return 1 / 0
try:
    divide()
except ArithmeticError as error:
    raise ValueError("text") from error
""",
    "syntax": "print(1)\nif True print(2)",
    "interrupt": "raise KeyboardInterrupt",
    "hook": "import sys; sys.excepthook = lambda kind, error, trace: print(kind, trace.tb_frame.f_lineno); 1 / 0",
    "at exit": "import atexit; atexit.register(print, 'last'); raise ValueError",
    "thread": """
import threading, time
def late():
    time.sleep(0.3)
    print("late")
threading.Thread(target=late).start()
1 / 0
""",
    "daemon": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "_exit": "import os; os._exit(7)",
    "open file": "file = open('left', 'w'); file.write('kept')",
    "finalizer": "import tempfile; folder = tempfile.TemporaryDirectory(dir='.'); print('made')",
    "closed output": "import os, sys; sys.stdout.write('x'); sys.stdout.flush(); sys.stdout.write('y'); os.close(1)",
    "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "SIGTERM": "import os; os.kill(os.getpid(), 15)",
    "SIGSEGV": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); import os; os.kill(os.getpid(), 11)",
    "output": "import sys; print('out'); print('err', file=sys.stderr); sys.stdout.buffer.write(b'\\xff')",
    "child": "import subprocess; print(subprocess.run('exit 5', shell=True).returncode)",
    "fork": "import os, sys; pid = os.fork(); sys.exit(4) if pid == 0 else print(os.waitpid(pid, 0)[1])",
    "pool": """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(abs, [-1, -2]))
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_fork_ends_as_a_new_interpreter_ends(place, end):
    forked, plain = (
        place.run(ENDS[end], forked=one, errors="replace", cwd=place.folder) for one in (True, False)
    )
    assert (forked.returncode, forked.stdout) == (plain.returncode, plain.stdout)
    # The shell reports some signals, with its own number.
    assert [line for line in forked.stderr.splitlines() if "bash" not in line] == [
        line for line in plain.stderr.splitlines() if "bash" not in line
    ]
    assert {path.name for path in place.folder.iterdir()} <= {"script.py", "left"}
    assert all(path.read_text() == "kept" for path in place.folder.glob("left"))
