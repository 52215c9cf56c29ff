"""What a reader sees of an answer: escaping, layouts, the panel's three cuts, the whole document, the words."""

from __future__ import annotations

import colorsys
import html
import json
import re
import string
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag import source_page, view
from rag.corpus import load_corpus
from rag.escape import escape
from rag.excerpt import REACH, kept_runs, link, panel
from rag.labels import CHAINLIT_TAGS, Labels, labels_for, labels_of, preferred
from rag.types import Answer, AnswerSentence, Citation, Hit, Passage, Source, Span

SEEDS = {source.name: source for source in load_corpus(Path("seeds")).sources}
FRENCH = next(source for source in SEEDS.values() if source.language == "fr")
CHINESE = next(source for source in SEEDS.values() if source.name.startswith("004"))
ENGLISH = next(source for source in SEEDS.values() if source.name.startswith("000"))
HOSTILE = (
    "![pixel](http://tracker.example/p.png) **bold** and [link](http://evil.example)",
    "<img src=x onerror=alert(1)> <script>alert(1)</script> &lt;b&gt; &amp;",
    "http://bare.example/x?y=1 www.bare.example/z someone@bare.example",
    "# heading",
    "> quote",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "---",
    "===",
    "    code",
    "\tcode",
    "```\ncode\n```",
    "a | b\n--- | ---\n1 | 2",
    "~~gone~~ ^up^ ==mark==",
    "$x^2$ and $$y$$ \\(z\\) \\[w\\]",
    ":::danger\nboo\n:::",
    ":name[text]{#id .class} ::leaf[text] :emoji:",
    "[1] and [2]: http://x.example [^1]",
    "[x]: http://ref.example 'title'",
    "\u202eright to left\u202c \u200bcursor\u200b \ufeff",
    "a\\*b\\",
    "line one  \nline two\\\nline three",
    "&#x3c;b&#x3e;",
    "javascript:alert(1) data:text/html,x file:///etc/passwd",
    "HTTPS://UPPER.EXAMPLE WWW.UPPER.EXAMPLE",
)


def shown(text: str) -> str:
    """What `escape` promises to show: white space folded, invisible controls gone."""
    return " ".join(
        re.sub("[\x00-\x08\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", "", text).split()
    )


