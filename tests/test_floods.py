"""Floods through a real socket: as question, in source files, in titles, in a model's answer, and of a megabyte. Each
gets an answer or a kind refusal, and the conversation goes on."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from collections.abc import Coroutine, Iterator
from typing import Any

import aiohttp
import pytest
from browser import ROOT, Server, started
from chat_client import Reader
from chat_models import Asked
from floods import floods
from markdown_it import MarkdownIt
from model_server import Exchange, ModelServer, Switch

from rag.frames import QUESTION_LIMIT
from rag.labels import labels_for

pytestmark = pytest.mark.timeout(600)
MEGABYTE = 2**20
QUESTIONS, DOCUMENTS, ANSWERS = floods(QUESTION_LIMIT - 60), floods(2_000), floods(1_000)
TRUE = "Radiotherapy can relieve bone pain in most people who have it."
QUESTION = "Can radiotherapy relieve bone pain?"
WORDS = labels_for("en")
#: What our own words are made of; see `test_hostile.py`.
_LOUD = {"image", "link_open", "html_inline", "html_block", "code_inline", "fence", "code_block", "table_open"}


def _document(number: int, flood: str) -> dict[str, str]:
    """It as the title of one, in the body of another, beside a sentence that a question finds."""
    itch = f"Treatment number{number} relieves itch{number} in most people."
    body = f"Guide {number}\n\n{TRUE} {flood}\n\n{itch} {flood}\n"
    title = f"{flood}\n\nThe cream number{number} soothes burn{number} of the skin in most people.\n"
    return {f"{number}-body.txt": body, f"{number}-title.txt": title}


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[ModelServer, Switch]]:
    switch = Switch(_says(""))
    with ModelServer(switch) as server:
        yield server, switch


@pytest.fixture(scope="module")
def server(model: tuple[ModelServer, Switch], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("floods")
    (folder / "seeds").mkdir()
    files = {"0-whole.txt": f"Pain\n\n{TRUE} {floods(MEGABYTE)['accents on one letter']}\n"}
    for number, flood in enumerate(DOCUMENTS.values(), 1):
        files |= _document(number, flood)
    for name, text in files.items():
        (folder / "seeds" / name).write_text(text, encoding="utf-8", newline="")
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    settings = {
        "RAG_EMBEDDING": "none",
        "RAG_MODEL": "some-model",
        "OPENAI_BASE_URL": model[0].base_url,
        "OPENAI_API_KEY": "none",
        "NO_PROXY": "127.0.0.1",
        "RAG_QUESTIONS_PER_ADDRESS": "100000",
        "RAG_SESSIONS_PER_ADDRESS": "100000",
        "RAG_TOKENS_PER_ADDRESS": "900000000",
        "RAG_TOKENS": "900000000",
    }
    with started(folder, folder / "seeds", folder / "prompts", **settings) as server:
        yield server


def _says(flood: str) -> Any:
    """A model that says a true sentence of its sources, and the flood before it, in it and after it."""

    def behave(exchange: Exchange) -> None:
        if "<sources>" not in exchange.messages[-1][1]:  # asked for something else than an answer
            exchange.open_stream()
            return exchange.finish()
        asked = Asked.of(exchange)
        number = next((n for n, text in asked.sources.items() if TRUE[:30] in text), 1)
        exchange.open_stream()
        for text in (
            f"{flood} [{number}]. ",
            f"Radiotherapy {flood} cures [{number}]. ",
            f"{TRUE[:-1]} [{number}]. ",
            flood,
        ):
            for start in range(0, len(text), 500):
                exchange.delta({"content": text[start : start + 500]})
        return exchange.finish()

    return behave


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def _is_text(answer: str) -> bool:
    """Whether nothing in an answer fetches, links or runs."""
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(answer)
    return not _LOUD & {one.type for block in blocks for one in (block, *(block.children or []))}


def test_there_are_enough_of_them_and_each_is_long() -> None:
    assert len(QUESTIONS) >= 30
    assert all(QUESTION_LIMIT // 2 < len(text) <= QUESTION_LIMIT - 60 for text in QUESTIONS.values())


def test_questions(server: Server) -> None:
    async def story() -> None:
        async with Reader(server.address) as reader:
            await reader.emit("chat_settings_change", {"engine": "extractive"})
            for name, flood in QUESTIONS.items():
                answer = await reader.ask(f"{QUESTION} {flood}")
                assert answer and "(Code " not in answer and _is_text(answer), name

    play(story())
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


def test_documents_and_titles(server: Server) -> None:
    async def story() -> None:
        async with Reader(server.address) as reader:
            await reader.emit("chat_settings_change", {"engine": "extractive"})
            for number, name in enumerate(DOCUMENTS, 1):
                for question in (f"What relieves itch{number}?", f"Which cream soothes burn{number} of the skin?"):
                    answer = await reader.ask(question)
                    assert "(Code " not in answer and _is_text(answer), name

    play(story())
    for name, start in (("0-whole.txt", 0), ("1-body.txt", 8), ("13-title.txt", 0)):
        assert server.get(f"/sources/{name}")[0] == 200
        assert server.get(f"/sources/{name}?start={start}&end={start + 500}")[0] == 200


def test_answers_of_a_model(server: Server, model: tuple[ModelServer, Switch]) -> None:
    async def story() -> None:
        async with Reader(server.address) as reader:
            for name, flood in ANSWERS.items():
                model[1].now = _says(flood)
                answer = await reader.ask(QUESTION)
                assert "(Code " not in answer and _is_text(answer), name
                assert "cures" not in answer, name

    play(story())
    assert len(model[0].requests) >= len(ANSWERS)


def test_a_megabyte_ends_its_own_connection_and_no_other(server: Server) -> None:
    texts = floods(MEGABYTE)
    frames = {name: "42" + json.dumps(["client_message", _message(texts[name])]) for name in list(texts)[::6]}

    async def story() -> None:
        async with Reader(server.address) as bystander, aiohttp.ClientSession() as browser:
            for name, frame in [*frames.items(), ("no frame", "x" * MEGABYTE)]:
                assert await _over_socket(server, browser, frame), name
            assert await bystander.ask("hello")

    play(story())
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


def _message(text: str) -> dict[str, object]:
    return {"message": {"id": str(uuid.uuid4()), "type": "user_message", "output": text, "name": "User"}}


async def _over_socket(server: Server, browser: aiohttp.ClientSession, frame: str) -> bool:
    """Whether the connection is ended."""
    async with browser.ws_connect(
        f"{server.address}/ws/socket.io/?EIO=4&transport=websocket", max_msg_size=0
    ) as socket:
        await socket.receive_str()
        await socket.send_str(frame)
        async with asyncio.timeout(60):
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
