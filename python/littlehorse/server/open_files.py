"""Open files: each connection is one, and the stores need many; a store that gets none would stop the server."""

from __future__ import annotations

import logging
import resource

from littlehorse.shard.store import OPEN_FILES_MAX

logger = logging.getLogger(__name__)

# Log segments, locks, sockets that listen, pipes, and connections that are being refused.
FILES_OF_PROCESS = 512


def connections(wanted: int, stores: int) -> int:
    """How many connections may be open at a time: as many as wanted, if the system lets the process have the files.

    Raises the soft limit as far as that needs and the hard limit allows. What the stores need comes first.
    """
    reserved = stores * OPEN_FILES_MAX + FILES_OF_PROCESS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < reserved + wanted:
        soft = reserved + wanted if hard == resource.RLIM_INFINITY else min(reserved + wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    possible = wanted if soft == resource.RLIM_INFINITY else max(min(wanted, soft - reserved), 1)
    if possible < wanted:
        logger.warning(
            "at most %d connections instead of %d: the system allows this process %d open files, of which the stores "
            "and the log may need %d",
            possible, wanted, soft, reserved,
        )  # fmt: skip
    return possible
