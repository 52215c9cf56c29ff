"""The JSON that other programs rely on: a second, written-out form of the values, so that a renamed field never
breaks a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rag.errors import SettingsError
from rag.types import Answer, Citation, Hit, Turn

MAX_HISTORY = 50
Id = str | int | float | None


def answer_json(answer: Answer, id: Id = None) -> dict[str, Any]:
    """An answer as `rag ask --json` and `rag batch` write it."""
    return {
        "id": id,
        "question": answer.question,
        "language": answer.language,
        "outcome": answer.outcome,
        "engine": answer.engine,
        "prompt": answer.prompt,
        "text": answer.text,
        "sentences": [
            {"text": s.text, "citations": list(s.citations), "verdict": s.verdict, "support": s.support}
            for s in answer.sentences
        ],
        "citations": [_citation(citation) for citation in answer.citations],
        "passages": [_hit(hit) for hit in answer.hits],
        "withheld": answer.withheld,
        "guard": {"rule": answer.guard.rule, "reason": answer.guard.reason} if answer.guard else None,
        "timings_ms": {name: round(value, 3) for name, value in answer.timings_ms.items()},
    }


def search_json(question: str, language: str, hits: Sequence[Hit], id: Id = None) -> dict[str, Any]:
    """Hits as `rag search --json` and `rag batch --search-only` write them."""
    found = [{**_hit(hit), "text": hit.passage.text} for hit in hits]
    return {"id": id, "question": question, "language": language, "hits": found}


def _citation(citation: Citation) -> dict[str, Any]:
    names = ("number", "source", "title", "language", "start", "end", "quote", "translation")
    made = {"machine_made": True} if citation.is_machine_made else {}
    return {name: getattr(citation, name) for name in names} | made


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "source": hit.passage.source,
        "start": hit.passage.start,
        "end": hit.passage.end,
        "score": round(hit.score, 6),
        "dense_rank": hit.dense_rank,
        "lexical_rank": hit.lexical_rank,
    }


def question_of(line: object) -> tuple[str, tuple[Turn, ...]]:
    """The question and history of one object of a batch. Raises SettingsError that says what is off."""
    if not isinstance(line, Mapping):
        raise SettingsError("the line is no JSON object", hint='write {"id", "question", "history"} on each line')
    question, history = line.get("question"), line.get("history")
    if not isinstance(question, str):
        raise SettingsError("question is missing or no text", hint='give "question": "..."')
    if history is not None and (not isinstance(history, list) or len(history) > MAX_HISTORY):
        what = f"history is no list of at most {MAX_HISTORY} turns"
        raise SettingsError(what, hint='give [{"role", "content"}, ...]')
    return question, tuple(_turn(turn) for turn in history or ())


def _turn(turn: object) -> Turn:
    role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, Mapping) else (None, None)
    if role in ("user", "assistant") and isinstance(content, str):
        return Turn(role, content)
    raise SettingsError("a turn of the history is off", hint='give {"role": "user" or "assistant", "content": "..."}')


def claim_of(line: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The sentence and the evidence of one object of a check. Raises SettingsError that says what is off."""
    sentence, evidence = line.get("sentence"), line.get("evidence")
    if not isinstance(sentence, str) or not isinstance(evidence, list) or not all(isinstance(e, str) for e in evidence):
        raise SettingsError("sentence or evidence is off", hint='give {"id", "sentence": "...", "evidence": ["..."]}')
    return sentence, evidence
