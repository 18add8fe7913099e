"""The address of a dask scheduler, and the check that one answers there."""

from __future__ import annotations

import asyncio
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nucleizoo.core.errors import UserError
from nucleizoo.core.format import first_line

ANSWER_WITHIN = 10.0
"""Seconds within which a scheduler must answer, and have a worker when prediction begins."""

_ADDRESS = re.compile(r"(tcp|tls)://(\[.+\]|[^:/]+):(\d+)")

_LAST_PORT = 65535

_NOT_UNDERSTOOD = (MemoryError, ValueError, LookupError, struct.error)
"""Errors of dask when another protocol answers: it reads the first bytes as a length, for instance."""


def check_address(distributed: Any, address: str) -> None:
    """Refuse an address at which there is no scheduler.

    Args:
        distributed: the library.
        address: should be 'tcp://HOST:PORT'.

    Raises:
        UserError: when it is malformed, nothing answers within some seconds, or what answers is not a
            scheduler.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[3]) <= _LAST_PORT:
        raise UserError(
            "--dask must be a number of processes, or the address of a scheduler, tcp://HOST:PORT with a "
            f"port up to {_LAST_PORT}; got '{address}'"
        )
    try:
        with ThreadPoolExecutor(1) as thread:  # this thread may run a loop, as in a notebook
            asking = asyncio.wait_for(_kind(distributed, address), ANSWER_WITHIN)
            kind = thread.submit(asyncio.run, asking).result()
    except _NOT_UNDERSTOOD as error:
        raise UserError(
            f"the program that answers at {address} is not a dask scheduler; use the port that 'dask "
            "scheduler' prints when it starts, or --dask local for processes on this machine"
        ) from error
    except Exception as error:  # whatever an unknown program may cause
        raise UserError(
            f"no dask scheduler answers at {address} within {ANSWER_WITHIN:g} s ({first_line(error)}); "
            "start one with 'dask scheduler', or use --dask local for processes on this machine"
        ) from error
    if kind in ("Worker", "Nanny"):
        raise UserError(
            f"{address} is the address of a dask worker; --dask needs that of the scheduler, which 'dask "
            "scheduler' prints when it starts"
        )


async def _kind(distributed: Any, address: str) -> str:
    """The type of dask process at an address. Without the caller's time limit, this may wait forever."""
    secured = distributed.Security().get_connection_args("client")
    async with distributed.rpc(address, timeout=ANSWER_WITHIN, connection_args=secured) as peer:
        return str((await peer.identity())["type"])
