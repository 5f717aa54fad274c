"""`--distributed`: this process as one of several."""

import os
import re
import socket
import sys
import traceback

from fisc.core.errors import ConfigError

AUTO = "auto"
"""In place of an address: as Slurm or Open MPI says."""


def join(given: str) -> bool:
    """Become one of several processes; whether this one is the first, which reads and writes.

    Raises:
        ConfigError: if it is not said which processes, there is no such job around, or jax is in use already.
    """
    place = None if given == AUTO else _read(given)
    from fisc.learning import processes

    if place is not None and place[2] == 0:
        print(f"waiting for {place[1]} processes at {place[0]}, up to five minutes", file=sys.stderr)
    try:
        processes.join(*(place or ()))
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"--distributed {given}: no other processes ({str(error).partition(chr(10))[0]}): start all of them under "
            "Slurm or Open MPI, or each with HOST:PORT,PROCESSES,INDEX"
        ) from None
    return processes.is_first()


def leave(code: int) -> None:
    """End this process at once if it is one of several and failed: on the way out it would wait for the others, who
    wait for it."""
    jax = sys.modules.get("jax")
    if code and jax is not None and jax.distributed.is_initialized():
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read(given: str) -> tuple[str, int, int]:
    """The first process's address, the number of processes, and which one this is."""
    found = re.fullmatch(r"((\S+):(\d+)),(\d+),(\d+)", given)
    if found is None or int(found[5]) >= int(found[4]) or int(found[3]) > 65535:
        raise ConfigError(
            f"--distributed {given}: expected the first process's HOST:PORT, how many processes there are, and which "
            f"one this is, from 0, like node1:4321,2,0; or '{AUTO}' under Slurm or Open MPI"
        )
    try:
        socket.getaddrinfo(found[2], int(found[3]))
    except OSError as error:
        raise ConfigError(f"--distributed {given}: no host {found[2]} is known here ({error.strerror})") from None
    return found[1], int(found[4]), int(found[5])
