"""How long the steps of an answer took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from rag.types import Answer


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Notes under `name` how many milliseconds the block took."""
    start = time.perf_counter()
    yield
    timings[name] = (time.perf_counter() - start) * 1000


def with_timings(answer: Answer, timings: Mapping[str, float]) -> Answer:
    steps = ("guard", "retrieve", "answer", "total")
    return replace(answer, timings_ms={step: timings.get(step, 0.0) for step in steps})
