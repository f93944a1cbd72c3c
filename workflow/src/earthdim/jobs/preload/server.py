"""The preloaded process: imports libraries once and forks a process for each job.

    python server.py LISTENER SPARE MODULE...

Started by `earthdim.jobs.preload.start` as a child of Snakemake. It runs no code of earthdim, so that a job always
reads the present code. LISTENER is the number of a listening socket; standard input is a pipe from Snakemake, whose end
shows that Snakemake has ended; SPARE is room for the command lines of the jobs.

A fork is what a new interpreter would be, except for the modules that it has: it runs the script as ``__main__``, waits
for its threads and calls the functions that are registered for the exit. It is a child of this process, which is a
child of Snakemake.
"""

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import NoReturn

TAKEN = b"+"
"""The answer to a request that is being executed."""

GRACE_S = 5.0
"""Time between SIGTERM and SIGKILL for a job whose client was killed, in seconds."""

# Variables that a shell sets for each of its commands, and the folder of temporary files, which is looked up again. All
# others must be those of this process: libraries read some of them when they are loaded.
OWN = {"_", "SHLVL", "PWD", "OLDPWD", "TMPDIR", "TMP", "TEMP", "TEMPDIR"}
BEGUN = dict(os.environ)
# The background thread of jemalloc, which pyarrow starts, is not needed after a fork: jemalloc handles forks.
HARMLESS = {"jemalloc_bg_thd"}
# The terminal sends these to this process too, which must outlive its jobs.
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1


@dataclass
class Request:
    """A command, and the context in which it was given."""

    command: list[str]
    environment: dict[str, str]
    umask: int
    group: int
    limits: dict[str, tuple[int, int]]
    # Standard input, output and error, and the working directory.
    files: list[int] = field(default_factory=list)

    def close(self) -> None:
        """Close this process's copies of the files."""
        for file in self.files:
            os.close(file)


@dataclass
class Job:
    """A running fork."""

    number: int
    handle: int
    client: socket.socket
    # When it is killed, if its client has ended.
    deadline: float = float("inf")


class Server:
    """The loop that forks, supervises and reports jobs.

    Parameters
    ----------
    listener : socket
        Where clients connect.
    """

    def __init__(self, listener: socket.socket):
        self._listener, self._open = listener, True
        self._jobs: dict[int, Job] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(0, selectors.EVENT_READ, None)

    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return not self._open and not self._jobs

    def serve(self, at_once: bool = False) -> Request | None:
        """Serve until Snakemake and all jobs have ended, or `at_once` only what waits; in a job, return its request."""
        while not self.is_over():
            events = self._selector.select(0 if at_once else self._patience())
            for key, _ in events:
                request = self._handle(key)
                if request is not None:
                    return request
            self._kill_late()
            if at_once and not events:
                return None
        return None

    def _patience(self) -> float | None:
        soonest = min((job.deadline for job in self._jobs.values()), default=float("inf"))
        return None if soonest == float("inf") else max(soonest - time.monotonic(), 0.0)

    def _kill_late(self) -> None:
        for job in self._jobs.values():
            if job.deadline <= time.monotonic():
                job.deadline = float("inf")
                os.kill(job.number, signal.SIGKILL)

    def _handle(self, key: selectors.SelectorKey) -> Request | None:
        if key.fileobj is self._listener:
            return self._fork()
        if key.fileobj == 0:
            # Snakemake has ended. Its jobs end by themselves (see `earthdim.jobs.lease`).
            self._selector.unregister(0)
            self._selector.unregister(self._listener)
            self._listener.close()
            self._open = False
        elif key.fileobj == key.data.handle:
            self._report(key.data)
        elif key.data.number in self._jobs:
            # A client sends nothing after its request: it has ended.
            self._selector.unregister(key.data.client)
            key.data.deadline = time.monotonic() + GRACE_S
            os.kill(key.data.number, signal.SIGTERM)
        return None

    def _report(self, job: Job) -> None:
        status = os.waitstatus_to_exitcode(os.waitpid(job.number, 0)[1])
        del self._jobs[job.number]
        self._selector.unregister(job.handle)
        os.close(job.handle)
        with suppress(KeyError):
            self._selector.unregister(job.client)
        with suppress(OSError):
            job.client.sendall(struct.pack("i", status))
        job.client.close()

    def _fork(self) -> Request | None:
        """Read a request, and fork; return the request in the fork, which has none of this object's files."""
        client, _ = self._listener.accept()
        # Taken from any user.
        client.settimeout(GRACE_S)
        try:
            request = receive(client)
        except (OSError, ValueError, TypeError):
            client.close()
            return None
        if not fits(request):
            request.close()
            client.close()
            return None
        # Until the fork has its own handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
        number = os.fork()
        if number == 0:
            self._forget(client)
            return request
        signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
        request.close()
        job = Job(number, os.pidfd_open(number), client)
        self._jobs[number] = job
        self._selector.register(job.handle, selectors.EVENT_READ, job)
        self._selector.register(client, selectors.EVENT_READ, job)
        with suppress(OSError):
            client.sendall(TAKEN)
        return None

    def _forget(self, client: socket.socket) -> None:
        """Close this object's files: a client learns from the end of its connection that the server has ended."""
        self._selector.close()
        self._listener.close()
        client.close()
        for job in self._jobs.values():
            os.close(job.handle)
            job.client.close()


