"""The command of a job as a fork of the preloaded process, or, if that is not possible, the command itself.

    python -I -S client.py ADDRESS PYTHON SCRIPT

stands in front of the command of each job. It takes no module outside the standard library and none that is slow to
load, as it runs once per job. Its exit status, or the signal that ends it, is that of the job. If it is killed, the
server ends the job.
"""

import json
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress

TAKEN = b"+"
"""The server's answer to a request that it has begun to execute."""


def ask(address: str, command: list[str]) -> int | None:
    """Let the server execute a command.

    Parameters
    ----------
    address : str
        Name of the server's socket in the abstract namespace.
    command : list of str
        The Python interpreter and the script.

    Returns
    -------
    int or None
        The exit status, minus the number of the signal if the job died of one; None if the server does not execute
        the command.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server, suppress(OSError):
        server.connect(f"\0{address}")
        if _user(server) == os.getuid() and _taken(server, command):
            return _status(server)
    return None


def _user(server: socket.socket) -> int:
    """The user at the other end: any user may take an abstract name that is free."""
    size = struct.calcsize("3i")
    return struct.unpack("3i", server.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]


def _taken(server: socket.socket, command: list[str]) -> bool:
    mask = os.umask(0)
    os.umask(mask)
    request = {
        "command": command,
        "environment": dict(os.environ),
        "umask": mask,
        "group": os.getpgrp(),
        "limits": {
            name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT" in name
        },
    }
    text = json.dumps(request).encode()
    folder = os.open(".", os.O_PATH)
    socket.send_fds(server, [struct.pack("I", len(text))], [0, 1, 2, folder])
    os.close(folder)
    server.sendall(text)
    return server.recv(1) == TAKEN


def _status(server: socket.socket) -> int:
    # The terminal sends these to the job too, which decides; before, they would end this process only.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    status = b""
    with suppress(OSError):
        status = server.recv(4, socket.MSG_WAITALL)
    if len(status) < 4:
        # The kernel has ended the job together with the server. Another start could find its unfinished files.
        sys.stderr.write(
            "earthdim: the process that this job was forked from has ended, and with it the job\n"
        )
        return 1
    return struct.unpack("i", status)[0]


def main(address: str, *command: str) -> None:
    """Execute a command through the server or without it, and end as it ends."""
    # A signal before the job runs ends this process without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    status = ask(address, list(command))
    if status is None:
        # Ignored by Python, and inherited.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        # SIGKILL and SIGSTOP have no handler.
        with suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
