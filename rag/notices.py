"""Everything the assistant itself says, in four languages, as data: `data/<language>/notices.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.tables import read_table
from rag.types import LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class Notices:
    """`texts` by language and dotted key; `numbers` the emergency numbers by kind and language."""

    texts: Mapping[Language, Mapping[str, str]]
    numbers: Mapping[str, Mapping[Language, Sequence[str]]]

    def say(self, keys: Sequence[str], language: Language, **values: str) -> str:
        """The notice of the first of `keys` that there is, or of the first's group: "declined.generic" for
        "declined.worry". Its {braces} are filled with `values` and the emergency numbers. KeyError without any."""
        texts = self.texts[language]
        wanted = [*keys, *(f"{key.split('.')[0]}.generic" for key in keys)]
        key = next((key for key in wanted if key in texts), wanted[0])
        kind = key.split(".")[-1]
        numbers = self.numbers.get(kind, self.numbers["body"])[language]
        return texts[key].format_map({"numbers": "\n".join(f"- {number}" for number in numbers), **values})

    def name(self, language: Language, reader: Language) -> str:
        """What `language` is called in the reader's."""
        return self.texts[reader][f"languages.{language}"]


def load_notices() -> Notices:
    numbers = read_table("emergency_numbers.yaml")
    return Notices({language: _texts(language) for language in LANGUAGES}, numbers)


def _texts(language: Language) -> Mapping[str, str]:
    data = read_table(language, "notices.yaml")
    nested = {f"{group}.{name}": text for group, v in data.items() if isinstance(v, dict) for name, text in v.items()}
    return {**{key: text for key, text in data.items() if isinstance(text, str)}, **nested}
