"""A question as retrieval and the guard see it: search keys, an English gloss, and the terms an answer must cover."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

from rag import answer_types
from rag.frequency import is_common, segment, specificity
from rag.language import fold, stopwords
from rag.lexical import tokens
from rag.split import sentences
from rag.tables import read_table
from rag.terms import Match, Terms
from rag.types import Language, Span

#: The kind of a term that says what about a thing is asked: its causes, its cost.
ASPECT = "aspect"
#: Kinds of the vocabulary that say how something is asked, not about what.
FORM_KINDS = frozenset({"question", "conversation"})
#: Kinds that a title says once for a whole page: the disease, its stage and place.
SUBJECT_KINDS = frozenset({"cancer", "precancer", "disease", "stage", "anatomy", "kind"})
#: Kinds that make a question one about medicine; the order says which kind a word of several meanings is taken for.
TOPIC_KINDS = (
    "cancer", "treatment", "cancer_drug", "drug", "drug_class", "side_effect", "symptom", "stage", "disease",
    "precancer", "anatomy", "laboratory", "procedure", "device", "testing", "vaccine", "pathogen", "hormone",
    "end_of_life",
)  # fmt: skip
_STORY_KINDS = ("cancer", "treatment", "stage", "care")  # what a question takes over from the story told before it
_RARE = 0.95  # of `specificity`: hardly more than once in a million words
_NAME = re.compile(r"[^\W\d_][^\W_]*(?:[-'][^\W_]+)*|\d+(?:[.,]\d+)*")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LONG = {"zh": 60, "en": 40, "fr": 40, "tr": 30}  # words (characters in Chinese) from which a message is a story


@dataclass(frozen=True, slots=True)
class Term:
    """Something the question is about. A text covers it by holding any of `keys`. `kind` is the vocabulary's
    (cancer, drug, verb, ...), or `aspect`; for what the vocabulary does not know it is `name`, `number`, `rare` or
    `word`. What a name is put together from (`parts`) covers it as well where all of it is there: "cancers of the
    bladder" speaks of bladder cancer. A word is not `sure` to be of its kind where it has an everyday meaning as well:
    a round of chemotherapy, a round table. `kin` are keys of what may stand for it: to destroy, to eradicate."""

    surface: str
    keys: frozenset[str]
    kind: str
    parts: tuple[frozenset[str], ...] = ()
    sure: bool = True
    kin: frozenset[str] = frozenset()
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is the question as understood, `gloss` what is embedded: for an English-only model an English gloss.
    `asks_number` says that only a figure answers it: how many, how long, what percentage; beside it stands one of
    `unit`, if any. Of a question that leans on what was said before, `now` is the message alone and `echo` the message
    with what the last answer names: where that answer is spoken of, its topic need not be the question's before."""

    text: str
    language: Language
    keys: tuple[str, ...]
    gloss: str
    terms: tuple[Term, ...]
    asks_number: bool = False
    unit: frozenset[str] = frozenset()
    now: Query | None = None
    echo: Query | None = None


def leaning(whole: Query, now: Query, typed: Query, *, is_replaced: bool) -> Query:
    """`whole` with its terms marked that the message itself does not name: they say of what, the message says what.
    One that puts a name in another's place (`is_replaced`) keeps the aspect that was asked for. `now` is the message
    with names for its pronouns, `typed` without: "does it hurt" asks for an aspect, "does surgery hurt" names pain."""
    asked = [term for term in typed.terms if term.kind == ASPECT]
    whole = replace(whole, terms=tuple({t.keys: t for t in (*whole.terms, *asked)}.values()))
    new = frozenset().union(*(term.keys for term in (*now.terms, *asked)))
    if not any(term.keys & new for term in whole.terms):
        return whole
    terms = (t if t.keys & new or (is_replaced and t.kind == ASPECT) else replace(t, carried=True) for t in whole.terms)
    asking = now if now.asks_number or not is_replaced else whole
    return replace(whole, terms=tuple(terms), asks_number=asking.asks_number, unit=asking.unit, now=now)


