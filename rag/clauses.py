"""The clauses of a sentence that can be held against alone: what is joined by "but", "so", "because" or a semicolon
says two things, and a sentence may say one of them.

Nothing is split where one clause limits the others: after "if", "unless", "not only", or when the sentence opens with
what all of it is said of ("In patients with ..., ...").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rag.claims import Claim, Unit, claimed
from rag.phrases import Word
from rag.types import Language

_JOINS = frozenset(("and", "contrast", "result", "cause", "despite", ",", ";", ":", "."))
_VERBAL = frozenset(("aux", "possible", "must", "will", "usual"))
#: Words at the beginning that hold for every clause.
_GOVERN = frozenset(("possible", "usual", "most", "some", "only", "negation", "if", "besides"))
_OPENING = frozenset(("scope", "with", "before", "after", "during", "without", "over", "under", "due"))
#: Languages whose clauses begin with the word that joins them.
_JOINT_FIRST = frozenset(("en", "fr"))
_STOPS = frozenset((",", ";", ":", "."))
#: Words after which a sentence goes on. Others join too and may stand last: "both", "what it is given for".
_OPEN: dict[Language, frozenset[str]] = {
    "en": frozenset(
        ("a", "an", "the", "and", "or", "nor", "if", "of", "with", "from", "than", "into", "as", "such as", "its",
         "his", "their")
    ),
    "fr": frozenset(
        ("le", "les", "l", "un", "une", "et", "ou", "ni", "si", "de", "du", "des", "d", "au", "aux", "dans", "chez",
         "leur", "leurs", "ses", "sa", "dont")
    ),
    "zh": frozenset("和与及或但而并把被将从向") | {"以及", "但是", "而且"},
    "tr": frozenset(("ve", "veya", "ya da", "ya", "ama", "ancak", "fakat", "hem")),
}  # fmt: skip
_LEAST = 2  # content words of a clause
#: Conjunctions among the words of cause; the others ("because of") take a noun.
_BECAUSE = frozenset(("because", "since", "car", "puisque", "parce que", "parce qu'", "因为", "cunku", "zira"))
#: Endings of Turkish nouns that are not the subject.
_CASE = re.compile(r"\w{3}(?:[iu]n[iu]n|[iu]n[iu]|s[iu]n[iu]|y[iu]|y?[ae]|n[dt]?[ae]|[dt][ae]n?)$")

#: Where one sentence was made of two; beyond the joints that stand in lists too must stand a verb.
_JOINT = re.compile(
    r"\s*[;；]\s*|,\s+(?:(?:and|but|while|whereas|although|though|which|et|mais|tandis que|alors que|bien que|qui|ve"
    r"|ama|ancak)\s+)?|\s+(?:and|but|et|mais|ve|ama)\s+|[，,]\s*(?:而且|并且|但是|而|但|并|且)?"
)
_LIST = re.compile(r"\s*(?:,|，|and|et|ve)?\s*")
_JOINTS = 8


def halves(sentence: str, words: Sequence[tuple[int, Word]], language: Language) -> Iterator[tuple[Claim, Claim]]:
    """The sentence as two, wherever it may have been made of two; `words` come after their places. "It" in the second
    is the subject of the first, which is also that of a second without its own."""
    for joint in list(_JOINT.finditer(sentence))[:_JOINTS]:
        first = claimed([word for at, word in words if at < joint.start()], language)
        second = claimed([word for at, word in words if at >= joint.end()], language)
        if second.is_open:
            second = second.about(first.topic)
        elif second.lacks_subject:
            second = second.after(first.topic)
        elif _LIST.fullmatch(joint[0]):
            continue
        if min(len(first.content), len(second.content)) > 1:
            yield first, second


def clauses(claim: Claim) -> Iterator[Claim]:
    """The clauses of a claim, each with the subject that it goes on with; none where they depend on each other."""
    runs = list(_runs(claim))
    if len(runs) < 2 or not all(_is_whole(run, claim) for run in runs) or _is_bound(claim):
        return
    governed = _opens_with_limit(claim)
    for number, run in enumerate(runs[:1] if governed else runs):
        made = _alone(run, claim, is_first=not number)
        if made is not None:
            yield made


def breaks_off(claim: Claim) -> bool:
    """Whether it ends in the middle: with a word after which more must come, or, where clauses begin with the word that
    joins them, with a "which" or "who" that goes on with no verb and nothing of its own (", which for some patients").
    """
    last = next((unit for unit in reversed(claim.units) if any(map(str.isalnum, unit.word.text))), None)
    if last is not None and last.word.text in _OPEN[claim.language] | _BECAUSE:
        return True
    if claim.language not in _JOINT_FIRST:
        return False
    relative = max((unit.number for unit in claim.units if unit.word.cue == "rel"), default=len(claim.units))
    rest = claim.units[relative + 1 :]
    return relative < len(claim.units) and not any(map(_says_something, rest))


def _says_something(unit: Unit) -> bool:
    return unit.word.cue in _VERBAL or unit.has("verb") or (bool(unit.word.keys) and not unit.has("light"))


def _runs(claim: Claim) -> Iterator[list[Unit]]:
    """Units of one clause after the other; brackets stay where they stand."""
    run: list[Unit] = []
    clause = -1
    for unit in claim.units:
        begins = not unit.place.is_aside and unit.place.clause != clause
        if (begins or unit.word.text in _BECAUSE) and any(one.word.keys for one in run):
            yield run
            run = []
        clause = clause if unit.place.is_aside else unit.place.clause
        run.append(unit)
    if any(unit.word.keys for unit in run):
        yield run


def _is_whole(run: Sequence[Unit], claim: Claim) -> bool:
    has_verb = claim.language == "tr" or any(unit.word.cue in _VERBAL or unit.has("verb") for unit in run)
    return has_verb and sum(bool(unit.word.keys) for unit in run) >= _LEAST


def _is_bound(claim: Claim) -> bool:
    return any(unit.place.is_condition or unit.word.cue in ("if", "besides") for unit in claim.units)


def _opens_with_limit(claim: Claim) -> bool:
    first = next((unit for unit in claim.units if unit.word.cue != "filler"), None)
    return first is not None and (
        first.word.cue in _GOVERN or first.word.cue in _OPENING or claim.content[0].place.marker in _OPENING
    )


def _alone(run: Sequence[Unit], claim: Claim, is_first: bool) -> Claim | None:
    """A clause as a claim; None where nothing says what its subject is."""
    words: list[Word] = [unit.word for unit in run]
    while words and words[0].cue in _JOINS:
        words.pop(0)
    made = Claim.of(words, claim.language)
    if is_first or not (made.is_open or _is_elided(made)):
        return made
    if not claim.topic:
        return None
    return made.about(claim.topic) if made.is_open else made.after(claim.topic)


def _is_elided(claim: Claim) -> bool:
    """Whether it goes on with the subject of the clause before."""
    if claim.language == "tr":
        return bool(claim.content) and bool(_CASE.search(claim.content[0].word.text))
    return claim.lacks_subject
