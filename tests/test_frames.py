"""What may come over a socket: ids, frames, messages and how many; rations as plain values under a clock of our own."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.frames import (
    EVENTS,
    FRAME_LIMIT,
    QUESTION_LIMIT,
    UNUSED_EVENTS,
    Handler,
    Lines,
    clean_message,
    fault,
    is_session_id,
)
from rag.limits import Bucket, Rate, Ration, address_of
from rag.outbox import Outbox

GOOD = str(uuid.UUID("14a15088-9018-4f8c-ad4b-8551b4b52b16"))


@pytest.mark.parametrize(
    "value",
    [
        GOOD.upper(),
        GOOD.replace("-", ""),
        f"{{{GOOD}}}",
        f"urn:uuid:{GOOD}",
        f" {GOOD}",
        f"{GOOD}\n",
        f"../{GOOD}",
        str(uuid.UUID("accc116a-e622-11f1-bf37-02fc00000001")),
        str(uuid.uuid3(uuid.NAMESPACE_DNS, "x")),
        "0" * 36,
        "../../etc",
        "",
        None,
        7,
        [GOOD],
        {"id": GOOD},
    ],
)
def test_only_canonical_uuid4_is_a_session_id(value: object) -> None:
    assert not is_session_id(value)
    assert is_session_id(GOOD)


def _message(**changes: object) -> dict[str, Any]:
    message = {"id": GOOD, "type": "user_message", "output": "Hello?", "name": "User", "createdAt": "now"}
    return {"message": {**message, **changes}, "fileReferences": [{"id": "x"}]}


def test_a_question_is_taken_without_anything_else_a_client_claims() -> None:
    claims = {
        "name": "assistant",
        "metadata": {"avatarName": "x"},
        "parentId": "p",
        "command": "c",
        "modes": {"m": "1"},
    }
    clean = clean_message(_message(**claims, language="html", isError=True))
    assert clean is not None
    assert set(clean) == {"id", "threadId", "createdAt", "output", "name", "type"}
    assert (clean["output"], clean["name"], clean["type"]) == ("Hello?", "User", "user_message")


@pytest.mark.parametrize(
    "payload",
    [
        _message(type="assistant_message"),
        _message(type="system_message"),
        _message(type="tool"),
        _message(type=["user_message"]),
        _message(output={"a": 1}),
        _message(output=None),
        _message(id="1"),
        _message(id=None),
        {"message": "text"},
        {"message": None},
        {},
        [],
        "text",
        None,
    ],
)
def test_what_is_no_question_is_dropped(payload: object) -> None:
    assert clean_message(payload) is None


def test_a_long_question_is_cut_one_character_over_the_limit() -> None:
    clean = clean_message(_message(output="x" * 1_000_000))
    assert clean is not None
    assert len(clean["output"]) == QUESTION_LIMIT + 1


def test_half_a_pair_of_surrogates_becomes_a_mark_that_can_be_written() -> None:
    clean = clean_message(_message(output="a \ud83d b \U0001f642"))
    assert clean is not None
    assert clean["output"] == "a \ufffd b \U0001f642"
    clean["output"].encode("utf-8")


def _event(*data: object) -> str:
    return f"2{json.dumps(data)}"


FORGED: dict[str, object] = {
    "bytes": b"2[]",
    "nothing": "",
    "no kind": "[]",
    "unknown kind": "9[]",
    "an acknowledgement": "31[]",
    "an error of connecting": "4{}",
    "a binary event": '51-["client_message",{"_placeholder":true,"num":0}]',
    "a binary event of many parts": '59999999999-["client_message"]',
    "a binary acknowledgement": "61-[]",
    "another namespace": '2/admin,["stop"]',
    "a start in another namespace": "0/admin,{}",
    "a start without words": "0",
    "a start with a list": "0[]",
    "an event with acknowledgement": '27["stop"]',
    "an end with words": "1{}",
    "no JSON": '2["stop"',
    "too deep": "2" + "[" * 20_000 + "]" * 20_000,
    "a number without end": "2[" + "9" * 10_000 + "]",
    "too long": _event("client_message", {"message": "x" * FRAME_LIMIT}),
    "no event": "2[]",
    "an event that is no name": "2[7]",
    "an event that is a list": '2[["stop"]]',
    "connect as an event": _event("connect", {"HTTP_COOKIE": "x"}, {"sessionId": "x"}),
    "disconnect as an event": _event("disconnect"),
    "an internal event": _event("message", "x"),
    "any event": _event("*", "x"),
    "another event": _event("ask", {}),
    "a name like ours": _event("Client_Message", {}),
    "a message without value": _event("client_message"),
    "a message with more": _event("client_message", {}, {}),
    "a stop with a value": _event("stop", {}),
}


@pytest.mark.parametrize("frame", FORGED.values(), ids=list(FORGED))
def test_a_forged_frame_is_refused(frame: object) -> None:
    assert fault(frame)


@pytest.mark.parametrize(
    "frame",
    [
        '0{"sessionId":"x"}',
        "1",
        _event("client_message", {"message": {"output": "\U0001f642" * QUESTION_LIMIT}}),
        _event("chat_settings_change", {"engine": "model"}),
        _event("connection_successful"),
        _event("clear_session"),
        _event("stop"),
    ],
)
def test_what_the_page_sends_is_taken(frame: str) -> None:
    assert fault(frame) is None


@given(st.one_of(st.text(max_size=200), st.from_regex(r"[0-6][\[{].{0,60}"), st.binary(max_size=50)))
def test_whatever_comes_is_judged(frame: object) -> None:
    if fault(frame) is None:
        assert isinstance(frame, str)
        assert frame == "1" or frame.startswith("0{") or json.loads(frame[1:])[0] in EVENTS


class World:
    """Engine.IO's three handlers, which note what reaches them, and a clock that stands still."""

    def __init__(self, **limits: int) -> None:
        self.heard: list[object] = []
        self.closed: list[str] = []
        self.now = 0.0
        self.handlers: dict[str, Handler] = dict.fromkeys(("connect", "message", "disconnect"), self._hear)
        self.lines = Lines(limits.get("each", 3), limits.get("all", 5), lambda: self.now)
        self.lines.guard(self.handlers, self._close)

    async def _hear(self, line: str, what: object = None) -> None:
        self.heard.append(what)

    async def _close(self, line: str) -> None:
        self.closed.append(line)
        await self.handlers["disconnect"](line)

    def open(self, line: str, address: str = "192.0.2.1") -> bool:
        environ = {"asgi.scope": {"client": (address, 1)}}
        return asyncio.run(self.handlers["connect"](line, environ)) is not False  # type: ignore[arg-type]

    def say(self, line: str, frame: object) -> bool:
        self.heard.clear()
        asyncio.run(self.handlers["message"](line, frame))  # type: ignore[arg-type]
        return self.heard == [frame]


