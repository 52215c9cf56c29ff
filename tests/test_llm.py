"""A chat model behind an endpoint: what is asked of it, and everything that can go wrong on the way."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import (
    DIMENSION,
    KEY,
    SECRET,
    Exchange,
    ModelServer,
    all_shown,
    chunk_of,
    for_ever,
    hang,
    honest,
    raw,
    says,
    status,
    then,
    writes,
)

from rag.chunks import BrokenStreamError, Chunks
from rag.doctor import Finding, examine
from rag.errors import ModelError, SettingsError
from rag.ledger import Ledger, SpentError
from rag.llama import as_llama_index
from rag.llm import ChatEndpoint
from rag.remote import Patience
from rag.settings import Settings
from rag.stop import Stop, StoppedError
from rag.tokens import tokens

QUICK = Patience(attempts=3, pause=0.01)
ASKED = [("system", "Be brief."), ("user", "What is a canary?")]
WHOLE = says("A bird", " that", " sings.")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def settings_of(server: ModelServer, **changes: object) -> Settings:
    known = Settings(model="some-model", openai_api_key=KEY, openai_base_url=server.base_url, answer_tokens=50)
    return replace(known, **changes)


def endpoint(server: ModelServer, patience: Patience = QUICK, **changes: object) -> ChatEndpoint:
    return ChatEndpoint.open(settings_of(server, **changes), patience)


# An endpoint that works


def test_it_is_asked_as_settings_say_and_answers_in_pieces():
    with ModelServer(WHOLE) as server:
        assert list(endpoint(server).stream(ASKED)) == ["A bird", " that", " sings."]
    (asked,) = server.requests
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.messages == ASKED
    assert {name: asked.body[name] for name in ("model", "stream", "max_tokens")} == {
        "model": "some-model", "stream": True, "max_tokens": 50,
    }  # fmt: skip


def test_a_server_of_ones_own_needs_no_key():
    with ModelServer(WHOLE) as server:
        assert endpoint(server, openai_api_key=None).complete(ASKED) == "A bird that sings."


def test_a_model_that_knows_other_names_for_its_limits_is_asked_again_at_once_and_once_only():
    def newer(exchange: Exchange) -> None:
        (status(400) if "max_tokens" in exchange.body or "temperature" in exchange.body else WHOLE)(exchange)

    with ModelServer(newer) as server:
        model = endpoint(server)
        assert model.complete(ASKED) == model.complete(ASKED) == "A bird that sings."
        assert len(server.requests) == 3
        assert server.requests[-1].body["max_completion_tokens"] == 50


def tolerated(exchange: Exchange) -> None:
    """What servers send besides text, and no harm in it."""
    exchange.open_stream("text/event-stream")
    exchange.write(b"\xef\xbb\xbf: a comment\r\n\r\nevent: message\r\nid: 1\r\n")
    exchange.write(chunk_of("A ") + b'data: {"choices": []}\n\ndata: {"choices": null}\n\n')
    exchange.delta(None)
    exchange.delta({"content": None, "reasoning_content": "Canaries, let me see."})
    exchange.delta({"role": None, "content": None, "tool_calls": None, "function_call": None, "refusal": None})
    one = chunk_of("kanarya, 金丝雀.")
    for at in range(len(one)):  # also in the middle of a letter
        exchange.write(one[at : at + 1])
    exchange.delta({"content": " It"}, "")
    exchange.delta({"content": " sings."}, "stop")
    exchange.write(b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\ndata: [DONE]\n\n')
    exchange.close_stream()


def test_what_servers_send_besides_text_is_passed_over():
    with ModelServer(tolerated) as server:
        assert endpoint(server).complete(ASKED) == "A kanarya, 金丝雀. It sings."


def test_threads_share_one_endpoint():
    with ModelServer(WHOLE) as server:
        model, said = endpoint(server), []
        threads = [threading.Thread(target=lambda: said.append(model.complete(ASKED))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert said == ["A bird that sings."] * 20


def test_llama_index_can_use_it():
    from llama_index.core.base.llms.types import ChatMessage

    with ModelServer(WHOLE) as server:
        model = as_llama_index(endpoint(server), 4096)
        asked = [ChatMessage(role=role, content=text) for role, text in ASKED]
        assert model.chat(asked).message.content == "A bird that sings."
        assert [piece.delta for piece in model.stream_chat(asked)] == ["A bird", " that", " sings."]
        assert model.complete("What is a canary?").text == "A bird that sings."
        assert [piece.text for piece in model.stream_complete("?")][-1] == "A bird that sings."
        assert (model.metadata.context_window, model.metadata.num_output) == (4096, 50)
        assert server.requests[1].messages == ASKED


# An endpoint that does not

PASSING = [
    status(429, retry_after="0"),
    status(429, retry_after="Wed, 01 Jan 2020 00:00:00 GMT"),
    status(500),
    status(503),
    Exchange.cut,
    then(what=Exchange.cut),
    then(what=Exchange.close_stream),
    then(what=writes(b"data: [DONE]\n\n")),
    then(what=writes(b'data: {"error": {"message": "overloaded"}}\n\n')),
]


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_before_the_first_word_is_tried_again(fault):
    with ModelServer(fault, WHOLE) as server:
        assert endpoint(server).complete(ASKED) == "A bird that sings."
        assert len(server.requests) == 2


PAGE = b"<!doctype html><title>Sign in</title>"
TOOL = {"tool_calls": [{"index": 0, "function": {"name": "shell", "arguments": SECRET}}]}
HUGE = 1_000_000

#: A fault, the requests that are made of it, and a word of the message or its hint.
LASTING = {
    "bad request": (status(400), 2, "RAG_MODEL"),
    "wrong key": (status(401), 1, "OPENAI_API_KEY"),
    "no right": (status(403), 1, "OPENAI_API_KEY"),
    "no such model": (status(404), 1, "RAG_MODEL"),
    "a teapot": (status(418), 1, "later"),
    "too many": (status(429), 3, "wait"),
    "too many for an hour": (status(429, retry_after="3600"), 1, "wait"),
    "too many for ever": (status(429, retry_after="inf"), 1, "wait"),
    "server error": (status(500), 3, "later"),
    "drop": (Exchange.cut, 3, "OPENAI_BASE_URL"),
    "a page": (raw(PAGE, "text/html"), 1, "/v1"),
    "a page that says it is a stream": (raw(PAGE, "text/event-stream"), 1, "/v1"),
    "no stream": (raw(b'{"choices": [{"message": {"content": "A bird."}}]}'), 1, "no stream"),
    "nothing": (raw(b"", "text/event-stream"), 3, "middle"),
    "empty events": (raw(b"\n\n\n\n", "text/event-stream"), 3, "middle"),
    "wrong content type": (raw(chunk_of("A bird."), "application/octet-stream"), 1, "no stream"),
    "not UTF-8": (then(what=writes(b"data: \xff\xfe\n\n")), 1, "UTF-8"),
    "no JSON": (then(what=writes(b"data: {never ending\n\n")), 1, "JSON"),
    "deep JSON": (then(what=writes(b"data: " + b"[" * 100_000 + b"\n\n")), 1, "JSON"),
    "no chunk": (then(what=writes(b"data: [1, 2]\n\n")), 1, "chunk"),
    "no text": (then(what=lambda e: e.delta({"content": {"a": 1}})), 1, "text"),
    "megabytes in an event": (then(what=writes(chunk_of("a" * HUGE))), 1, "far too many"),
    "an event that does not end": (then(what=writes(b"data: " + b"a" * HUGE)), 1, "far too many"),
    "many lines of an event": (then(what=writes(b"data: a\n" * (HUGE // 8))), 1, "far too many"),
    "more than was asked": (then(what=writes(chunk_of("a ") * 1_000)), 1, "more than was asked"),
    "tool calls": (then(what=lambda e: e.delta(TOOL)), 1, "tool"),
    "finish: tool calls": (says(reason="tool_calls"), 1, "tool"),
    "refusal": (then(what=lambda e: e.delta({"refusal": SECRET})), 1, "refused"),
    "length": (says(reason="length"), 1, "limit"),
    "content filter": (says(reason="content_filter"), 1, "filter"),
    "a reason of its own": (says(reason="because"), 1, "reason"),
    "a reason that is no text": (then(what=lambda e: e.delta({}, {"a": 1})), 1, "reason"),
}  # fmt: skip


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_says_the_fix_and_nothing_of_the_server(caplog, name):
    caplog.set_level(logging.INFO)
    fault, attempts, word = LASTING[name]
    with ModelServer(fault) as server:
        with pytest.raises(ModelError) as caught:
            endpoint(server).complete(ASKED)
        assert len(server.requests) == attempts
    assert word in str(caught.value) and caught.value.hint
    shown = all_shown(caught.value, caplog.text)
    assert not [secret for secret in (SECRET, KEY, "canary", "Sign in") if secret in shown]


CUTS = {
    "drop": then("A bird", what=Exchange.cut),
    "clean close": then("A bird", what=Exchange.close_stream),
    "done without a reason": then("A bird", what=writes(b"data: [DONE]\n\n")),
    "error event": then("A bird", what=writes(b'data: {"error": {"message": "' + SECRET.encode() + b'"}}\n\n')),
    "length": says("A bird", reason="length"),
    "content filter": says("A bird", reason="content_filter"),
    "no JSON": then("A bird", what=writes(b"data: nonsense\n\n")),
    "silence": then("A bird", what=hang),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_fault_after_the_first_word_is_an_error_and_not_tried_again(name):
    with ModelServer(CUTS[name], WHOLE) as server:
        said = endpoint(server, token_seconds=0.3).stream(ASKED)
        assert next(said) == "A bird"
        with pytest.raises(ModelError):
            next(said)
        assert len(server.requests) == 1


SLOW = {
    "silence": (hang, {"first_token_seconds": 0.3}),
    "a byte now and then": (then(what=for_ever(b":")), {"first_token_seconds": 0.3}),
    "comments": (then(what=for_ever(b": still here\n\n")), {"first_token_seconds": 0.3}),
    "null deltas": (then(what=for_ever(chunk_of(None))), {"first_token_seconds": 0.3}),
    "silence after a word": (then("A ", what=hang), {"token_seconds": 0.3}),
    "null deltas after a word": (then("A ", what=for_ever(chunk_of(None))), {"token_seconds": 0.3}),
    "a token now and then": (then("A ", what=for_ever(chunk_of("a"))), {"answer_seconds": 0.5, "answer_tokens": 4000}),
}


@pytest.mark.parametrize("name", SLOW)
def test_nothing_hangs(name):
    fault, changes = SLOW[name]
    with ModelServer(fault) as server, pytest.raises(ModelError, match="in time"):
        endpoint(server, Patience(attempts=1), **changes).complete(ASKED)


def test_an_endless_answer_is_given_up_and_its_connection_closed():
    with ModelServer(then(what=for_ever(chunk_of("word " * 50), 0))) as server:
        with pytest.raises(ModelError, match="more than was asked"):
            endpoint(server).complete(ASKED)
        assert server.requests[0].gone.wait(20)


def test_an_endless_page_of_an_error_is_given_up():
    def endless(exchange: Exchange) -> None:
        exchange.begin(500, 10**12, "text/html")
        while not exchange.released.is_set():
            exchange.handler.wfile.write(b"x" * 65536)

    with ModelServer(endless) as server, pytest.raises(ModelError, match="more than was asked"):
        endpoint(server).complete(ASKED)


def test_a_server_that_is_not_there():
    with ModelServer() as server:
        gone = server
    with pytest.raises(ModelError, match="cannot be reached"):
        endpoint(gone).complete(ASKED)


def test_a_name_that_nobody_knows():
    with ModelServer() as server, pytest.raises(ModelError, match="cannot be reached"):
        endpoint(server, openai_base_url="http://no-such-host.invalid/v1").complete(ASKED)


def test_an_endpoint_that_speaks_no_tls():
    with ModelServer() as server, pytest.raises(ModelError, match="cannot be reached"):
        endpoint(server, openai_base_url=server.base_url.replace("http", "https")).complete(ASKED)


@pytest.mark.parametrize("changes", [{"model": None}, {"openai_api_key": None, "openai_base_url": None}])
def test_without_a_model_it_says_what_to_set(changes):
    with ModelServer() as server, pytest.raises(ModelError, match="no language model") as caught:
        endpoint(server, **changes)
    assert "RAG_MODEL" in caught.value.hint


@pytest.mark.parametrize("changes", [{"openai_api_key": "sk a"}, {"openai_base_url": "ftp://127.0.0.1"}])
def test_settings_that_cannot_work_are_refused_before_anything_is_sent(changes):
    with ModelServer() as server:
        with pytest.raises(SettingsError) as caught:
            endpoint(server, **changes)
        assert server.requests == []
    assert "sk a" not in str(caught.value)


# Stopping


@pytest.mark.parametrize("name", ["a stream", "silence after a word", "silence"])
def test_stop_ends_the_wait_and_closes_the_connection(name):
    arrived = threading.Event()

    def noting(exchange: Exchange) -> None:
        arrived.set()
        going_on = then("A ", what=for_ever(chunk_of("a"))) if name == "a stream" else hang
        (then("A ", what=hang) if name == "silence after a word" else going_on)(exchange)

    with ModelServer(noting) as server:
        stop, ended = Stop(), []

        def read() -> None:
            try:
                for _ in endpoint(server, answer_tokens=4000).stream(ASKED, stop):
                    pass
            except StoppedError:
                ended.append("stopped")

        reader = threading.Thread(target=read)
        reader.start()
        assert arrived.wait(20)
        stop.set()
        reader.join(20)
        assert ended == ["stopped"]
        if name == "a stream":
            assert server.requests[0].gone.wait(20)


def test_closing_the_iterator_closes_the_connection():
    with ModelServer(then("A ", what=for_ever(chunk_of("a")))) as server:
        said = endpoint(server, answer_tokens=4000).stream(ASKED)
        assert next(said) == "A "
        said.close()
        assert server.requests[0].gone.wait(20)


def test_stop_ends_the_pause_before_another_attempt():
    stop = Stop()

    def refusing(exchange: Exchange) -> None:
        status(429, retry_after="30")(exchange)
        stop.set()

    with ModelServer(refusing) as server, pytest.raises(StoppedError):
        endpoint(server).complete(ASKED, stop)


def test_what_is_stopped_already_is_not_begun_anew():
    stop = Stop()
    stop.set()
    with ModelServer(hang) as server, pytest.raises(StoppedError):
        endpoint(server).complete(ASKED, stop)


# The day's tokens


def test_the_days_tokens_are_counted_and_kept():
    prompt = sum(tokens(text) for _, text in ASKED)
    with ModelServer(WHOLE) as server:
        model = endpoint(server, tokens_per_day=2 * (prompt + 50) + 1)
        for _ in range(2):
            model.complete(ASKED)
        with pytest.raises(SpentError, match="of the day"):
            model.complete(ASKED)
        assert len(server.requests) == 2


def test_what_was_refused_is_not_counted():
    ledger = Ledger(100)
    ledger.spend(60)
    with pytest.raises(SpentError):
        ledger.spend(60)
    ledger.spend(40)


# The stream itself


def pieces_of(data: bytes, cuts: list[int]) -> list[str]:
    chunks, said = Chunks(), []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        said += [piece.text for piece in chunks.feed(data[start:end])]
    return said


TEXTS = st.lists(st.text(min_size=1, max_size=8), max_size=6)


@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_how_the_bytes_are_cut_changes_nothing(texts, cuts, newline):
    data = b"".join(map(chunk_of, texts)).replace(b"\n", newline) + b": end" + newline
    assert "".join(pieces_of(data, cuts)) == "".join(texts).encode(errors="replace").decode()


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_text_or_a_broken_stream(parts):
    chunks = Chunks()
    try:
        for part in parts:
            assert all(isinstance(piece.text, str) for piece in chunks.feed(part))
        list(chunks.close())
    except BrokenStreamError as error:
        assert error.what
    else:
        pytest.fail("a stream without an end is none")


def test_json_of_any_shape_is_read_or_refused():
    for value in ({}, {"choices": 5}, {"choices": [5]}, {"choices": [{"delta": 5}]}, {"choices": [{}]}):
        assert list(Chunks().feed(b"data: " + json.dumps(value).encode() + b"\n\n")) == []


# What the doctor says of it


def looked_at(what: str, settings: Settings) -> Finding:
    """One finding of the doctor."""
    return next(finding for finding in examine(settings) if finding.what == what)


def test_the_doctor_asks_the_model_for_a_word():
    with ModelServer(says("OK")) as server:
        found = looked_at("language model", settings_of(server))
        assert found.good and "some-model at 127.0.0.1 answers" in found.detail
        assert [role for role, _ in server.requests[0].messages] == ["user"]


@pytest.mark.parametrize(
    ("fault", "patience", "fix"),
    [(status(401), 30, "OPENAI_API_KEY"), (status(404), 30, "RAG_MODEL"), (hang, 1, "later")],
)
def test_the_doctor_says_what_is_wrong_with_it_and_never_the_key(fault, patience, fix):
    with ModelServer(fault) as server:
        found = looked_at("language model", settings_of(server, first_token_seconds=patience))
        assert len(server.requests) <= 1  # a request may come too late to be counted, but no second one is made
    assert not found.good and found.needed and fix in found.detail
    assert KEY not in found.detail and SECRET not in found.detail


def test_the_doctor_says_what_a_model_would_need():
    without = looked_at("language model", Settings(openai_api_key=KEY))
    assert not without.good and not without.needed and "set RAG_MODEL" in without.detail
    assert KEY not in without.detail


def test_the_doctor_asks_an_endpoint_of_embeddings_for_vectors():
    with ModelServer(honest) as server:
        found = looked_at("embedding", settings_of(server, embedding="openai"))
        assert found.good and f"vectors of {DIMENSION} numbers" in found.detail