def rendered(markdown: str) -> str:
    """The text of a Markdown that is nothing but one paragraph of text, joiners taken out again."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], markdown
    inside = tokens[1].children or []
    assert {token.type for token in inside} <= {"text", "text_special"}, markdown
    return "".join(token.content for token in inside).replace("\u2060", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself(text: str) -> None:
    assert rendered(escape(text)) == shown(text)


@given(st.text(st.sampled_from(string.punctuation + " \n\taB1é中。\u200b\u202e&#"), min_size=1, max_size=60))
def test_any_text_renders_as_itself(text: str) -> None:
    if shown(text):
        assert rendered(escape(text)) == shown(text).replace("\u2060", "")


@given(st.text(max_size=80))
def test_an_escaped_text_holds_no_chip_and_no_bare_address(text: str) -> None:
    done = escape(f"{text} [1] http://a.example www.a.example b@a.example")
    assert not re.search(r"(?<!\\)\[\d+\]", done)
    assert not re.search(r"//[-.\w]|www\.|@[-\w]", done)


@pytest.mark.parametrize("source", SEEDS.values(), ids=lambda s: s.name)
def test_ordinary_sentences_are_left_as_they_are(source: Source) -> None:
    """Readers copy answers: a sentence without Markdown characters gets no backslash."""
    for line in source.text.splitlines():
        if not re.search(r"[\\`*_\[\]<~|$&@:/]|www", line) and not re.match(r"\s*([-+>#=]|\d+[.)])", line):
            assert escape(line) == shown(line)


def sentence_of(source: Source, start: int, end: int, number: int = 1) -> tuple[AnswerSentence, Citation]:
    quote = source.text[start:end]
    citation = Citation(number, source.name, source.title, source.language, start, end, quote)
    return AnswerSentence(" ".join(quote.split()), (number,), "verbatim", 1.0), citation


def answer_of(*pairs: tuple[AnswerSentence, Citation], language: str = "en", notice: str = "") -> Answer:
    text = " ".join(f"{s.text} " + " ".join(f"[{n}]" for n in s.citations) for s, _ in pairs)
    return Answer(
        question="?",
        language=language,  # type: ignore[arg-type]
        outcome="answered",
        engine="extractive",
        prompt="plain",
        text=f"{text}\n\n{notice}" if notice else text,
        sentences=tuple(s for s, _ in pairs),
        citations=tuple(c for _, c in pairs),
    )


def span_of(source: Source, words: str) -> tuple[int, int]:
    start = source.text.index(words)
    return start, start + len(words)


PLAIN = sentence_of(
    ENGLISH, *span_of(ENGLISH, "Combining both radiotherapy and chemotherapy often yields better results")
)
FOREIGN = sentence_of(
    FRENCH, *span_of(FRENCH, "La chimiothérapie, par son action sur les cellules cancéreuses"), number=2
)
MIXED = answer_of(PLAIN, FOREIGN, notice="Please ask your care team.\n- What does [2] mean for me?")


def test_prose_is_one_paragraph_with_chips_then_notices_then_sources() -> None:
    blocks = view.markdown(MIXED, labels_for("en")).split("\n\n")
    assert blocks[0] == f"{PLAIN[0].text} [1] {FOREIGN[0].text} [2]"
    assert blocks[1:3] == ["Please ask your care team.", "- What does [2] mean for me?"]
    assert blocks[3] == "---"
    assert blocks[4] == "**Sources**"
    assert f"- [1] **{escape(ENGLISH.title)}** · *{escape(ENGLISH.name)}* · English" in blocks[5]
    assert f"- [2] **{escape(FRENCH.title)}** · *{escape(FRENCH.name)}* · French" in blocks[5]


def test_the_four_layouts_differ() -> None:
    layouts = {
        layout: view.markdown(MIXED, labels_for("en"), layout=layout)
        for layout in ("prose", "list", "quotes", "by_source")
    }
    assert len(set(layouts.values())) == 4
    assert f"- {PLAIN[0].text} [1]" in layouts["list"]
    assert f"> {PLAIN[0].text} [1]" in layouts["quotes"]
    assert layouts["by_source"].index(escape(ENGLISH.name)) < layouts["by_source"].index(PLAIN[0].text)
    assert layouts["by_source"].index(PLAIN[0].text) < layouts["by_source"].index(escape(FRENCH.name))
    assert "**Sources**" not in layouts["by_source"]


def test_a_translated_sentence_is_said_to_be_and_shows_its_original_where_wanted() -> None:
    sentence, citation = FOREIGN
    translated = replace(sentence, text="Chemotherapy slows the growth of metastases.", verdict="translated")
    answer = answer_of((translated, replace(citation, translation=translated.text)))
    plain = view.markdown(answer, labels_for("en"))
    assert "[2] translated; the original is in French." in plain
    assert citation.quote not in plain
    for text in (
        view.markdown(answer, labels_for("en"), layout="quotes"),
        view.markdown(answer, labels_for("en"), show_original=True),
    ):
        assert f"> {escape(citation.quote)} *(Original, French)*" in text


@pytest.mark.parametrize("tag", CHAINLIT_TAGS)
def test_a_translation_nobody_has_reviewed_is_said_to_be_a_machines(tag: str) -> None:
    labels, (sentence, citation) = labels_for(tag), FOREIGN
    seen = replace(citation, number=1, translation="Seen.")
    made = replace(citation, translation="Made.", is_machine_made=True, start=citation.start + 1)
    answer = answer_of(
        (replace(sentence, text="Seen.", verdict="translated", citations=(1,)), seen),
        (replace(sentence, text="Made.", verdict="translated"), made),
    )
    values = {"language": labels.name_of("fr")}
    text = view.markdown(answer, labels)
    assert labels.say("answer.translated", numbers="[1]", **values) in text
    assert labels.say("answer.machine_translated", numbers="[2]", **values) in text
    marks = [panel["translationLabel"] for panel in view.panels(answer, SEEDS, labels)]
    assert marks == [labels.say("panel.translation"), labels.say("panel.machine_translation")]
    assert [line.endswith("(fr)") for line in view.sources_text(answer).splitlines()] == [True, False]


@pytest.mark.parametrize("layout", ["prose", "by_source"])
def test_a_document_cited_in_two_languages_is_listed_once_with_both(layout: str) -> None:
    sentence, citation = PLAIN
    other = replace(citation, number=2, language="zh", start=citation.start + 1)
    answer = answer_of(PLAIN, (replace(sentence, citations=(2,)), other))
    text = view.markdown(answer, labels_for("fr"), layout=layout)
    assert text.count(f"*{escape(ENGLISH.name)}* · anglais, chinois") == text.count(escape(ENGLISH.name)) == 1


def test_numbers_in_documents_are_no_chips() -> None:
    quote = "Survival improved in two trials [1] and [7]."
    source = Source("refs.txt", quote, "", "en", "Trials")
    answer = answer_of(sentence_of(source, 0, len(quote)))
    text = view.markdown(answer, labels_for("en"))
    assert r"Survival improved in two trials \[1\] and \[7\]. [1]" in text
    assert text.count("[1]") == 2  # the chip, and the same chip in the list of sources


def test_what_was_left_out_is_counted_and_a_refusal_has_no_rule() -> None:
    assert "left out or replaced: 3." in view.markdown(replace(MIXED, withheld=3), labels_for("en"))
    refusal = replace(answer_of(), text="The documents do not say that.", outcome="not_in_corpus")
    assert view.markdown(refusal, labels_for("en")) == "The documents do not say that."


def test_an_emergency_stands_out_and_comes_first() -> None:
    answer = replace(answer_of(), text="Call for help now.\n- 112 in Europe", outcome="emergency")
    assert view.markdown(answer, labels_for("en")) == "**Call for help now.**\n\n- 112 in Europe"


def test_the_passages_found_show_scores_and_ranks() -> None:
    passage = Passage(ENGLISH.name, 0, 300, ENGLISH.text[:300], ENGLISH.title, "", "en")
    text = view.passages([Hit(passage, 0.734, 2, None), Hit(passage, 0.5, None, 1)], labels_for("fr"))
    assert text.startswith("1. **pertinence 0.73, par le sens n° 2** · ")
    assert "2. **pertinence 0.50, par les mots n° 1**" in text
    assert text.count("· anglais\n") == 2


def test_the_panel_does_not_end_on_the_label_of_the_next_item() -> None:
    source = next(source for source in SEEDS.values() if source.name.startswith("001"))
    quote = "Participation in clinical trials may be an option for some patients with stage 4 mesothelioma."
    after = panel(sentence_of(source, *span_of(source, quote))[1], SEEDS)[2]
    assert after.rstrip().endswith("to relieve symptoms.")


@st.composite
def cited_spans(draw: st.DrawFn) -> tuple[Source, int, int]:
    source = draw(st.sampled_from(sorted(SEEDS.values(), key=lambda s: s.name)))
    run = draw(st.sampled_from(kept_runs(source)))
    start = draw(st.integers(run.start, run.end - 1))
    return source, start, draw(st.integers(start + 1, min(run.end, start + 600)))


@given(cited_spans())
def test_the_panel_is_three_neighbouring_cuts_of_the_source(cited: tuple[Source, int, int]) -> None:
    source, start, end = cited
    before, quote, after = panel(sentence_of(source, start, end)[1], SEEDS)
    assert quote == source.text[start:end]
    assert before == source.text[start - len(before) : start]
    assert after == source.text[end : end + len(after)]
    assert len(before) <= REACH
    assert len(after) <= REACH


@given(cited_spans())
def test_the_panel_shows_no_furniture(cited: tuple[Source, int, int]) -> None:
    source, start, end = cited
    around = "".join(panel(sentence_of(source, start, end)[1], SEEDS))
    for words in ("Login is required", "成人av", "İçeriğe", "official website", "Dot gov", "YoungAtHeart"):
        assert words not in around


def test_the_panel_gives_the_quote_alone_when_the_source_is_gone_or_has_changed() -> None:
    citation = PLAIN[1]
    assert panel(citation, {}) == ("", citation.quote, "")
    changed = replace(ENGLISH, text="x" + ENGLISH.text)
    assert panel(citation, {ENGLISH.name: changed}) == ("", citation.quote, "")


def test_panels_carry_everything_their_element_shows() -> None:
    (props, foreign) = view.panels(MIXED, SEEDS, labels_for("tr"), root="/base")
    assert props["before"] + props["cited"] + props["after"] in ENGLISH.text
    assert props["link"] == f"/base/sources/{ENGLISH.name}?start={PLAIN[1].start}&end={PLAIN[1].end}#cited"
    assert (foreign["language"], foreign["lang"], foreign["readerLang"]) == ("Fransızca", "fr", "tr")
    used = set(re.findall(r"props\.(\w+)", Path("public/elements/citation.jsx").read_text(encoding="utf-8")))
    assert used <= set(props)


def test_a_link_quotes_the_name() -> None:
    citation = replace(PLAIN[1], source="a b/ç?#.txt")
    assert link(citation).startswith("/sources/a%20b/%C3%A7%3F%23.txt?start=")


def text_of(page: str) -> str:
    body = re.search(r'<div class="text"[^>]*>(.*)</div></main>', page, re.DOTALL)
    assert body
    return html.unescape(re.sub(r"<[^>]+>", "", body.group(1)))


@pytest.mark.parametrize("source", SEEDS.values(), ids=lambda s: s.name)
def test_the_source_page_holds_the_whole_document_unchanged(source: Source) -> None:
    run = kept_runs(source)[0]
    page = source_page.document(source, Span(run.start, run.start + 40), labels_for("en"))
    assert text_of(page) == source.text
    assert f'<div class="text" lang="{source.language}">' in page
    assert "<script" not in page


def test_the_source_page_marks_the_cited_span_across_borders() -> None:
    source = Source("x.txt", "One <b>sentence</b> & more.\r\nAnother sentence stands here in full.", "", "en", "<T>")
    page = source_page.document(source, Span(4, 50), labels_for("fr"))
    marks = re.findall(r"<mark[^>]*>(.*?)</mark>", page, re.DOTALL)
    assert html.unescape("".join(marks)) == source.text[4:50]
    assert page.count('id="cited"') == 1
    assert '<h1 lang="en">&lt;T&gt;</h1>' in page
    assert '<html lang="fr">' in page


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("5", None),
        (None, "5"),
        ("-1", "5"),
        ("5", "5"),
        ("9", "5"),
        ("0", "999999"),
        ("x", "9"),
        ("1e3", "9"),
        ("٣", "9"),
        ("", ""),
    ],
)
def test_offsets_outside_the_document_are_refused(start: str | None, end: str | None) -> None:
    with pytest.raises(ValueError, match="offsets"):
        source_page.span_of(ENGLISH, start, end)


def test_no_offsets_mean_the_document_without_a_mark() -> None:
    assert source_page.span_of(ENGLISH, None, None) is None
    assert "<mark" not in source_page.document(ENGLISH, None, labels_for("en"))


#: What is rightly the same in English and, mostly, in French.
SAME_WORDS = {
    *(".spoken.logo", ".spoken.conversation", ".source.back", ".panel.heading"),
    *(".answer.file", ".answer.sources", ".answer.original"),
}


def leaves(words: object, path: str = "") -> dict[str, str]:
    if isinstance(words, dict):
        return {k: v for key, value in words.items() for k, v in leaves(value, f"{path}.{key}").items()}
    if isinstance(words, list):
        return {k: v for n, value in enumerate(words) for k, v in leaves(value, f"{path}.{n}").items()}
    return {path: str(words)}


@pytest.mark.parametrize("tag", CHAINLIT_TAGS)
def test_every_language_has_every_word_with_the_same_values_to_fill_in(tag: str) -> None:
    english, other = leaves(labels_for("en").words), leaves(labels_for(tag).words)
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", other[key])), key
        assert other[key].strip(), key
        assert tag == "en" or other[key] != text or key in SAME_WORDS, key


@pytest.mark.parametrize("tag", CHAINLIT_TAGS.values())
def test_chainlit_has_all_its_words_and_the_about_page_in_each_language(tag: str) -> None:
    folder = Path(".chainlit/translations")
    english = leaves(yaml.safe_load((folder / "en-US.json").read_text(encoding="utf-8")))
    assert leaves(yaml.safe_load((folder / f"{tag}.json").read_text(encoding="utf-8"))).keys() == english.keys()
    assert Path(f"chainlit_{tag}.md").read_text(encoding="utf-8").startswith("# Citewell\n")


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de-DE,tr;q=0.5,en;q=0.3", "tr"),
        ("en;q=0.2, zh-TW;q=0.9", "zh-Hant"),
        ("zh-Hans-HK", "zh"),
        ("zh", "zh"),
        ("TR", "tr"),
        ("pt, *;q=0.1", "en"),
        ("", "en"),
        (None, "en"),
        (";;;q=,,fr;q=banana", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_the_readers_language(header: str | None, tag: str) -> None:
    assert preferred(header) == tag


def test_an_answer_is_labelled_in_its_own_language_and_script() -> None:
    def of(language: str, question: str) -> Labels:
        return labels_of(replace(answer_of(language=language), question=question))

    assert of("fr", "?").tag == "fr"
    assert of("zh", "放疗后肿瘤还在吗?").tag == "zh"
    assert of("zh", "放療後為什麼腫瘤還在?").tag == "zh-Hant"
    assert of("zh", "放療後為什麼腫瘤還在?").say("answer.sources") == "來源"


def luminance(hsl: str) -> float:
    """Relative luminance (WCAG 2.2) of a theme value such as `186 77% 24%`."""
    hue, saturation, lightness = (float(part.rstrip("%")) for part in hsl.split())
    channels = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("foreground", "background"),
        ("foreground", "card"),
        ("muted-foreground", "background"),
        ("muted-foreground", "card"),
        ("accent-foreground", "accent"),
        ("primary", "background"),
        ("primary", "card"),
        ("primary-foreground", "primary"),
    ],
)
def test_the_theme_is_readable(scheme: str, text: str, ground: str) -> None:
    """At least 4.5 to 1, level AA of WCAG 2.2 for text of any size."""
    theme = json.loads(Path("public/theme.json").read_text(encoding="utf-8"))["variables"][scheme]
    dark, light = sorted([luminance(theme[f"--{text}"]), luminance(theme[f"--{ground}"])])
    assert (light + 0.05) / (dark + 0.05) >= 4.5
