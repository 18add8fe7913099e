"""Where a scheduler of dask is said to be, and whether one is there."""

from __future__ import annotations

import asyncio
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nucleizoo.core.errors import UserError
from nucleizoo.core.format import first_line

ANSWER_WITHIN = 10.0
"""Seconds that a scheduler has to be found, and to have a worker when the work begins."""

_ADDRESS = re.compile(r"(tcp|tls)://(\[.+\]|[^:/]+):(\d+)")

_LAST_PORT = 65535

_NOT_UNDERSTOOD = (MemoryError, ValueError, LookupError, struct.error)
"""What comes of taking for dask's what is none: the first bytes are the length of what follows, for one."""


def check_address(distributed: Any, address: str) -> None:
    """Refuse an address at which there is no scheduler.

    Args:
        distributed: the library.
        address: should be 'tcp://HOST:PORT'.

    Raises:
        UserError: when it is none, nobody answers within some seconds, or somebody else does.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[3]) <= _LAST_PORT:
        raise UserError(
            "--dask is a number of processes, or the address of a scheduler, tcp://HOST:PORT with a port up "
            f"to {_LAST_PORT}; got '{address}'"
        )
    try:
        with ThreadPoolExecutor(1) as thread:  # in this one there may be a loop, as in a notebook
            asking = asyncio.wait_for(_kind(distributed, address), ANSWER_WITHIN)
            kind = thread.submit(asyncio.run, asking).result()
    except _NOT_UNDERSTOOD as error:
        raise UserError(
            f"something else than a dask scheduler listens at {address}; see which port 'dask scheduler' "
            "says when it begins, or leave the address away for processes on this machine"
        ) from error
    except Exception as error:  # whatever comes of talking with a stranger
        raise UserError(
            f"no dask scheduler answers at {address} within {ANSWER_WITHIN:g} s ({first_line(error)}); "
            "start one with 'dask scheduler', or leave the address away for processes on this machine"
        ) from error
    if kind in ("Worker", "Nanny"):
        raise UserError(
            f"{address} is the address of a worker; --dask wants that of its scheduler, which 'dask "
            "scheduler' says when it begins"
        )


async def _kind(distributed: Any, address: str) -> str:
    """What listens there. A stranger may say nothing for ever, for which dask itself would wait."""
    secured = distributed.Security().get_connection_args("client")
    async with distributed.rpc(address, timeout=ANSWER_WITHIN, connection_args=secured) as peer:
        return str((await peer.identity())["type"])
