"""What a reader is told of an error: a code. What happened stands in the log, under the same code."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from rag.errors import RagError

Handler = Callable[..., Awaitable[Any]]
_log = logging.getLogger("citewell")


def incident(error: BaseException) -> str:
    """A code for the reader, and in the log what happened under it: our own errors name files and fixes; of others
    the kind and the place, since their text may hold what a reader wrote."""
    code = secrets.token_hex(3)
    what = str(error) if isinstance(error, RagError) else type(error).__name__
    _log.error("code %s: %s\n%s", code, what, "".join(traceback.format_tb(error.__traceback__)))
    return code


def quietly(handler: Handler, refused: Any = None) -> Handler:
    """What goes wrong in a handler is told to the log alone; who is refused is told so."""

    async def handling(*args: Any) -> Any:
        try:
            return await handler(*args)
        except Exception as error:
            if type(error).__name__ == ConnectionRefusedError.__name__:
                raise
            incident(error)
            return refused

    return handling
