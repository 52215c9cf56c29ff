"""A chat model behind any OpenAI-compatible endpoint: messages in, pieces of text out as they come, or a ModelError.

An answer is whole only when the endpoint says so. Nothing here judges what it says: that is done before it is shown.
"""

from __future__ import annotations

import asyncio
import math
import queue
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from rag.chunks import BrokenStreamError, Chunks
from rag.errors import ModelError
from rag.ledger import Ledger
from rag.remote import ADDRESS, About, Failure, Patience, Remote, explain
from rag.settings import Settings
from rag.stop import Stop, StoppedError
from rag.tokens import tokens

Message = tuple[str, str]  # (role, text)

_MOST = 8 * 2**20  # bytes of one answer; a token takes some hundred
_LETTERS = 12  # characters that a token holds at most, on the average of a long text
_GRACE = 2.0  # seconds after which a thread that should have answered is taken for dead
_ABOUT = About(
    "language model",
    "RAG_MODEL",
    "check RAG_MODEL, and that RAG_MODEL_WINDOW is no more than this model takes",
    "set OPENAI_API_KEY or OPENAI_BASE_URL, or use --engine extractive",
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: until the first piece, between two, and for an answer with all its attempts."""

    first: float
    between: float
    deadline: float


class ChatEndpoint:
    """Safe for concurrent use: open it once and share it."""

    def __init__(self, remote: Remote, model: str, answer_tokens: int, timing: Timing, patience: Patience) -> None:
        self.model, self.answer_tokens = model, answer_tokens
        self.ledger = Ledger(None)
        self._remote, self._timing, self._patience = remote, timing, patience
        self._plain = False  # set when the endpoint refuses what older servers need

    @classmethod
    def open(cls, settings: Settings, patience: Patience | None = None) -> ChatEndpoint:
        """Nothing is sent yet. Raises ModelError if none is configured, SettingsError if key or address are off."""
        if not settings.has_model or not settings.model:
            hint = "set RAG_MODEL, and OPENAI_API_KEY or OPENAI_BASE_URL, or use --engine extractive"
            raise ModelError("there is no language model", hint=hint)
        timing = Timing(settings.first_token_seconds, settings.token_seconds, settings.answer_seconds)
        remote = Remote.open(settings, _ABOUT, settings.connect_seconds, settings.answer_seconds, _MOST)
        made = cls(remote, settings.model, settings.answer_tokens, timing, patience or Patience(attempts=3))
        made.ledger = Ledger(settings.tokens_per_day)
        return made

    def stream(self, messages: Sequence[Message], stop: Stop | None = None) -> Generator[str]:
        """The answer in pieces as they come; it is whole when the iterator ends. Closing it, or `stop`, closes the
        connection.

        Raises ModelError when the endpoint fails, also after some pieces; StoppedError when `stop` is set. What may
        pass is tried again, but only as long as nothing was yielded.
        """
        stop, pauses = stop or Stop(), self._patience.pauses()
        prompt = sum(tokens(text) for _, text in messages)
        end = time.monotonic() + self._timing.deadline
        while True:
            # A failed attempt may be billed as well; how much an answer takes is known only when it is there.
            self.ledger.spend(prompt + self.answer_tokens)
            plain, said, failure = self._plain, False, None
            with closing(self._attempt(self._request(messages, plain), end - time.monotonic(), stop)) as attempt:
                for piece in attempt:
                    if isinstance(piece, Failure):
                        failure = piece
                        break
                    said = True
                    yield piece
            if failure is None:
                return
            wait = self._wait(failure, plain, next(pauses, math.inf))
            if said or time.monotonic() + wait >= end:
                raise failure.error
            stop.wait(wait)

    def _wait(self, failure: Failure, plain: bool, pause: float) -> float:
        """Seconds until the next attempt; infinite where none can help."""
        if failure.status == 400:
            self._plain = not plain
            return math.inf if plain else 0.0
        return failure.after + pause if failure.again else math.inf

    def complete(self, messages: Sequence[Message], stop: Stop | None = None) -> str:
        """As `stream`, in one."""
        return "".join(self.stream(messages, stop))

    def _request(self, messages: Sequence[Message], plain: bool) -> dict[str, Any]:
        most = self.answer_tokens
        form = {"max_completion_tokens": most} if plain else {"max_tokens": most, "temperature": 0.0}
        said = [{"role": role, "content": text} for role, text in messages]
        # Bytes are counted as they come: compressed ones could be many more than they seem.
        return {"model": self.model, "messages": said, **form, "extra_headers": {"accept-encoding": "identity"}}

    def _attempt(self, request: dict[str, Any], seconds: float, stop: Stop) -> Generator[str | Failure]:
        """The pieces of one attempt, and a Failure at the end where it is not whole."""
        said: queue.SimpleQueue[str | Failure | None] = queue.SimpleQueue()
        running = self._remote.submit(self._read(request, seconds, said))
        end = time.monotonic() + seconds + _GRACE
        try:
            with stop.calling(lambda: said.put(None)):
                while (piece := said.get(timeout=max(0.0, end - time.monotonic()))) is not None:
                    if stop.is_set:
                        break
                    yield piece
            if stop.is_set:
                raise StoppedError
        except queue.Empty:
            yield _broken("could not be used", again=False)
        finally:
            running.cancel()

    async def _read(
        self, request: dict[str, Any], seconds: float, said: queue.SimpleQueue[str | Failure | None]
    ) -> None:
        try:
            await self._receive(request, seconds, said)
        except BrokenStreamError as error:
            said.put(_broken(error.what, again=error.again))
        except TimeoutError:
            said.put(Failure(_ABOUT.failed("did not answer in time", "try again later, or give it more seconds"), True))
        except Exception as error:  # whatever it is, it may carry the key or the server's internals
            said.put(explain(error, seconds, _ABOUT))
        else:
            said.put(None)

    async def _receive(
        self, request: dict[str, Any], seconds: float, said: queue.SimpleQueue[str | Failure | None]
    ) -> None:
        loop, timing, left = asyncio.get_running_loop(), self._timing, self.answer_tokens * _LETTERS
        end = loop.time() + seconds
        async with (
            asyncio.timeout_at(min(loop.time() + timing.first, end)) as limit,
            self._remote.client.chat.completions.with_streaming_response.create(stream=True, **request) as answer,
        ):
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise BrokenStreamError("gave what is no stream of an answer")
            chunks = Chunks()
            async for data in answer.http_response.aiter_raw():
                for piece in chunks.feed(data):
                    left -= len(piece.text)
                    if left < 0:
                        raise BrokenStreamError("wrote far more than was asked")
                    limit.reschedule(min(loop.time() + timing.between, end))
                    if piece.text:
                        said.put(piece.text)
                    if piece.is_last:
                        return
            for piece in chunks.close():
                if piece.is_last:
                    return
                said.put(piece.text)


def _broken(what: str, *, again: bool) -> Failure:
    return Failure(_ABOUT.failed(what, f"{ADDRESS}, and that RAG_MODEL is a chat model"), again)
