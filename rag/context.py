"""What stands around a sentence: what it cannot be read without, and what limits it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rag.cite import Translate, shown
from rag.split import connective
from rag.types import Hit, Language, Sentence

Place = tuple[str, int]  # source and start

_CHAIN = 3  # how many sentences, itself included, may have to be read for one


@dataclass(frozen=True, slots=True)
class Context:
    """The sentences of the hits by place, and the first of those that limit another ("However, ...") by its place."""

    at: Mapping[Place, Sentence]
    language: Mapping[Place, Language]
    limits: Mapping[Place, Sentence]

    @classmethod
    def of(cls, hits: Iterable[Hit]) -> Context:
        found = [(sentence, hit.passage.language) for hit in hits for sentence in hit.passage.sentences]
        limits: dict[Place, Sentence] = {}
        for sentence, language in found:
            if sentence.lead is not None and connective(sentence.text, language) == "contrast":
                limits.setdefault((sentence.source, sentence.lead), sentence)
        at = {place(sentence): sentence for sentence, _ in found}
        return cls(at, {place(sentence): language for sentence, language in found}, limits)

    def chain(self, sentence: Sentence) -> list[Sentence]:
        """What must be read before a sentence, and it; empty where that cannot be shown."""
        chain = [sentence]
        while (lead := chain[0].lead) is not None and len(chain) <= _CHAIN:
            before = self.at.get((sentence.source, lead))
            if before is None:
                return []
            if before.kind == "heading":
                break
            chain.insert(0, before)
        return chain if len(chain) <= _CHAIN else []

    def lead(self, sentence: Sentence) -> Sentence | None:
        return self.at.get((sentence.source, sentence.lead)) if sentence.lead is not None else None


def place(sentence: Sentence) -> Place:
    return sentence.source, sentence.start


def readings(sentence: Sentence, context: Context, translate: Translate, language: Language) -> list[str]:
    """A sentence as it can be understood: after the one it hangs on, in its own language and in `language`."""
    lead = context.lead(sentence)
    texts: tuple[Callable[[Sentence], str], ...] = (shown, lambda one: translate(one, language) or "")
    found = []
    for text_of in texts:
        text, before = text_of(sentence), text_of(lead) if lead and lead.kind != "heading" else ""
        found += [f"{before} {text}".strip()] if text else []
    return found