def test_connections_are_counted_by_address_and_in_all() -> None:
    world = World(each=2, all=3)
    assert [world.open(line) for line in "abc"] == [True, True, False]
    assert [world.open(line, "192.0.2.2") for line in "de"] == [True, False]
    asyncio.run(world.handlers["disconnect"]("a"))  # type: ignore[arg-type]
    assert world.open("f")
    for line in "abcdef":
        asyncio.run(world.handlers["disconnect"](line))  # type: ignore[arg-type]
    assert len(world.lines) == 0
    assert not world.lines._of


def test_a_connection_starts_one_conversation() -> None:
    world = World()
    world.open("a")
    assert world.say("a", '0{"sessionId":"x"}')
    assert not world.say("a", '0{"sessionId":"y"}')
    assert world.closed == ["a"]
    assert not world.say("a", _event("stop"))


@pytest.mark.parametrize("event", UNUSED_EVENTS)
def test_unused_events_are_dropped_and_do_no_harm(event: str) -> None:
    world = World()
    world.open("a")
    assert not world.say("a", _event(event, {}))
    assert world.closed == []


@pytest.mark.parametrize("frame", FORGED.values(), ids=list(FORGED))
def test_a_connection_that_forges_is_closed(frame: object) -> None:
    world = World()
    world.open("a")
    assert not world.say("a", frame)
    assert world.closed == ["a"]


def test_a_flood_of_frames_closes_the_connection_and_time_makes_room() -> None:
    world = World()
    world.open("a")
    sent = 0
    while world.say("a", _event("stop")):
        sent += 1
    assert world.closed == ["a"]
    world.open("b")
    for _ in range(sent * 2):
        world.now += 1
        assert world.say("b", _event("stop"))


def test_a_bucket_fills_again() -> None:
    rate, bucket = Rate(10, 60), Bucket().more(10)
    assert [bucket.at_time(rate, now).taken for now in (0, 6, 30, 60, 600)] == [10, 9, 5, 0, 0]
    assert bucket.at_time(rate, 6).at_time(rate, 12) == bucket.at_time(rate, 12)
    assert Bucket(5, 10).at_time(rate, 0).taken == 5  # a clock that goes back gives nothing


def test_a_ration_refuses_the_address_and_then_all() -> None:
    now = 0.0
    ration = Ration(Rate(2, 60), Rate(3, 60), lambda: now)
    assert [ration.take("a") for _ in range(2)] == [None, None]
    refused = ration.take("a")
    assert refused is not None
    assert (refused.whose, refused.seconds) == ("address", pytest.approx(30))
    assert ration.take("b") is None
    other = ration.take("c")
    assert other is not None
    assert (other.whose, other.seconds) == ("all", pytest.approx(20))
    now = 30.0
    assert ration.take("a") is None