def understand(text: str, language: Language, terms: Terms, *, english: bool = True, whole: bool = False) -> Query:
    """Words the vocabulary does not know are taken for misspelt ones where one known word is near. A long message is
    searched for its question, and for the subjects that the rest of it names; not where the `whole` of it counts."""
    mended = mend(text if whole else focus(text, language, terms), language, terms)
    matches = _matches(mended, language, terms)
    gloss = terms.gloss(mended, language) if english and language != "en" else mended
    about = [match for match in matches if kind_of(match, terms) not in FORM_KINDS]
    wanted = [
        *_asked(mended, matches),
        *_named(mended, matches, terms),
        *_concepts(mended, language, about, terms),
        *_words(mended, language, matches),
    ]
    unique = tuple({term.keys: term for term in reversed(wanted)}.values())[::-1]
    keys = [*tokens(mended, language), *(f"#{match.concept}" for match in about)]
    number, unit = answer_types.asks_number(matches), answer_types.unit(mended, matches)
    return Query(mended, language, tuple(keys), gloss, unique, number, unit)


def _matches(text: str, language: Language, terms: Terms) -> list[Match]:
    """What the text names, the longest name at each place; of a question ("what are the symptoms") also what is
    asked about (symptoms). Function words name nothing."""
    longest = terms.find(text, language)
    form = [match for match in longest if kind_of(match, terms) in FORM_KINDS]
    asking = [match for match in form if kind_of(match, terms) == "question"]
    parts = [m for m in terms.find(text, language, parts=True) if kind_of(m, terms) not in FORM_KINDS] if asking else []
    inner = [part for part in parts if _inside(part, asking) and not _inside(part, parts)]
    found = sorted({*longest, *inner}, key=lambda match: (match.start, match.end, match.concept))
    return [m for m in found if m in form or fold(text[m.start : m.end]) not in stopwords(language)]


def _inside(match: Match, others: Sequence[Match]) -> bool:
    """Whether a longer one of `others` holds the match."""
    size = match.end - match.start
    return any(o.start <= match.start and match.end <= o.end and size < o.end - o.start for o in others)


def focus(text: str, language: Language, terms: Terms) -> str:
    """Of a message that tells and asks, what it asks, after the cancers, treatments and stages that only the rest
    names. Of a long one that asks nothing, its last sentence that names a topic."""
    parts = [span.cut(text) for line in _lines(text) for span in sentences(text, line, language)]
    asked = [part for part in parts if part.rstrip("\"'”’»」』) ").endswith(("?", "？"))]
    topical = [part for part in asked if _topics(part, language, terms)]
    size = len(_HAN.findall(text)) if language == "zh" else len(text.split())
    if size < _LONG[language] and (len(asked) == len(parts) or not topical):
        return text
    if asked and not topical and (first := parts.index(asked[0])):
        asked = [parts[first - 1], *asked]  # "Is there anything in that?"
    asked = asked or [part for part in parts if _topics(part, language, terms)][-1:] or parts[-1:]
    told = " ".join(part for part in parts if part not in asked)
    named = {kind for part in asked for _, kind in _topics(part, language, terms)}
    subjects = (name for name, kind in _topics(told, language, terms, _STORY_KINDS) if kind not in named)
    return " ".join([*dict.fromkeys(subjects), *asked])


def _topics(text: str, language: Language, terms: Terms, kinds: Sequence[str] = TOPIC_KINDS) -> list[tuple[str, str]]:
    """What of medicine a text names, with its kind."""
    matches = ((text[match.start : match.end], kind_of(match, terms)) for match in terms.find(text, language))
    return [(name, kind) for name, kind in matches if kind in kinds]


def _lines(text: str) -> Iterator[Span]:
    return (Span(match.start(), match.end()) for match in re.finditer(r"[^\r\n]+", text))


def kind_of(match: Match, terms: Terms) -> str:
    return terms.concepts[match.concept].kind


def mend(text: str, language: Language, terms: Terms) -> str:
    """`text` with misspelt words replaced by the known word they are nearest to; one that people use stays."""
    if language == "zh":
        return text
    return re.sub(r"[^\W\d_]{5,}", lambda match: _mended(match.group(), language, terms), text)


