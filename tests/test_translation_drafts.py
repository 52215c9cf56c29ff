"""`rag translations --fill`: what a model proposes over a real connection is checked, marked and never lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from core_world import open_quickly
from model_server import KEY, SECRET, Behaviour, Exchange, ModelServer, drop, hang, raw, status, trickle

from rag.corpus import load_corpus
from rag.errors import ModelError
from rag.labels import labels_of
from rag.remote import Patience
from rag.settings import Settings
from rag.translation_check import report, spoken_in
from rag.translation_drafts import Tally, drafts, examine
from rag.translations import load_translations
from rag.view import markdown
from rag.wire import answer_json

SEEDS = Path("seeds")
TEXT = """Fever after treatment

Fever is common after this treatment. It may last 3 days. Do not drive after the treatment.
"""
#: What an honest model says, by the sentence and the language asked for.
HONEST = {
    "Fever after treatment": ("Fièvre après le traitement", "治疗后发热", "Tedaviden sonra ateş"),
    "Fever is common after this treatment.": (
        *("La fièvre est fréquente après ce traitement.", "这种治疗后发热很常见。"),
        "Bu tedaviden sonra ateş sık görülür.",
    ),
    "It may last 3 days.": ("Elle peut durer 3 jours.", "可能持续3天。", "3 gün sürebilir."),
    "Do not drive after the treatment.": (
        *("Ne conduisez pas après le traitement.", "治疗后请勿开车。"),
        "Tedaviden sonra araç kullanmayın.",
    ),
}
NAMES = ("into French", "into Chinese", "into Turkish")
QUICK = Patience(deadline=20.0, attempts=3, pause=0.01)


def asked(exchange: Exchange) -> tuple[str, int]:
    """The sentence a request wants translated, and the place of its language in `NAMES`."""
    system, user = (message["content"] for message in exchange.body["messages"])
    return user.rpartition("Translate:\n")[2], next(n for n, name in enumerate(NAMES) if name in system)


def says(reply: Callable[[str, int], str | None], finish: str = "stop") -> Behaviour:
    """A chat model as the protocol has it; its words are `reply(sentence, language)`."""

    def behave(exchange: Exchange) -> None:
        if exchange.path != "/v1/chat/completions":
            return status(404)(exchange)
        if exchange.headers.get("authorization") not in (f"Bearer {KEY}", "Bearer none"):
            return status(401)(exchange)
        message = {"role": "assistant", "content": reply(*asked(exchange))}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        shape = {"id": "1", "object": "chat.completion", "created": 0, "model": exchange.body["model"]}
        return exchange.send_json({**shape, "choices": [choice]})

    return behave


def fair(sentence: str, language: int) -> str:
    return HONEST[sentence][language]


def lying(sentence: str, language: int) -> str:
    return fair(sentence, language).replace("3", "8")


honest = says(fair)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "fever.txt").write_text(TEXT, encoding="utf-8")
    return folder


def configured(corpus: Path, server: ModelServer, key: str | None = KEY) -> Settings:
    return Settings(corpus=corpus, model="tiny", openai_api_key=key, openai_base_url=server.base_url)


def filled(corpus: Path, *script: Behaviour) -> tuple[Tally, list[str], ModelServer]:
    said: list[str] = []
    with ModelServer(*script) as server:
        return drafts(configured(corpus, server), said.append, QUICK), said, server


def rows(corpus: Path) -> dict[str, dict]:
    """The rows of the one file, by the text of their sentence."""
    (source,) = load_corpus(corpus).sources
    path = corpus / "translations" / f"{source.name}.jsonl"
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {source.text[row["start"] : row["end"]]: row for row in found}


# -- an honest model ----------------------------------------------------------------------------------------------


def test_every_missing_translation_is_drafted_and_marked(corpus):
    tally, said, server = filled(corpus, honest)
    assert (tally.drafted, tally.left_out, len(server.requests)) == (12, 0, 12)
    assert said == ["12 drafted, 0 moved with their sentence, 0 left out"]
    assert {text: (row["fr"], row["zh"], row["tr"]) for text, row in rows(corpus).items()} == HONEST
    assert {(row["reviewed"], *row["drafted"]) for row in rows(corpus).values()} == {(False, "fr", "zh", "tr")}
    found = report(corpus)
    assert found.is_complete
    assert found.drafted == {"en": 0, "fr": 4, "zh": 4, "tr": 4}


def test_a_second_call_asks_for_nothing_more(corpus):
    filled(corpus, honest)
    before = (corpus / "translations" / "fever.txt.jsonl").read_bytes()
    tally, _, server = filled(corpus, status(500))
    assert (tally.drafted, server.requests) == (0, [])
    assert (corpus / "translations" / "fever.txt.jsonl").read_bytes() == before


def test_a_complete_corpus_needs_no_endpoint(tmp_path):
    shutil.copytree(SEEDS, tmp_path / "corpus")
    said: list[str] = []
    assert examine(Settings(corpus=tmp_path / "corpus"), said.append, fill=True).is_complete
    assert said[0].startswith("0 drafted")
    for path in (SEEDS / "translations").iterdir():
        assert (tmp_path / "corpus" / "translations" / path.name).read_bytes() == path.read_bytes()


def test_what_somebody_reviewed_is_no_longer_machine_made(corpus):
    filled(corpus, honest)
    path = corpus / "translations" / "fever.txt.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"reviewed": false', '"reviewed": true', 1), "utf-8")
    assert report(corpus).drafted == {"en": 0, "fr": 3, "zh": 3, "tr": 3}


def test_a_row_a_person_began_keeps_what_is_theirs(corpus):
    filled(corpus, honest)
    path, own = corpus / "translations" / "fever.txt.jsonl", rows(corpus)["It may last 3 days."]
    begun = {**{k: own[k] for k in ("source", "start", "end", "sha256")}, "fr": "Cela peut durer 3 jours."}
    path.write_text(json.dumps({**begun, "reviewed": True}) + "\nnot a row\n", encoding="utf-8")
    filled(corpus, honest)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "not a row"
    (row,) = (row for line in lines[1:] if (row := json.loads(line))["start"] == own["start"])
    assert (row["fr"], row["drafted"]) == ("Cela peut durer 3 jours.", ["zh", "tr"])
    translations = load_translations(corpus)
    (key,) = (key for key in translations.rows if key[1] == own["start"])
    assert translations.drafted[key] == {"zh", "tr"}


def test_the_model_is_shown_the_surroundings_and_not_asked_to_translate_them(corpus):
    _, _, server = filled(corpus, honest)
    users = [exchange.body["messages"][1]["content"] for exchange in server.requests]
    (last,) = {user for user in users if user.endswith("Do not drive after the treatment.")}
    assert "Fever after treatment" in last.split("Translate:")[0]
    assert "It may last 3 days." in last.split("Translate:")[0]


def test_chinese_is_written_in_simplified_characters(corpus):
    traditional = {"Fever after treatment": "治療後發熱"}
    filled(corpus, says(lambda s, n: traditional.get(s, fair(s, n)) if n == 1 else fair(s, n)))
    assert rows(corpus)["Fever after treatment"]["zh"] == "治疗后发热"


def test_an_answer_shows_a_draft_and_says_whose_it_is(corpus):
    filled(corpus, honest)
    settings = Settings(corpus=corpus, store=corpus.parent / "store", embedding="none")
    answer = open_quickly(settings).ask("Combien de jours la fièvre dure-t-elle après le traitement ?")
    cited = {sentence.text: answer.citations[sentence.citations[0] - 1] for sentence in answer.sentences}
    assert cited["Elle peut durer 3 jours."].is_machine_made
    assert cited["Elle peut durer 3 jours."].quote == "It may last 3 days."
    assert "traduction automatique, pas encore relue" in markdown(answer, labels_of(answer))
    assert all(citation["machine_made"] for citation in answer_json(answer)["citations"])
    path = corpus / "translations" / "fever.txt.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"reviewed": false', '"reviewed": true'), "utf-8")
    again = open_quickly(settings).ask("Combien de jours la fièvre dure-t-elle après le traitement ?")
    assert again.text == answer.text
    assert not any(citation.is_machine_made for citation in again.citations)


# -- documents that change ----------------------------------------------------------------------------------------


def test_rows_move_with_their_sentence_and_only_what_changed_is_drafted_again(corpus):
    filled(corpus, honest)
    (corpus / "fever.txt").write_text(TEXT.replace("is common", "is very common"), encoding="utf-8")
    new = {"Fever is very common after this treatment.": HONEST["Fever is common after this treatment."]}
    tally, _, server = filled(corpus, says(lambda s, n: (HONEST | new)[s][n]))
    assert (tally.drafted, tally.moved, len(server.requests)) == (3, 2, 3)
    found = report(corpus)
    assert (found.stale, found.is_complete) == ((), True)


def test_a_moved_row_stays_reviewed(tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(SEEDS, corpus)
    path = next(path for path in corpus.glob("001*.txt"))
    path.write_bytes(b"Stage 4 mesothelioma\n\n" + path.read_bytes())
    heading = next(s for s in spoken_in(load_corpus(corpus).sources[1]))
    assert heading.start == 0
    said: list[str] = []
    with pytest.raises(ModelError, match="no language model is configured"):
        drafts(Settings(corpus=corpus), said.append)  # for the new line; the others would come after it
    words = {"French": "Mésothéliome de stade 4", "Chinese": "4期间皮瘤", "Turkish": "4. evre mezotelyoma"}
    tally, _, server = filled(corpus, says(lambda _, n: list(words.values())[n]))
    assert (tally.drafted, len(server.requests)) == (3, 3)
    found = report(corpus)
    assert (found.is_complete, found.stale) == (True, ())
    assert found.drafted == {"en": 0, "fr": 1, "zh": 1, "tr": 1}


# -- a model that is wrong ----------------------------------------------------------------------------------------


def test_a_changed_number_is_left_out_and_said(corpus):
    tally, said, server = filled(corpus, says(lying))
    assert (tally.drafted, tally.left_out) == (9, 3)
    assert len(server.requests) == 9 + 2 * 3  # each of the three may be tried once more
    (start,) = (s.start for s in spoken_in(load_corpus(corpus).sources[0]) if "3 days" in s.text)
    assert said[:3] == [
        f"left out: fever.txt {start}-{start + 19} {code}: number lost: 3; number added: 8"
        for code in ("fr", "zh", "tr")
    ]
    assert "It may last 3 days." not in rows(corpus)
    assert report(corpus).suspicious == ()


def test_the_model_is_told_what_was_wrong_and_may_mend_it(corpus):
    told: list[str] = []

    def behave(exchange: Exchange) -> None:
        user = exchange.body["messages"][1]["content"]
        told.extend([user] if "refused" in user else [])
        says(fair if "refused" in user else lying)(exchange)

    tally, _, _ = filled(corpus, behave)
    assert (tally.drafted, tally.left_out) == (12, 0)
    assert len(told) == 3
    assert all("number lost: 3" in user for user in told)


@pytest.mark.parametrize(
    "behave",
    [says(lambda *_: ""), says(lambda *_: None), says(lambda *_: " \n"), says(fair, finish="length")],
    ids=["empty", "null", "blank", "broken off"],
)
def test_what_says_nothing_whole_is_no_translation(corpus, behave):
    tally, said, _ = filled(corpus, behave)
    assert (tally.drafted, tally.left_out) == (0, 12)
    assert all(line.endswith("it said nothing whole") for line in said[:12])
    assert not (corpus / "translations").exists()


def test_a_model_that_repeats_the_source_translates_nothing(corpus):
    tally, _, _ = filled(corpus, says(lambda sentence, _: sentence))
    assert tally.drafted == 0


# -- an endpoint that fails ---------------------------------------------------------------------------------------

FAILURES: list[tuple[str, Behaviour, str, int]] = [
    ("key", status(401), "refused the key", 1),
    ("model", status(404), "no such address or model", 1),
    ("limit", status(429), "over its limit", 3),
    ("broken", status(500), "status 500", 3),
    ("dropped", drop, "cannot be reached", 3),
    ("page", raw(b"<html>", "text/html"), "an answer that is none", 1),
    ("json", raw(b'{"choices": []}'), "an answer that is none", 1),
]


@pytest.mark.parametrize(("behave", "message", "requests"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_a_failing_endpoint_is_a_model_error_and_loses_nothing(corpus, behave, message, requests):
    said: list[str] = []
    with ModelServer(*[honest] * 5, behave) as server:
        with pytest.raises(ModelError, match=message) as caught:
            drafts(configured(corpus, server), said.append, QUICK)
        assert len(server.requests) == 5 + requests
    assert "5 drafted, call again" in caught.value.hint
    assert not any(secret in str(caught.value) for secret in (KEY, SECRET, "Fever"))
    assert sum(len(set(row) & {"fr", "zh", "tr"}) for row in rows(corpus).values()) == 5
    tally, _, _ = filled(corpus, honest)
    assert tally.drafted == 7
    assert report(corpus).is_complete


@pytest.mark.parametrize("behave", [hang, trickle])
def test_an_endpoint_that_never_ends_is_given_up(corpus, behave):
    with ModelServer(behave) as server, pytest.raises(ModelError, match="did not answer within"):
        drafts(configured(corpus, server), str, Patience(deadline=0.3, attempts=1))


def test_a_short_failure_is_outlasted(corpus):
    tally, _, server = filled(corpus, status(503), drop, honest)
    assert (tally.drafted, len(server.requests)) == (12, 14)


@pytest.mark.parametrize("missing", [{"model": None}, {"openai_base_url": None, "openai_api_key": None}])
def test_without_an_endpoint_the_fix_is_said(corpus, missing):
    given = {"model": "tiny", "openai_base_url": "http://127.0.0.1:9/v1"} | missing
    with pytest.raises(ModelError, match="RAG_MODEL"):
        drafts(Settings(corpus=corpus, **given), str)
    assert not (corpus / "translations").exists()


def test_a_document_in_a_folder_has_its_file_too(corpus):
    (corpus / "a").mkdir()
    (corpus / "fever.txt").rename(corpus / "a" / "fever.txt")
    filled(corpus, honest)
    assert (corpus / "translations" / "a%2Ffever.txt.jsonl").exists()
    assert report(corpus).is_complete


# -- the command --------------------------------------------------------------------------------------------------


def command(corpus: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    call = [sys.executable, "-m", "rag", "translations", *words, "--corpus", str(corpus)]
    return subprocess.run(call, env=kept | environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_fills_and_reports(corpus):
    with ModelServer(honest) as server:
        done = command(corpus, "--fill", OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY=KEY, RAG_MODEL="tiny")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [
        "12 drafted, 0 moved with their sentence, 0 left out",
        "4 sentences and headings",
        "  en  0 of 0 translated",
    ]
    assert "  fr  4 of 4 translated (100%), 4 machine-made, not reviewed" in done.stdout


def test_the_command_without_a_model_ends_with_4_and_one_line(corpus):
    done = command(corpus, "--fill")
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert "RAG_MODEL" in done.stderr


def test_the_command_with_a_failing_model_ends_with_4(corpus):
    with ModelServer(honest, status(401)) as server:
        done = command(corpus, "--fill", OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY=KEY, RAG_MODEL="tiny")
    assert done.returncode == 4
    assert "refused the key" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(rows(corpus)) == 1
