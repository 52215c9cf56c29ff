"""What can be seen wrong with a translation without understanding it, and how well a corpus is translated.

The rules are a net for slips, no proof of quality: they compare figures, negation, hedges, list labels, length and
language of a sentence and its translation. Cue words stand in `data/translation_cues.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.corpus import load_corpus, passages_of
from rag.language import detect, fold, is_traditional
from rag.split import sentences
from rag.translation_cues import answers, characters, demands, figures, hedges, number_words
from rag.translations import Key, Translations, key_of, load_translations
from rag.types import LANGUAGES, Language, Sentence, Source, Span

_HAN = re.compile("[\u3400-\u9fff]")
_COLON = r"(?:(?<!\d)[:：]|[:：](?!\d))(?!//)"  # not of "10:30", not of "https://"
_LABEL = re.compile(rf"[^:：.,;!?。，；！？、]{{1,80}}{_COLON}\s*\S")
_LABELLED = re.compile(rf"[^:：]{{1,200}}{_COLON}\s*\S")
_LENGTH_SLACK = 12  # characters of English; so little text may be put in twice as many words
_LENGTH_BOUNDS = (0.55, 1.75)
_NO_TRANSLATION_NEEDED = 3  # words: "Zhao Liang" and "Introduction" are the same in several languages


@dataclass(frozen=True, slots=True)
class Finding:
    """A translation to look at again: where its sentence stands, in which language, and why."""

    source: str
    start: int
    end: int
    language: Language
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`total` counts sentences and headings; `coverage` gives (translated, wanted) for each language, `drafted` how
    many of the translated a machine wrote and nobody reviewed. A stale row belongs to no sentence of the corpus as it
    is now; a broken one could not be read."""

    total: int
    coverage: Mapping[Language, tuple[int, int]]
    stale: tuple[str, ...] = ()
    suspicious: tuple[Finding, ...] = ()
    broken: tuple[str, ...] = ()
    drafted: Mapping[Language, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        flawless = not (self.stale or self.suspicious or self.broken)
        return flawless and all(done == wanted for done, wanted in self.coverage.values())


@dataclass(frozen=True, slots=True)
class _Side:
    """A sentence or its translation, as written and folded."""

    text: str
    folded: str
    language: Language

    @property
    def words(self) -> tuple[str, Language]:
        return self.folded, self.language


def report(corpus: Path) -> Report:
    """The state of a corpus's translations. Raises CorpusError when the folder holds no document."""
    translations = load_translations(corpus)
    spoken = {sentence: own for source in load_corpus(corpus).sources for sentence, own in spoken_in(source).items()}
    wanted = [(s, own, language) for s, own in spoken.items() for language in LANGUAGES if language != own]
    rows = [(s, own, language, translations.of(s, language)) for s, own, language in wanted]
    coverage = {
        language: (sum(row[2] == language and row[3] is not None for row in rows), sum(r[2] == language for r in rows))
        for language in LANGUAGES
    }
    findings = (
        Finding(s.source, s.start, s.end, language, tuple(reasons))
        for s, own, language, text in rows
        if text is not None and (reasons := suspicious(s, language, text, own))
    )
    made = [(key_of(s), language) for s, _, language, text in rows if text is not None]
    drafted = {
        language: sum(lang == language and language in translations.drafted.get(key, ()) for key, lang in made)
        for language in LANGUAGES
    }
    stale = tuple(_stale(translations, spoken))
    return Report(len(spoken), coverage, stale, tuple(findings), translations.broken, drafted)


def spoken_in(source: Source) -> dict[Sentence, Language]:
    """The kept sentences and headings of a document in order, and the language of each."""
    return {sentence: passage.language for passage in passages_of(source) for sentence in passage.sentences}


def _stale(translations: Translations, current: Mapping[Sentence, Language]) -> Iterator[str]:
    keys: set[Key] = {key_of(s) for s in current}
    places = {key[:3] for key in keys}
    files = {key[0] for key in keys}
    for key in translations.rows:
        if key in keys:
            continue
        why = "the sentence was changed" if key[:3] in places else "no sentence stands there"
        yield f"{key[0]} {key[1]}-{key[2]}: {why if key[0] in files else 'no such document'}"


def lines(found: Report) -> Iterator[str]:
    """The report as text for a terminal; the reader's next steps last."""
    yield f"{found.total} sentences and headings"
    for language, (done, wanted) in found.coverage.items():
        made = f", {drafts} machine-made, not reviewed" if (drafts := found.drafted.get(language, 0)) else ""
        yield f"  {language}  {done} of {wanted} translated" + (f" ({done / wanted:.0%})" if wanted else "") + made
    yield f"{len(found.suspicious)} suspicious, {len(found.stale)} stale, {len(found.broken)} unreadable"
    for finding in found.suspicious:
        yield f"  {finding.source} {finding.start}-{finding.end} {finding.language}: {'; '.join(finding.reasons)}"
    yield from (f"  {place}" for place in found.stale)
    yield from (f"  {place}: no JSON row with source, start, end, sha256" for place in found.broken)


def suspicious(
    sentence: Sentence, language: Language, translation: str, source_language: Language | None = None
) -> list[str]:
    """Why `translation` should be looked at again; empty when nothing was seen. `source_language` where it is known."""
    own = source_language or detect(sentence.text)
    source = _Side(sentence.text.strip(), fold(sentence.text.strip()), own)
    target = _Side(translation.strip(), fold(translation.strip()), language)
    return [reason for check in _CHECKS for reason in check(source, target)]


def _language(source: _Side, target: _Side) -> Iterator[str]:
    found = detect(target.text, default=target.language)
    same = source.folded == target.folded and source.language != target.language
    if target.language != "zh" and _HAN.search(target.text):
        yield "left in zh" if source.language == "zh" else "holds Chinese characters"
    elif (same or found != target.language) and len(re.findall(r"\w+", target.folded)) >= _NO_TRANSLATION_NEEDED:
        yield f"left in {source.language}" if same or found == source.language else f"reads as {found}"
    if target.language == "zh" and is_traditional(target.text):
        yield "in traditional characters"


def _numbers(source: _Side, target: _Side) -> Iterator[str]:
    wrote, writes = figures(*source.words), figures(*target.words)
    said, says = number_words(*source.words), number_words(*target.words)
    lost = {figure for figure in wrote - writes if figure not in says}
    added = {figure for figure in writes - wrote if figure not in said}
    # A number word alone is often idiom, so it only counts when another one stands in its place; "one" never does.
    gone, come = set((said - says) - writes) - {"1"}, set((says - said) - wrote) - {"1"}
    if lost or (gone and come):
        yield "number lost: " + ", ".join(sorted(lost | (gone if come else set())))
    if added:
        yield "number added: " + ", ".join(sorted(added))


def _negation(source: _Side, target: _Side) -> Iterator[str]:
    if demands("negation", *source.words) and not answers("negation", *target.words):
        yield "negation lost"
    if demands("negation", *target.words) and not answers("negation", *source.words):
        yield "negation added"


def _hedges(source: _Side, target: _Side) -> Iterator[str]:
    for kind in hedges():
        if demands(kind, *source.words) and not answers(kind, *target.words):
            yield f"hedge lost: {kind}"


def _structure(source: _Side, target: _Side) -> Iterator[str]:
    if _LABEL.match(source.text) and not _LABELLED.match(target.text):
        yield "label lost"
    if source.text.endswith((":", "：")) and not target.text.endswith((":", "：")):
        yield "colon before the list lost"
    if _count(target) > max(1, _count(source)):
        yield "more than one sentence"


def _count(side: _Side) -> int:
    return sum(1 for _ in sentences(side.text, Span(0, len(side.text)), side.language))


def _length(source: _Side, target: _Side) -> Iterator[str]:
    expected, found = characters(source.text, source.language), characters(target.text, target.language)
    low, high = _LENGTH_BOUNDS
    if found + _LENGTH_SLACK < low * expected or found - _LENGTH_SLACK > high * expected:
        yield f"length far off: {found / max(expected, 1):.0%} of what is usual"


_CHECKS: tuple[Callable[[_Side, _Side], Iterator[str]], ...] = (
    *(_language, _numbers, _negation),
    *(_hedges, _structure, _length),
)
