"""A sentence of a model in a language that no words of ours can judge: a second call of the model may, and only where
nothing that shows in any language speaks against the sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.check import Check, Judge
from rag.language import detect, fold
from rag.terms import Terms
from rag.types import Language
from rag.vetoes import UNJUDGED
from rag.wording import numbers

_NAMED = ("drug", "cancer_drug", "marker")  # kinds of concepts whose names are much the same in all languages
_SUPPORT = 0.5  # nothing was measured
_SPOKEN: tuple[Language, ...] = ("en", "fr", "tr")  # whose names of drugs other languages in Latin letters share
_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?<![A-Za-z]-)[0-9]+(?:[.,٫٬][0-9]+)*")  # not that of a name: HER2, PD-L1
_MEASURE = re.compile(
    r"([0-9]+(?:[.,٫٬][0-9]+)*)\s?"
    r"(%|‰|°C|[mc]?Gy|[MGk]?Bq|[mkµμ]?g(?:/[a-zA-Z]+)?|mcg|ng|[mdµμ]?[lL]|[cmkµμ]m|mmHg|IU)(?![^\W\d_])"
)
_ROMAN = {"II": "2", "III": "3", "IV": "4", "VI": "6", "VII": "7", "VIII": "8"}
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*|[0-9]+-?[A-Za-z][A-Za-z0-9]*")
_SIGN = re.compile(r"[A-Z].*[A-Z]|[A-Za-z]-?[0-9]")  # of a gene, a marker, a method: HER2, PD-L1, EGFR
#: Stems of international nonproprietary names (WHO, "The use of stems in the selection of INN").
_STEM = re.compile(
    r"[a-z]{2,}(?:mab|tinib|rafenib|ciclib|parib|zomib|platin|taxel|rubicin|limus|citabin|trexed|trexat|tecan"
    r"|fosfamid|mustin|tuzumab|relin|lutamid|trozol)"
)
_SCRIPT_SHARE = 0.5  # of the letters: a text with fewer in Latin letters is written in another script


@dataclass(frozen=True, slots=True)
class Unspoken:
    """`opinion` is the second call, None where it is not wanted: then nothing passes. Used by many threads."""

    terms: Terms
    opinion: Judge | None = None

    def check(self, sentence: str, evidence: Sequence[str]) -> Check:
        """Whether the texts together carry the sentence. The second call is asked once, and last."""
        if reason := self.against(sentence, evidence):
            return Check("unsupported", 0.0, reason)
        if self.opinion is None:
            return Check("unsupported", 0.0, f"{UNJUDGED}: in a language that is not known")
        if not self.opinion(sentence, "\n".join(evidence)):
            return Check("unsupported", 0.0, "not carried, by the second opinion")
        return Check("supported", _SUPPORT, "judged by the second opinion", tuple(evidence))

    def against(self, sentence: str, evidence: Sequence[str]) -> str | None:
        """What speaks against it in any language: numbers, units and names that the texts do not have."""
        mine, texts = plain_digits(sentence), [plain_digits(text) for text in evidence]
        held = {figure for text in texts for figure in _figures(text)}
        held |= numbers(match.concept for text in texts for match in self.terms.find(text, detect(text), parts=True))
        if strange := set(_figures(mine)) - held:
            return f"number not in the evidence: {', '.join(sorted(strange))}"
        if strange := set(_measures(mine)) - {measure for text in texts for measure in _measures(text)}:
            return f"unit not in the evidence: {', '.join(sorted(strange))}"
        names = self.unnamed(mine, texts)
        return f"not named in the evidence: {', '.join(names)}" if names else None

    def unnamed(self, text: str, others: Sequence[str]) -> list[str]:
        """The names in Latin letters of drugs, genes and the like in `text` that none of the others has."""
        letters = fold(" ".join(others))
        known = {match.concept for other in others for match in self.terms.find(other, detect(other))}
        drugs = {
            text[match.start : match.end]: match.concept
            for language in _SPOKEN
            for match in self.terms.find(text, language)
            if self.terms.concepts[match.concept].kind in _NAMED
        }
        strange = [name for name, concept in drugs.items() if concept not in known and fold(name) not in letters]
        is_latin = _share_of_latin(text) >= _SCRIPT_SHARE
        for name in _LATIN.findall(text):
            stem = _STEM.match(fold(name))
            part = stem[0] if stem else fold(name)
            is_name = (stem or _SIGN.search(name) or not is_latin) and len(name) > 1 and name not in _ROMAN
            if is_name and part not in letters and drugs.get(name) not in known:
                strange.append(name)
        return list(dict.fromkeys(strange))


def plain_digits(text: str) -> str:
    """Without format characters, digits of all scripts as ours; a raised figure stays what it is."""
    shown = (char for char in unicodedata.normalize("NFC", text) if unicodedata.category(char) != "Cf")
    return "".join(str(unicodedata.decimal(char, char)) for char in shown)


def _number(text: str) -> str:
    return re.sub("[,٫٬]", ".", text)


def _figures(text: str) -> Iterator[str]:
    """Numbers, Roman ones of two letters or more, and raised figures and fractions as they stand."""
    yield from map(_number, _NUMBER.findall(text))
    yield from (_ROMAN[name] for name in _LATIN.findall(text) if name in _ROMAN)
    yield from (char for char in text if unicodedata.category(char) in ("No", "Nl"))


def _measures(text: str) -> Iterator[str]:
    for number, unit in _MEASURE.findall(text):
        yield f"{_number(number)} {unit.replace('μ', 'µ').replace('L', 'l')}"


def _share_of_latin(text: str) -> float:
    letters = [char for char in text if char.isalpha()]
    return sum("LATIN" in unicodedata.name(char, "") for char in letters) / max(1, len(letters))
