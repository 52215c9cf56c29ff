"""The chat in a browser tab: Chainlit handlers only. Start it with `make run` or `chainlit run app.py`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import chainlit as cl
from chainlit import server
from chainlit.auth import decode_jwt, get_token_from_cookies
from chainlit.chat_context import chat_contexts
from chainlit.config import config
from chainlit.context import init_ws_context
from chainlit.element import ElementBased
from chainlit.input_widget import InputWidget, Select
from chainlit.oauth_providers import get_configured_oauth_providers
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.user_session import user_sessions
from starlette.datastructures import Headers
from starlette.requests import Request

from rag import choice, health, view, web
from rag.access import Access
from rag.chats import Host
from rag.desk import Desk, remember
from rag.door import refusal
from rag.errors import RagError, SettingsError
from rag.flow import CrowdedError, Places, flowing
from rag.gate import Event, Retrieved, Shown
from rag.incident import incident
from rag.labels import Labels, labels_for, labels_of, preferred
from rag.passwords import Passwords
from rag.prompts import Template, load
from rag.reception import put_up
from rag.reread import Readings, reading
from rag.settings import Settings, distrust_proxies, variables
from rag.types import Answer, Citation, Hit

_T = TypeVar("_T")
log = logging.getLogger("citewell")
try:
    settings, access = Settings.from_environment(), Access.from_variables(variables())
    access.check_host(config.run.host)
    passwords = Passwords(access.passwords) if access.passwords else None
    if access.oauth_users and not get_configured_oauth_providers():
        raise SettingsError("RAG_OAUTH_USERS without a provider", hint="set the OAUTH_ variables of one, see README")
except RagError as error:
    sys.exit(f"citewell: {error}")
desk = Desk(settings)
#: An answer that a model writes is mostly waited for; any other keeps a core busy.
places = Places(64 if settings.has_model else 2 * (os.cpu_count() or 1), 500)
root = config.run.root_path
config.ui.default_theme = "system"  # type: ignore[assignment]  # the page knows it, Chainlit's own check does not


def signed_in(request: Request) -> bool:
    """Whether a request bears the cookie of a sign-in; where there is none to bear, always."""
    if not access.has_sign_in:
        return True
    with suppress(Exception):  # whatever is wrong with it, it opens nothing
        decode_jwt(get_token_from_cookies(request.cookies) or "")
        return True
    return False


async def say(session: WebsocketSession, text: str) -> None:
    init_ws_context(session)
    await cl.Message(text).send()
    chat_contexts.pop(session.id, None)


def forget(session_id: str) -> None:
    """Chainlit never frees its contexts, and makes an entry anew for an answer that ends after its conversation."""
    chat_contexts.pop(session_id, None)
    user_sessions.pop(session_id, None)


distrust_proxies()
pages = partial(server.get_html_template, root)
web.install(server.app, web.Site(pages, desk.sources, Path(config.root) / "public", root, signed_in))
health.install(server.app, health.Health(lambda: desk.state, health.look_at(settings)), root)
host = Host(WebsocketSession.get, WebsocketSession.get_by_id, lambda: len(ws_sessions_id), say, forget)
providers = get_configured_oauth_providers()
chats = put_up(server.app, server.sio, host, settings, access, bound=config.run.host, root=root, providers=providers)

if passwords:

    @cl.password_auth_callback
    async def by_password(name: str, password: str) -> cl.User | None:
        assert passwords
        return cl.User(name) if await asyncio.to_thread(passwords.are_right, name, password) else None


if access.header:

    @cl.header_auth_callback
    async def by_header(headers: Headers) -> cl.User | None:
        name = headers.get(access.header or "", "")
        return cl.User(name) if 0 < len(name) <= 200 else None


if access.oauth_users:

    @cl.oauth_callback
    async def by_oauth(
        _provider: str, _token: str, _told: dict[str, str], user: cl.User, _id: str | None = None
    ) -> cl.User | None:
        return cl.User(user.identifier) if access.lets_in(user.identifier) else None


@cl.on_app_startup
async def prepare() -> None:
    """Opens the assistant, and so builds a missing index, while the page is already served."""
    desk.open()


def reader() -> Labels:
    """The words of whoever is at the other end of this session."""
    return labels_for(preferred(cl.context.session.environ.get("HTTP_ACCEPT_LANGUAGE")))


@cl.set_chat_profiles
async def profiles(_user: cl.User | None, language: str | None) -> list[cl.ChatProfile]:
    """The prompt templates as they are on disk now; a broken one is left out and named in the log."""
    labels = labels_for(preferred(language))
    try:
        templates = await asyncio.to_thread(load, settings.prompts)
    except RagError as error:
        log.error("no prompt templates: %s", error)
        return []
    for broken in templates.broken:
        log.warning("prompt template left out: %s", broken)
    return [_profile(template, labels) for template in templates.good.values()]


def _profile(template: Template, labels: Labels) -> cl.ChatProfile:
    title = labels.write(template.title_in(labels.language))
    description = labels.write(template.description_in(labels.language))
    return cl.ChatProfile(
        name=template.name,
        display_name=title,
        markdown_description=view.welcome(title, description, labels),
        icon=f"{root}/public/mark.svg",
        default=template.name == settings.prompt,
    )


@cl.set_starters
async def starters(_user: cl.User | None, language: str | None) -> list[cl.Starter]:
    words = labels_for(preferred(language)).words["starters"]
    return [cl.Starter(label=starter["label"], message=starter["question"]) for starter in words]


@cl.on_chat_start
async def start() -> None:
    if settings.has_model:
        await _offer_engines(reader())


def kept(name: str, make: Callable[[], _T]) -> _T:
    """What a conversation has one of; its first question may come before Chainlit has said that it has started."""
    if cl.user_session.get(name) is None:
        cl.user_session.set(name, make())
    found: _T = cl.user_session.get(name)
    return found


@cl.on_message
async def asked(message: cl.Message) -> None:
    """Whatever goes wrong, the reader gets a kind sentence and a code."""
    labels, question = reader(), message.content.strip()
    try:
        if refused := refusal(question, labels):
            await cl.Message(refused).send()
            return
        async with kept("turn", asyncio.Lock):  # one question after the other
            await _answer(question, labels)
    except CrowdedError:
        log.warning("refused a question: as many wait as may")
        await cl.Message(labels.say("notice.crowded")).send()
    except Exception as error:  # of whatever kind: its text must not reach a reader
        key = "notice.failed" if desk.sources() else "notice.unavailable"
        await cl.Message(view.trouble(key, labels, code=incident(error))).send()
    finally:
        chat_contexts.pop(cl.context.session.id, None)  # Chainlit never frees it, and we never read it


async def _answer(question: str, labels: Labels) -> None:
    opening = asyncio.wrap_future(desk.open())
    if not desk.sources():
        if urgent := await asyncio.to_thread(desk.urgent, question, cl.user_session.get("history", ())):
            return await _help(question, urgent)
        waiting = await cl.Message(view.trouble("notice.preparing", labels)).send()
        try:
            await asyncio.wait([opening])
        finally:
            await waiting.remove()
    assistant = await opening
    templates = await asyncio.to_thread(load, settings.prompts)
    profile = cl.user_session.get("chat_profile")
    template = templates.get(profile if profile in templates.good else settings.prompt)
    history = cl.user_session.get("history", ())
    ask = partial(assistant.stream, question, history, prompt=template, engine=_engine())
    readings = kept("readings", Readings)
    page = Page(template, labels)
    try:
        async with aclosing(flowing(lambda stop: reading(readings, ask(stop=stop)), places)) as items:
            async for item in items:
                await page.show(item)
                if isinstance(item, Answer):
                    cl.user_session.set("history", remember(history, question, item))
                    chats.settle(cl.context.session, item)
    finally:
        await page.close()


async def _help(question: str, answer: Answer) -> None:
    """An emergency is answered before the documents are there."""
    await cl.Message(view.markdown(answer, labels_of(answer))).send()
    cl.user_session.set("history", remember(cl.user_session.get("history", ()), question, answer))
    chats.settle(cl.context.session, answer)


async def _offer_engines(labels: Labels) -> None:
    """Who writes the answers of this conversation; kept by Chainlit under its name."""
    engines = {labels.say(f"engine.{engine}"): engine for engine in choice.ENGINES}
    first = "extractive" if settings.engine == "extractive" else "model"
    inputs: list[InputWidget] = [
        Select(id="engine", label=labels.say("engine.label"), items=engines, initial_value=first)
    ]
    await cl.ChatSettings(inputs).send()


def _engine() -> str | None:
    """What the reader chose; None where there is no choice."""
    return (cl.user_session.get("chat_settings") or {}).get("engine")


class Page:
    """One answer in the page: the passages, a model's sentences as they come, and what takes their place at last."""

    def __init__(self, template: Template, labels: Labels) -> None:
        self._template, self._labels = template, labels
        self._message, self._has_step = cl.Message(""), False
        self._citations: list[Citation] = []

    async def show(self, item: Event | Answer) -> None:
        if isinstance(item, Retrieved):
            await self._step(item.hits, item.understood)
        elif isinstance(item, Shown):
            self._citations += item.citations
            await self._message.stream_token(view.sentence(item.sentence))
        elif isinstance(item, Answer):
            await self._whole(item, labels_of(item))

    async def close(self) -> None:
        """What was shown stays when a reader stops: it is proved, and so has its sources."""
        if self._message.streaming:
            part = Answer("", self._labels.language, "answered", "model", "", "", citations=tuple(self._citations))
            self._message.elements = self._panels(part, self._labels)
            await self._message.update()
            await cl.ElementSidebar.set_elements([])

    async def _step(self, hits: Sequence[Hit], understood: str) -> None:
        labels, self._has_step = self._labels, True
        name = labels.say("step.title", count=len(hits))
        async with cl.Step(name=name, type="tool", show_input=False, metadata={"icon": "book-open"}) as step:
            read_as = labels.say("step.understood", question=view.escape(understood))
            step.output = "\n\n".join([read_as] * bool(understood) + [view.passages(hits, labels)])

    async def _whole(self, answer: Answer, labels: Labels) -> None:
        self._labels, message, template = labels, self._message, self._template
        if answer.hits and not self._has_step:
            await self._step(answer.hits, answer.understood)
        message.content = view.markdown(answer, labels, layout=template.layout, show_original=template.show_original)
        message.elements = self._panels(answer, labels)
        await (message.update() if message.streaming else message.send())
        await cl.ElementSidebar.set_elements([])  # a panel opens when a chip is clicked, not by itself

    def _panels(self, answer: Answer, labels: Labels) -> list[ElementBased]:
        return [_panel(props) for props in view.panels(answer, desk.sources() or {}, labels, root)]


def _panel(props: dict[str, str]) -> cl.CustomElement:
    """With an address Chainlit keeps no copy of the text in a file."""
    return cl.CustomElement(name=f"[{props['number']}]", props=props, display="side", url=props["link"])


@server.sio.on("stop")
async def stop(sid: str) -> None:
    """As Chainlit's own, in the reader's language; what is under way is stopped by `chats`."""
    if session := WebsocketSession.get(sid):
        init_ws_context(session)
        await cl.Message(reader().say("notice.stopped")).send()


chats.guard(server.sio.handlers["/"])