def _mended(word: str, language: Language, terms: Terms) -> str:
    return word if is_common(word, language) else terms.near(word, language) or word


@cache
def _aspects() -> Mapping[str, frozenset[str]]:
    """For each concept that asks for an aspect, the keys of which a text that speaks of it holds one."""
    rows = read_table("aspects.yaml").values()
    held = ((row, frozenset(f"#{concept}" for concept in (*row["asked"], *row["held"]))) for row in rows)
    return {concept: keys for row, keys in held for concept in row["asked"]}


@cache
def _kin() -> Mapping[str, frozenset[str]]:
    """For each concept those that may stand for it: a tumour is destroyed, eradicated, wiped out."""
    kin = defaultdict[str, set[str]](set)
    for ring in read_table("kin.yaml")["rings"]:
        for concept in ring:
            kin[concept].update(ring)
    return {concept: frozenset(ring) for concept, ring in kin.items()}


def _asked(text: str, matches: Sequence[Match]) -> Iterator[Term]:
    """The aspects that the question asks for: causes, costs, side effects."""
    meanings = Counter((match.start, match.end) for match in matches)
    for match in matches:
        if match.concept in _aspects() and meanings[match.start, match.end] == 1:
            yield Term(text[match.start : match.end], _aspects()[match.concept], ASPECT)


def _named(text: str, matches: Sequence[Match], terms: Terms) -> Iterator[Term]:
    """What it asks the names of: which drugs."""
    for surface, keys in answer_types.names(text, matches, terms):
        yield Term(surface, keys, ASPECT)


def _concepts(text: str, language: Language, matches: Sequence[Match], terms: Terms) -> Iterator[Term]:
    """One term for each place: where a name has several meanings, any of them covers it."""
    for (start, end), group in groupby(matches, key=lambda match: (match.start, match.end)):
        meanings = list(group)
        if len(meanings) == 1 and meanings[0].concept in _aspects():
            continue
        kinds = sorted((kind_of(match, terms) for match in meanings), key=_priority)
        surface = tokens(text[start:end], language)
        own = surface if len(surface) == 1 else []  # of "breast cancer" each word alone is something else
        parts = terms.parts(meanings[0].concept) if len(meanings) == 1 else ()
        whole = frozenset([*(f"#{match.concept}" for match in meanings), *own])
        kin = frozenset(f"#{other}" for match in meanings for other in _kin().get(match.concept, ())) - whole
        sure = len({kind in TOPIC_KINDS for kind in kinds}) == 1
        yield Term(text[start:end], whole, kinds[0], tuple(frozenset([f"#{part}"]) for part in parts), sure, kin)


def _priority(kind: str) -> int:
    return TOPIC_KINDS.index(kind) if kind in TOPIC_KINDS else len(TOPIC_KINDS)


def _words(text: str, language: Language, matches: Sequence[Match]) -> Iterator[Term]:
    """What the vocabulary does not know: names, words and figures."""
    taken = {position for match in matches for position in range(match.start, match.end)}
    rest = "".join("\n" if position in taken else char for position, char in enumerate(text))
    for found in _NAME.finditer(rest):
        word, keys = found.group(), tokens(found.group(), language)
        if fold(word) in stopwords(language) or not keys:
            continue
        if _HAN.search(word):
            yield from _chinese(word)
        elif len(word) > 1:
            yield Term(word, frozenset(keys), _kind(word, rest[: found.start()], language))


def _chinese(run: str) -> Iterator[Term]:
    """The words of what is left of a run, without its function words."""
    for word in segment(fold(run)):
        if len(word) > 1 and word not in stopwords("zh"):
            yield Term(word, frozenset(tokens(word, "zh")), _rarity(word, "zh"))


def _kind(word: str, before: str, language: Language) -> str:
    if word[0].isdigit():
        return "number"
    opens = not before.strip(" \"'“«(") or before.rstrip().endswith((".", "?", "!"))
    return "name" if word[0].isupper() and not opens else _rarity(word, language)


def _rarity(word: str, language: Language) -> str:
    return "rare" if specificity(word, language) >= _RARE else "word"
