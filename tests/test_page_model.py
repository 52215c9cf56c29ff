"""The page with a language model behind it, of every character: the real application, browser and endpoint."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import chat_models as chat
import pytest
from browser import ROOT, Server, Visit, browser, started, visit
from chat_models import Model
from model_server import Behaviour, Exchange, ModelServer, Switch, chunk_of, for_ever, status
from playwright.sync_api import expect

from rag.labels import labels_for
from rag.notices import load_notices

__all__ = ["browser", "visit"]  # fixtures
Opened = Callable[..., Visit]
QUESTION = "How is stage 4 mesothelioma treated?"
WORDS, NOTICES = labels_for("en"), load_notices()
STOP = "#stop-button"
ANSWER = '[data-step-type="assistant_message"] .message-content'


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[ModelServer, Switch]]:
    switch = Switch(Model(chat.honest))
    with ModelServer(switch) as server:
        yield server, switch


@pytest.fixture(scope="module")
def server(model: tuple[ModelServer, Switch], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The application with a model at this endpoint, which it is impatient with."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    asked = {
        "RAG_MODEL": "some-model",
        "OPENAI_BASE_URL": model[0].base_url,
        "OPENAI_API_KEY": "sk-secret-of-the-page",
        "RAG_TOKEN_SECONDS": "10",
        "RAG_ANSWER_TOKENS": "4000",
        "NO_PROXY": "127.0.0.1",
    }
    with started(folder, ROOT / "seeds", folder / "prompts", **asked) as server:
        yield server


@pytest.fixture
def plays(model: tuple[ModelServer, Switch]) -> Callable[[Behaviour], Behaviour]:
    def play(behaviour: Behaviour) -> Behaviour:
        model[1].now = behaviour
        return behaviour

    return play


def test_an_answer_says_who_wrote_it_and_its_chips_open_the_words(visit: Opened, plays: Callable) -> None:
    honest = plays(Model(chat.honest))
    reader = visit()
    reader.ask(QUESTION)
    assert WORDS.say("answer.written") in reader.answer
    assert all(" ".join(text.split()) in " ".join(reader.answer.split()) for text in honest.truths[:2])
    expect(reader.page.locator('[data-step-type="tool"]')).to_have_count(1)
    reader.chip(1)
    expect(reader.page.locator(".citation mark")).to_be_visible()


def test_sentences_appear_while_the_model_writes_and_stop_closes_its_stream(visit: Opened, plays: Callable) -> None:
    asked: queue.SimpleQueue[Exchange] = queue.SimpleQueue()

    def slow(exchange: Exchange) -> None:
        asked.put(exchange)
        exchange.open_stream()
        exchange.delta({"content": next(chat.honest(chat.Asked.of(exchange))).written() + "Half a sen"})
        for_ever(chunk_of("tence "))(exchange)

    plays(slow)
    reader = visit()
    page = reader.page
    page.locator("#chat-input").fill(QUESTION)
    page.locator("#chat-input").press("Enter")
    exchange = asked.get(timeout=30)
    first = next(chat.honest(chat.Asked.of(exchange))).text
    expect(page.locator(ANSWER).first).to_contain_text(first)
    assert page.locator(STOP).count() == 1
    page.locator(STOP).click()
    assert exchange.gone.wait(20)
    expect(page.locator(STOP)).to_have_count(0)
    expect(page.locator(ANSWER).get_by_text(WORDS.say("notice.stopped"))).to_be_visible()
    assert "Half a sen" not in page.locator("body").inner_text()
    expect(page.locator("a.element-link").first).to_be_visible()

    plays(Model(chat.honest))
    before = page.locator(ANSWER).count()
    page.locator("#chat-input").fill(QUESTION)
    page.locator("#chat-input").press("Enter")
    expect(page.locator(ANSWER)).to_have_count(before + 1)
    expect(page.locator(STOP)).to_have_count(0)
    assert WORDS.say("answer.written") in reader.answer


def test_a_stream_that_breaks_leaves_no_half_sentence_and_the_conversation_goes_on(
    visit: Opened, plays: Callable
) -> None:
    def breaking(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.delta({"content": next(chat.honest(chat.Asked.of(exchange))).written() + "It can be cured wi"})
        exchange.cut()

    plays(breaking)
    reader = visit()
    reader.ask(QUESTION)
    assert NOTICES.say(["model.failed"], "en") in reader.answer
    assert "cured wi" not in reader.page.locator("body").inner_text()
    assert WORDS.say("answer.written") not in reader.answer

    again = plays(Model(chat.honest))
    reader.ask("And what about chemotherapy?")
    assert WORDS.say("answer.written") in reader.answer
    assert "mesothelioma" in again.asked[0].question


LIARS = [
    chat.fluent_liar, chat.number_changer, chat.negation_flipper, chat.hedge_dropper, chat.advice_giver,
    chat.own_knowledge, chat.leaks_the_prompt, chat.switches_language, chat.lies_for_ever, chat.marker_on_everything,
]  # fmt: skip


def test_no_lie_of_any_model_is_ever_in_the_page(visit: Opened, plays: Callable) -> None:
    reader = visit()
    page = reader.page
    page.evaluate(
        """() => {
            window.seen = ''
            const note = () => { window.seen += '\\n' + document.body.innerText }
            new MutationObserver(note).observe(document.body, { childList: true, subtree: true, characterData: true })
        }"""
    )
    for character in LIARS:
        liar = plays(Model(character))
        reader.ask(QUESTION)
        seen = " ".join(str(page.evaluate("window.seen")).replace("\u2060", "").split())
        assert liar.lies and [lie for lie in liar.lies if " ".join(lie.split()) in seen] == [], character.__name__
        page.evaluate("window.seen = ''")


def test_another_template_is_another_system_message_and_shape(visit: Opened, plays: Callable) -> None:
    reader, systems = visit(), []
    for template in ("plain", "clinician"):
        model = plays(Model(chat.honest))
        reader.choose(template)
        reader.ask(QUESTION)
        systems.append(model.asked[0].system)
        assert WORDS.say("answer.written") in reader.answer
        lists = reader.page.locator(f"{ANSWER} ul").count()
    assert systems[0] != systems[1] and lists > 0


def test_the_reader_chooses_who_writes(visit: Opened, plays: Callable, model: tuple[ModelServer, Switch]) -> None:
    plays(Model(chat.honest))
    reader = visit()
    page, asked = reader.page, len(model[0].requests)
    page.get_by_role("button", name=WORDS.say("spoken.settings"), exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(WORDS.say("engine.label"))
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name=WORDS.say("engine.extractive")).click()
    page.locator("#confirm").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    reader.ask(QUESTION)
    assert len(model[0].requests) == asked
    assert WORDS.say("answer.written") not in reader.answer


def test_the_key_is_nowhere(server: Server, visit: Opened, plays: Callable) -> None:
    plays(status(401))
    reader = visit()
    reader.ask(QUESTION)
    assert NOTICES.say(["model.failed"], "en") in reader.answer
    log = Path(server.log).read_text(encoding="utf-8")
    assert "refused the key" in log
    assert "sk-secret" not in log + reader.page.content() and "mesothelioma" not in log