def test_what_was_set_aside_and_not_used_comes_back_and_debts_are_paid() -> None:
    now = 0.0
    ration = Ration(Rate(100, 100), Rate(1000, 100), lambda: now)
    assert ration.take("a", 90) is None
    assert ration.take("a", 20) is not None
    ration.give_back("a", 80)
    assert ration.take("a", 20) is None
    ration.give_back("a", -170)
    now = 50.0
    assert ration.take("a", 1) is not None
    now = 101.0
    assert ration.take("a", 1) is None


def test_more_than_a_whole_bucket_may_be_taken_of_a_full_one() -> None:
    ration = Ration(Rate(10, 60), Rate(10, 60), lambda: 0.0)
    assert ration.take("a", 25) is None
    assert ration.take("a", 1) is not None


def test_addresses_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    ration = Ration(Rate(2, 60), Rate(10**9, 60), lambda: now)
    for number in range(500):
        ration.take(f"a{number}")
    assert len(ration) == 500
    now = 61.0
    ration.take("b")
    assert len(ration) == 1
    monkeypatch.setattr("rag.limits._KEYS", 50)
    for number in range(500):
        ration.take(f"c{number}")
    assert len(ration) == 50


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (["192.0.2.7", 5], "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::1", 5), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 5), "192.0.2.7"),
        (("fe80::1%eth0", 5), "fe80::/64"),
        (("localhost; x", 5), "unknown"),
        (None, "unknown"),
        ((), "unknown"),
    ],
)
def test_who_counts_as_one(client: object, address: str) -> None:
    assert address_of(client) == address


async def _replayed(outbox: Outbox) -> list[tuple[str, Any]]:
    heard: list[tuple[str, Any]] = []

    async def emit(event: str, data: Any) -> None:
        heard.append((event, data))

    await outbox.replay(emit)
    return heard


def test_an_outbox_says_a_message_as_it_is_now_where_it_stood() -> None:
    outbox = Outbox()
    outbox.note("task_start", {})
    outbox.note("new_message", {"id": "1", "output": "wait"})
    outbox.note("stream_start", {"id": "2", "output": "One."})
    outbox.note("stream_token", {"id": "2", "token": " Two."})
    outbox.note("new_message", {"id": "3", "output": "step"})
    outbox.note("delete_message", {"id": "1"})
    assert [(e, d["id"]) for e, d in asyncio.run(_replayed(outbox))] == [
        ("delete_message", "1"),
        ("stream_start", "2"),
        ("stream_token", "2"),
        ("new_message", "3"),
    ]
    outbox.note("update_message", {"id": "2", "output": "All."})
    outbox.note("element", {"id": "2", "forId": "2"})
    assert asyncio.run(_replayed(outbox))[1] == ("new_message", {"id": "2", "output": "All."})
    assert len(outbox) == 4
    outbox.clear()
    assert asyncio.run(_replayed(outbox)) == []


def test_what_is_said_during_a_replay_comes_after_it() -> None:
    outbox, heard = Outbox(), list[str]()

    async def story() -> None:
        async def emit(event: str, data: Any) -> None:
            await asyncio.sleep(0)
            heard.append(event)

        say = outbox.recording(emit)
        await say("stream_start", {"id": "1", "output": ""})
        await say("stream_token", {"id": "1", "token": "x"})
        heard.clear()
        await asyncio.gather(outbox.replay(emit), say("update_message", {"id": "1", "output": "whole"}))

    asyncio.run(story())
    assert heard == ["stream_start", "stream_token", "update_message"]


def test_who_is_back_hears_a_message_from_its_beginning_and_once() -> None:
    outbox, heard = Outbox(), list[tuple[str, str]]()

    async def story() -> None:
        async def emit(event: str, data: Any) -> None:
            heard.append((event, data.get("output", "")))

        say = outbox.recording(emit)
        await say("stream_start", {"id": "1", "output": "Half"})
        heard.clear()
        outbox.wait()
        await say("update_message", {"id": "1", "output": "Half and whole"})
        await say("element", {"id": "2", "forId": "1"})
        await say("task_end", {})
        await outbox.replay(emit)
        await say("delete_message", {"id": "3"})

    asyncio.run(story())
    assert heard == [("task_end", ""), ("new_message", "Half and whole"), ("element", ""), ("delete_message", "")]


def test_an_outbox_that_would_grow_for_ever_says_nothing_rather_than_half() -> None:
    outbox = Outbox()
    outbox.note("stream_start", {"id": "1", "output": ""})
    for _ in range(6_000):
        outbox.note("stream_token", {"id": "1", "token": "x"})
    assert asyncio.run(_replayed(outbox)) == []