def receive(client: socket.socket) -> Request:
    """Receive a request.

    Raises
    ------
    OSError, ValueError, TypeError
        If it is incomplete, or from another user.
    """
    size = struct.calcsize("3i")
    user = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
    if user != os.getuid():
        raise PermissionError("a request of another user")
    head, files, _, _ = socket.recv_fds(client, 4, 4)
    try:
        if len(head) < 4 or len(files) != 4:
            raise ValueError("an incomplete request")
        text = b""
        while len(text) < struct.unpack("I", head)[0]:
            part = client.recv(1 << 20)
            if not part:
                raise ValueError("an incomplete request")
            text += part
        return Request(**json.loads(text), files=files)
    except BaseException:
        for file in files:
            os.close(file)
        raise


def fits(request: Request) -> bool:
    """Whether a fork of this process is what the command would start."""
    return (
        len(request.command) == 2
        and request.command[0] == sys.executable
        and os.path.isabs(request.command[1])
        and os.path.isfile(request.command[1])
        and {name for name, _ in request.environment.items() ^ BEGUN.items()} <= OWN
        # A fork has only the thread that forks; locks that others hold would stay locked.
        and threads() <= HARMLESS
    )


def threads() -> set[str]:
    """Names of the threads of this process, except the main one."""
    numbers = set(os.listdir("/proc/self/task")) - {str(os.getpid())}
    found = set()
    for number in numbers:
        with suppress(FileNotFoundError), open(f"/proc/self/task/{number}/comm") as file:
            found.add(file.read().strip())
    return found


def become(request: Request, server: int, handlers: dict[int, object], folders: list[str]) -> ModuleType:
    """Make a fork what a new interpreter would be, and return its module ``__main__``.

    Parameters
    ----------
    request : Request
        The command.
    server : int
        Process ID of the server.
    handlers : dict
        Signal -> handler of a new interpreter.
    folders : list of str
        Python's search path in this environment.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    script = request.command[1]
    for number, file in enumerate(request.files[:3]):
        os.dup2(file, number)
    os.fchdir(request.files[3])
    request.close()
    os.umask(request.umask)
    with suppress(OSError):
        os.setpgid(0, request.group)
    for name, limits in request.limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), tuple(limits))
    # With what libraries have set when they were loaded.
    environment = request.environment | dict(os.environ.items() - BEGUN.items())
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    show(request.command)
    sys.argv, sys.orig_argv = [script], list(request.command)
    sys.path[:] = [os.path.dirname(script), *folders]
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    importlib.invalidate_caches()
    _renew()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
    main = ModuleType("__main__")
    main.__file__, main.__builtins__, main.__annotations__, main.__cached__ = script, __builtins__, {}, None
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", script)
    sys.modules["__main__"] = main
    if "__mp_main__" in sys.modules:
        sys.modules["__mp_main__"] = main
    return main


def _renew() -> None:
    """Renew what modules keep of the process that loaded them."""
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None
    # Python's own generator does so by itself.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def show(command: list[str]) -> None:
    """Let ``ps`` show this command line, in place of that with which this process was started."""
    with open("/proc/self/stat") as file:
        # The name of the process, in parentheses, may contain blanks.
        begin, end = map(int, file.read().rpartition(")")[2].split()[45:47])
    # Not visible in some sandboxes.
    if 0 < begin < end:
        text = b"".join(os.fsencode(word) + b"\0" for word in command)[: end - begin - 1]
        ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)


def run(main: ModuleType) -> int:
    """Run the script of a job, and return its exit status, or minus the number of the signal that shall end it."""
    try:
        with io.open_code(main.__file__) as file:
            code = compile(file.read(), main.__file__, "exec", dont_inherit=True)
        exec(code, vars(main))
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    except BaseException as error:
        # Without the line above in the traceback.
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if type(error) is KeyboardInterrupt else 1
    return 0


def leave(status: int, main: ModuleType) -> NoReturn:
    """End a job as an interpreter ends, but without taking apart all modules.

    This would write to nearly all memory that is shared with the server, and the kernel would have to copy it: a third
    of a second.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    # Closes files that the script has left open.
    vars(main).clear()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            # As an interpreter reports it.
            status = 120
            with suppress(OSError, ValueError):
                print(f"Exception ignored in: {stream!r}\n{type(error).__name__}: {error}", file=sys.stderr)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    ctypes.CDLL(None).fflush(None)
    os._exit(status)


def serve(listener: int, modules: list[str]) -> ModuleType | None:
    """Import modules and serve; return ``__main__`` in a job, and None in the server after its end."""
    handlers = {number: signal.getsignal(number) for number in IGNORED}
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    server, number, folders = Server(socket.socket(fileno=listener)), os.getpid(), list(sys.path)
    show([sys.executable, __file__])
    request = None
    for module in modules:
        # A job that needs it reports the error.
        with suppress(Exception):
            importlib.import_module(module)
        # With what has been loaded until now.
        request = server.serve(at_once=True)
        if request is not None or server.is_over():
            break
    else:
        gc.collect()
        # Collections in forks would write to all these objects, and thereby copy their memory.
        gc.freeze()
        request = server.serve()
    return None if request is None else become(request, number, handlers, folders)


if __name__ == "__main__":
    # The folder of this file.
    sys.path.pop(0)
    main = serve(int(sys.argv[1]), sys.argv[3:])
    if main is not None:
        leave(run(main), main)
    # As fast.
    os._exit(0)
