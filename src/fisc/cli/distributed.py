"""`--distributed`: this process as one of several."""

import re

from fisc.core.errors import ConfigError


def join(given: str) -> bool:
    """Become one of several processes; whether this one is the first, which reads and writes.

    Raises:
        ConfigError: if it is not said which processes, or the others do not turn up.
    """
    from fisc.learning import processes

    address, number, index = None, None, None
    if given:
        found = re.fullmatch(r"(\S+:\d+),(\d+),(\d+)", given)
        if found is None or int(found[3]) >= int(found[2]):
            raise ConfigError(
                f"--distributed {given}: expected the first process's HOST:PORT, how many processes there are, and "
                "which one this is, from 0, like node1:4321,2,0; or nothing under Slurm or Open MPI"
            )
        address, number, index = found[1], int(found[2]), int(found[3])
    try:
        processes.join(address, number, index)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"--distributed: no other processes ({str(error).partition(chr(10))[0]}): start all of them under Slurm "
            "or Open MPI, or each with HOST:PORT,PROCESSES,INDEX"
        ) from None
    return processes.is_first()
