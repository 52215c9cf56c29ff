"""What stands around a sentence: what it cannot be read without, and what limits it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag.cite import Translate, shown
from rag.split import connective
from rag.types import Hit, Language, Sentence

Place = tuple[str, int]  # source and start

_CHAIN = 3  # how many sentences, itself included, may have to be read for one
_ANNOUNCED = 3  # items of a list that are read with the sentence that announces them
_ANNOUNCES = (":", "：")
_OPENING = 40  # UTF-8 bytes of a label at most; they weigh Latin and Chinese script alike
_QUOTED = re.compile('[«“"「『]([^«»“”"「」『』]+)[»”"」』]')


@dataclass(frozen=True, slots=True)
class Context:
    """The sentences of the hits by place, and by the place of a sentence what has to be read `after` it: the first that
    limits it ("However, ..."), and of the list that it announces the first items."""

    at: Mapping[Place, Sentence]
    language: Mapping[Place, Language]
    after: Mapping[Place, Sequence[Sentence]]

    @classmethod
    def of(cls, hits: Iterable[Hit]) -> Context:
        found = [(sentence, hit.passage.language) for hit in hits for sentence in hit.passage.sentences]
        at = {place(sentence): sentence for sentence, _ in found}
        limits, items = defaultdict[Place, list[Sentence]](list), defaultdict[Place, list[Sentence]](list)
        for sentence, language in found:
            if sentence.lead is None:
                continue
            leads = (sentence.source, sentence.lead)
            if connective(sentence.text, language) == "contrast":
                limits[leads].append(sentence)
            elif sentence.kind == "item" and leads in at and shown(at[leads]).endswith(_ANNOUNCES):
                items[leads].append(sentence)
        after = {leads: [*items[leads][:_ANNOUNCED], *limits[leads][:1]] for leads in (*items, *limits)}
        return cls(at, {place(sentence): language for sentence, language in found}, after)

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


def lists(sentences: Iterable[Sentence]) -> set[Place]:
    """The places of the sentences that announce the lists that these are items of."""
    return {(one.source, one.lead) for one in sentences if one.kind == "item" and one.lead is not None}


def reports(text: str) -> bool:
    """Whether a sentence holds another, quoted or after a long opening and a colon: "Some say: ..." does not say it."""
    opening, _, rest = text.replace("：", ":").partition(":")
    longest = max((len(quoted.encode()) for quoted in _QUOTED.findall(text)), default=0)
    return bool(rest.strip() and len(opening.encode()) > _OPENING) or longest > _OPENING
