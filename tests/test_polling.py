"""Socket.IO's other transport, requests of HTTP: what comes that way is judged as what comes over a websocket."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from browser import ROOT, Server, started
from chat_client import Reader
from test_chats import BAD_IDS
from test_frames import FORGED

pytestmark = pytest.mark.timeout(600)
TEXT = "Bone pain\n\nRadiotherapy can relieve bone pain in most people who have it.\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("polling")
    (folder / "seeds").mkdir()
    (folder / "seeds" / "pain.txt").write_text(TEXT, encoding="utf-8")
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    limits = {"RAG_SESSIONS_PER_ADDRESS": "100000", "RAG_QUESTIONS_PER_ADDRESS": "100000"}
    with started(folder, folder / "seeds", folder / "prompts", RAG_EMBEDDING="none", **limits) as server:
        yield server


@dataclass
class Line:
    """A connection, by hand."""

    browser: aiohttp.ClientSession
    address: str

    async def say(self, body: str | bytes, **headers: str) -> int:
        async with self.browser.post(self.address, data=body, headers=headers) as answer:
            return answer.status

    async def hear(self) -> tuple[int, str]:
        async with self.browser.get(self.address) as answer:
            return answer.status, await answer.text()

    async def ends(self) -> bool:
        """Waits until it is one no more."""
        async with asyncio.timeout(60):
            while (await self.hear())[0] == 200:
                pass
        return True


@asynccontextmanager
async def line(server: Server, *, joined: bool = True) -> AsyncIterator[Line]:
    address = f"{server.address}/ws/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession(headers={"Connection": "close"}) as browser:
        async with browser.get(address) as opened:
            identity = json.loads((await opened.text())[1:])["sid"]
        one = Line(browser, f"{address}&sid={identity}")
        if joined:
            assert await one.say(_start(str(uuid.uuid4()))) == 200
            assert "40{" in (await one.hear())[1]
        yield one


def _start(identity: object) -> str:
    return f"40{json.dumps({'sessionId': identity, 'clientType': 'webapp'})}"


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


def test_a_conversation_goes_that_way_too(server: Server) -> None:
    async def story() -> None:
        async with Reader(server.address, transport="polling") as reader:
            assert "relieve bone pain" in await reader.ask("Can radiotherapy relieve bone pain?")

    play(story)


def test_a_forged_frame_ends_its_connection_and_no_other(server: Server) -> None:
    async def story() -> None:
        async with Reader(server.address, transport="polling") as bystander:
            for name, frame in FORGED.items():
                body = f"b{base64.b64encode(frame).decode()}" if isinstance(frame, bytes) else f"4{frame}"
                async with line(server) as one:
                    assert await one.say(body) in (200, 400, 413), name
                    assert await one.ends(), name
            assert await bystander.ask("hello")

    play(story)
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


def test_only_canonical_ids_start_a_conversation(server: Server) -> None:
    async def story() -> None:
        for bad in BAD_IDS:
            async with line(server, joined=False) as one:
                assert await one.say(_start(bad)) == 200
                assert (await one.hear())[1].startswith("44"), bad  # an error of connecting

    play(story)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "https://127.0.0.1.evil.example"])
def test_no_other_page_opens_one_speaks_or_listens(server: Server, origin: str) -> None:
    async def story() -> None:
        async with line(server) as one:
            assert await one.say('42["stop"]', Origin=origin) == 403
            for address in (one.address, one.address.partition("&sid")[0], f"{one.address}&j=0"):
                async with one.browser.get(address, headers={"Origin": origin}) as refused:
                    assert refused.status == 403

    play(story)
