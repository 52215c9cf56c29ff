"""Models that give second opinions, for `check.py`: none of them reads. They bound what a real one could do.

A real HTTP server speaks the protocol, and `rag.opinion` asks it as it would ask any endpoint. `yes` agrees to all it
is asked (the most that may pass, the least that is caught), `no` to nothing, a share such as `0.9` is right by the
label of the pair so often, drawn by a fixed seed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from model_server import KEY, Exchange, ModelServer, says

from rag.ledger import Ledger
from rag.opinion import SecondOpinion, open_second_opinion
from rag.settings import Settings

SEED = 7


class Labelled:
    """A behaviour of the server. `is_faithful` is the label of the pair that is being checked."""

    def __init__(self, manner: str) -> None:
        self._manner, self._random = manner, random.Random(SEED)
        self.is_faithful = False

    def __call__(self, exchange: Exchange) -> None:
        says(self._said())(exchange)

    def _said(self) -> str:
        if self._manner in ("yes", "no"):
            return self._manner.upper()
        is_right = self._random.random() < float(self._manner)
        return "YES" if self.is_faithful == is_right else "NO"


@contextmanager
def opened(manner: str) -> Iterator[tuple[SecondOpinion, Labelled, ModelServer]]:
    """`manner` is `yes`, `no` or how often it is right, 0 to 1."""
    judge = Labelled(manner)
    with ModelServer(judge) as server:
        settings = Settings(model="judge", openai_api_key=KEY, openai_base_url=server.base_url, second_opinion=True)
        opinion = open_second_opinion(settings, Ledger(None))
        assert opinion
        yield opinion, judge, server
