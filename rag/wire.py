"""The JSON that other programs rely on: a second, written-out form of the values, so that a renamed field never
breaks a reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from rag.errors import SettingsError
from rag.types import Answer, Citation, Hit, Turn

MAX_HISTORY = 50
MAX_LINE = 4 * 1024 * 1024  # bytes of one line of a batch
Id = str | int | float | None


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The number of each line that holds something, from 1, and its bytes: of a line that is too long the first
    MAX_LINE + 1, which `parse` refuses. Reads no further than the line it gives."""
    number = 0
    while raw := file.readline(MAX_LINE + 1):
        number += 1
        rest = raw
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE + 1)
        if raw.strip(b"\xef\xbb\xbf \t\r\n"):
            yield number, raw


def parse(line: bytes) -> Any:
    """A line as JSON in UTF-8. Raises SettingsError that says what is off."""
    if len(line) > MAX_LINE:
        raise SettingsError(f"the line is longer than {MAX_LINE:,} bytes", hint="ask a shorter question")
    try:
        return json.loads(line.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise SettingsError("the line is not UTF-8", hint="save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError("the line is no JSON", hint='write {"id", "question", "history"} on each line') from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if abs(value) != float("inf") else _refuse(text)


def dump(value: Mapping[str, Any]) -> str:
    """One line of JSON; it goes into a stream that writes half a surrogate pair as a backslash escape."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def answer_json(answer: Answer, id: Id) -> dict[str, Any]:
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


def search_json(question: str, language: str, hits: Sequence[Hit], id: Id) -> dict[str, Any]:
    """Hits as `rag search --json` and `rag batch --search-only` write them."""
    found = [{**_hit(hit), "text": hit.passage.text} for hit in hits]
    return {"id": id, "question": question, "language": language, "hits": found}


def _citation(citation: Citation) -> dict[str, Any]:
    names = ("number", "source", "title", "language", "start", "end", "quote", "translation")
    return {name: getattr(citation, name) for name in names}


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "source": hit.passage.source,
        "start": hit.passage.start,
        "end": hit.passage.end,
        "score": round(hit.score, 6),
        "dense_rank": hit.dense_rank,
        "lexical_rank": hit.lexical_rank,
    }


def error_json(error: Exception, line: int, id: Id) -> dict[str, Any]:
    """What stands in the place of an answer. Of an error that is not ours only the kind is told."""
    known = isinstance(error, SettingsError)
    return {"id": id, "error": {"line": line, "message": str(error) if known else f"failed: {type(error).__name__}"}}


def id_of(line: object, default: int) -> Id:
    """The id of an object of a batch as it is given, `default` where there is none. Raises SettingsError."""
    id = line.get("id", default) if isinstance(line, Mapping) else default
    if isinstance(id, bool) or not isinstance(id, Id):
        raise SettingsError("id is off", hint="give a text, a number, null or none at all")
    return id


def question_of(line: object) -> tuple[str, tuple[Turn, ...]]:
    """The question and history of one object of a batch. Raises SettingsError that says what is off."""
    if not isinstance(line, Mapping):
        raise SettingsError("the line is no JSON object", hint='write {"id", "question", "history"} on each line')
    question, history = line.get("question"), line.get("history")
    if not isinstance(question, str):
        raise SettingsError("question is missing or no text", hint='give "question": "..."')
    if history is not None and (not isinstance(history, list) or len(history) > MAX_HISTORY):
        raise SettingsError(
            f"history is no list of at most {MAX_HISTORY} turns", hint='give [{"role", "content"}, ...]'
        )
    return question, tuple(_turn(turn) for turn in history or ())


def _turn(turn: object) -> Turn:
    role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, Mapping) else (None, None)
    if role in ("user", "assistant") and isinstance(content, str):
        return Turn(role, content)
    raise SettingsError("a turn of the history is off", hint='give {"role": "user" or "assistant", "content": "..."}')


def pair_of(line: object) -> tuple[str, tuple[str, ...]]:
    """The sentence and the evidence of one object that `rag check` reads. Raises SettingsError."""
    hint = 'write {"id", "sentence", "evidence": [text, ...]} on each line'
    if not isinstance(line, Mapping):
        raise SettingsError("the line is no JSON object", hint=hint)
    sentence, evidence = line.get("sentence"), line.get("evidence")
    if not isinstance(sentence, str):
        raise SettingsError("sentence is missing or no text", hint=hint)
    if not isinstance(evidence, list) or not all(isinstance(text, str) for text in evidence):
        raise SettingsError("evidence is no list of texts", hint=hint)
    return sentence, tuple(evidence)


def claim_of(line: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The sentence and the evidence of one object of a check. Raises SettingsError that says what is off."""
    sentence, evidence = line.get("sentence"), line.get("evidence")
    if not isinstance(sentence, str) or not isinstance(evidence, list) or not all(isinstance(e, str) for e in evidence):
        raise SettingsError("sentence or evidence is off", hint='give {"id", "sentence": "...", "evidence": ["..."]}')
    return sentence, evidence
