"""Measures of retrieval, citation and time, as pure functions over plain values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np


def hit_at(found: Sequence[bool], k: int) -> float:
    """1 if any of the first `k` results is relevant, else 0 (success@k). `found` says of each result, best first,
    whether it is relevant."""
    return float(any(found[:k]))


def recall_at(found: Sequence[bool], relevant: int, k: int) -> float:
    """The share of the `relevant` items (at least 1) that stand among the first `k` results (Manning, Raghavan and
    Schütze 2008, section 8.4)."""
    return sum(found[:k]) / relevant


def reciprocal_rank(found: Sequence[bool]) -> float:
    """1 over the rank of the first relevant result, 0 without one; its mean is MRR (Voorhees 1999)."""
    return next((1 / rank for rank, is_relevant in enumerate(found, 1) if is_relevant), 0.0)


def ndcg_at(found: Sequence[bool], relevant: int, k: int) -> float:
    """Discounted cumulative gain over that of the best order possible, with gains of 0 and 1 (Järvelin and Kekäläinen
    2002). `relevant` is how many relevant items there are, at least 1."""
    gain = sum(1 / math.log2(rank + 1) for rank, is_relevant in enumerate(found[:k], 1) if is_relevant)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(relevant, k) + 1))


def citation_recall(sentences: Sequence[Sequence[bool]]) -> float:
    """The share of sentences that their citations support (ALCE: Gao et al. 2023, section 3.3).

    For each sentence (at least one) and each of its citations: does the cited text hold evidence for the question?
    ALCE asks a model of entailment whether the citations together support the sentence; here the question names its
    evidence, so a sentence is supported when any of its citations holds some.
    """
    return sum(any(citations) for citations in sentences) / len(sentences)


def citation_precision(sentences: Sequence[Sequence[bool]]) -> float:
    """The share of citations (at least one) that their sentence needs (ALCE: Gao et al. 2023, section 3.3).

    There a citation is wasted when it alone does not support its sentence and the others do without it, or when the
    sentence is not supported at all. With evidence instead of entailment both mean: it holds no evidence.
    """
    citations = [holds for sentence in sentences for holds in sentence]
    return sum(citations) / len(citations)


def confusion(pairs: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """How often each (expected, got) came."""
    return Counter(pairs)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed: one that was really measured
    (nearest rank). None without values."""
    return float(np.quantile(values, share, method="inverted_cdf")) if len(values) else None


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The chance that a positive case scores above a negative one, ties half: the area under the ROC curve (Hanley
    and McNeil 1982). None if either is empty."""
    if not len(positive) or not len(negative):
        return None
    one, two = np.asarray(positive)[:, None], np.asarray(negative)[None, :]
    return float((one > two).mean() + 0.5 * (one == two).mean())
