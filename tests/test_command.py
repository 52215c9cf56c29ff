"""The `rag` command as other programs see it: a process of its own, JSON in and out, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from core_world import ARM, PROMPTS, ROOT, WHAT_IS, seeds, seeds_settings

from rag.__main__ import main
from rag.wire import MAX_HISTORY

ANSWER = {
    "id", "question", "language", "outcome", "engine", "prompt", "text", "sentences", "citations", "passages",
    "withheld", "guard", "timings_ms",
}  # fmt: skip
SENTENCE = {"text", "citations", "verdict", "support"}
CITATION = {"number", "source", "title", "language", "start", "end", "quote", "translation"}
PASSAGE = {"source", "start", "end", "score", "dense_rank", "lexical_rank"}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """`corpus/` with a good file, a good one in French and a bad one; `store/` with its index, without embeddings."""
    home = tmp_path_factory.mktemp("command")
    (home / "corpus").mkdir()
    (home / "corpus" / "arm.txt").write_text(ARM["en"], encoding="utf-8")
    (home / "corpus" / "bras.md").write_text(ARM["fr"], encoding="utf-8")
    (home / "corpus" / "latin.txt").write_bytes("Le cœur est touché.".encode("utf-16"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_EMBEDDING", "none")
        assert main(["index", *where(home)]) == 0
    return home


def where(home: Path) -> list[str]:
    return ["--corpus", str(home / "corpus"), "--store", str(home / "store")]


def start(*words: str, cwd: Path = ROOT, **environ: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "RAG_EMBEDDING": "none", "PYTHONDONTWRITEBYTECODE": "1", **environ}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "rag", *words], cwd=cwd, env=env, stdin=pipe, stdout=pipe, stderr=pipe
    )


def run(*words: str, cwd: Path = ROOT, **environ: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a whole run."""
    process = start(*words, cwd=cwd, **environ)
    out, err = process.communicate(timeout=120)
    return process.returncode, out.decode(), err.decode()


def shape(answer: Mapping[str, Any]) -> None:
    """The keys and kinds of values that the contract promises."""
    assert set(answer) == ANSWER
    assert all(set(sentence) == SENTENCE for sentence in answer["sentences"])
    assert all(set(citation) == CITATION for citation in answer["citations"])
    assert all(set(passage) == PASSAGE for passage in answer["passages"])
    assert set(answer["timings_ms"]) == {"guard", "retrieve", "answer", "total"}
    assert answer["guard"] is None or set(answer["guard"]) == {"rule", "reason"}
    assert isinstance(answer["withheld"], int)
    assert {sentence["verdict"] for sentence in answer["sentences"]} <= {"verbatim", "translated", "supported"}


@pytest.fixture(scope="module")
def runs(home: Path) -> dict[str, tuple[int, str, str]]:
    """Runs that take seconds, side by side; from another folder, so that nothing is found by accident."""
    away = home / "away"
    away.mkdir()
    (away / "q.jsonl").write_text(json.dumps({"id": 7, "question": WHAT_IS["en"]}) + "\n", encoding="utf-8")
    at = where(home)
    commands = {
        "ask": ["ask", WHAT_IS["en"], "--json", "--prompt", "clinician", "--language", "fr", *at],
        "ask in words": ["ask", WHAT_IS["en"], *at],
        "search": ["search", WHAT_IS["en"], "--json", "-k", "2", *at],
        "search only": ["batch", "--search-only", "-k", "1", "q.jsonl", "-", *at],
        "model": ["ask", WHAT_IS["en"], "--engine", "model", *at],
        "unknown prompt": ["ask", WHAT_IS["en"], "--prompt", "none", *at],
        "no folder": ["ask", WHAT_IS["en"], "--corpus", "nowhere", "--store", "s"],
        "empty folder": ["ask", WHAT_IS["en"], "--corpus", ".", "--store", "s"],
    }
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda words: run(*words, cwd=away, LC_ALL="C", PYTHONIOENCODING="ascii"), commands.values())
        return dict(zip(commands, done, strict=True))


def test_ask_gives_the_answer_of_the_contract(runs):
    status, out, err = runs["ask"]
    answer = json.loads(out)
    shape(answer)
    assert status == 0 and out.count("\n") == 1
    assert answer["id"] is None and answer["question"] == WHAT_IS["en"] and answer["outcome"] == "answered"
    assert (answer["language"], answer["prompt"], answer["engine"]) == ("fr", "clinician", "extractive")
    cited = answer["citations"][0]
    assert cited["quote"] in ARM["en"] + ARM["fr"] and cited["end"] - cited["start"] == len(cited["quote"])
    assert err.count("\n") == 1 and "latin.txt" in err and "UTF-8" in err


def test_ask_in_words_shows_text_and_sources_on_any_terminal(runs):
    status, out, _ = runs["ask in words"]
    assert status == 0
    assert out.startswith("Lymphoedema is a swelling of the arm") and "[1] arm.txt:" in out


def test_search_gives_the_passages_with_their_text(runs):
    status, out, _ = runs["search"]
    found = json.loads(out)
    assert status == 0 and set(found) == {"id", "question", "language", "hits"}
    assert len(found["hits"]) == 2 and all(set(hit) == PASSAGE | {"text"} for hit in found["hits"])
    texts = {"arm.txt": ARM["en"], "bras.md": ARM["fr"]}
    assert all(hit["text"] == texts[hit["source"]][hit["start"] : hit["end"]] for hit in found["hits"])


def test_batch_can_search_only(runs):
    status, out, _ = runs["search only"]
    found = json.loads(out)
    assert status == 0 and found["id"] == 7 and len(found["hits"]) == 1 and set(found["hits"][0]) == PASSAGE | {"text"}


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("model", 4, "extractive"),
        ("unknown prompt", 2, "plain"),
        ("no folder", 3, "nowhere"),
        ("empty folder", 3, "txt"),
    ],
)
def test_an_error_is_its_status_and_one_line_that_says_the_fix(runs, name: str, status: int, says: str):
    found, out, err = runs[name]
    assert found == status and out == ""
    assert err.startswith("rag: ") and err.count("\n") == 1 and says in err and "Traceback" not in err


# A batch


def line(**values: object) -> bytes:
    return json.dumps(values).encode()


QUESTION = WHAT_IS["en"]
BAD: dict[str, tuple[bytes, object]] = {
    "no JSON": (b"not JSON", None),
    "no object": (b'["a", "list"]', None),
    "a number": (b"42", None),
    "no question": (line(id="no question"), "no question"),
    "question is a number": (line(id=4, question=4), 4),
    "not UTF-8": (b'{"id": 1, "question": "\xff"}', None),
    "five megabytes": (line(id=1, question="x" * 5_000_000), None),
    "history is a text": (line(id="h1", question=QUESTION, history="no"), "h1"),
    "history is an object": (line(id="h2", question=QUESTION, history={}), "h2"),
    "history holds a text": (line(id="h3", question=QUESTION, history=["no"]), "h3"),
    "history of a strange role": (line(id="h4", question=QUESTION, history=[{"role": "system", "content": "x"}]), "h4"),
    "history without content": (line(id="h5", question=QUESTION, history=[{"role": "user"}]), "h5"),
    "too long a history": (
        line(id="h6", question=QUESTION, history=[{"role": "user", "content": "x"}] * (MAX_HISTORY + 1)), "h6",
    ),
    "NaN": (b'{"id": NaN, "question": "x"}', None),
    "a number too large": (b'{"id": 1e999, "question": "x"}', None),
    "deeply nested": (b'{"id": 1, "question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    "an object as id": (line(id={"a": 1}, question=QUESTION), None),
    "half a line": (b'{"id": 1, "quest', None),
}  # fmt: skip


class Conversation:
    """A batch that is fed one line at a time: the next is written when the answer to the last has been read."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout and process.stderr
        self.process, self.stdin, self.stdout, self.stderr = process, process.stdin, process.stdout, process.stderr

    def say(self, text: bytes) -> dict[str, Any]:
        self.stdin.write(text + b"\n")
        self.stdin.flush()
        return json.loads(self.stdout.readline())

    def end(self) -> tuple[int, bytes, bytes]:
        self.stdin.close()
        return self.process.wait(timeout=60), self.stdout.read(), self.stderr.read()


@pytest.fixture(scope="module")
def batch(home: Path) -> Iterator[Conversation]:
    process = start("batch", "-", "-", *where(home), LC_ALL="C")
    try:
        yield Conversation(process)
    finally:
        process.kill()
        process.wait()


def test_each_line_is_answered_before_the_next_is_read(batch: Conversation):
    for id in ("a text", 7, 1.5, None, "\ud800 half a letter", "日本"):
        answer = batch.say(line(id=id, question=QUESTION))
        shape(answer)
        assert answer["id"] == id and answer["outcome"] == "answered"
    without = batch.say(b'\xef\xbb\xbf{"question": "What is lymphoedema? \\ud83d"}')
    assert without["id"] == 7 and without["question"].endswith("\ud83d")  # the seventh line


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_an_error_object_and_no_more(batch: Conversation, name: str):
    text, id = BAD[name]
    found = batch.say(text)
    assert set(found) == {"id", "error"} and set(found["error"]) == {"line", "message"}
    assert found["error"]["message"] and "Traceback" not in found["error"]["message"]
    assert found["id"] == (found["error"]["line"] if id is None else id)


def test_a_batch_remembers_only_what_it_is_told(batch: Conversation):
    before = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "..."}]
    assert batch.say(line(id=1, question="and why?", history=before))["outcome"] == "answered"
    assert batch.say(line(id=2, question="and why?", history=[]))["outcome"] == "not_in_corpus"
    assert batch.say(line(id=3, question="and why?", history=None))["outcome"] == "not_in_corpus"


def test_blank_lines_are_counted_and_the_batch_ends_well(batch: Conversation):
    batch.stdin.write(b"\n \r\n")
    first = batch.say(b"bad")["error"]["line"]
    assert batch.say(b"bad")["error"]["line"] == first + 1
    status, out, err = batch.end()
    assert (status, out) == (0, b"")
    assert err.count(b"\n") == 1 and b"latin.txt" in err


def test_a_reader_that_leaves_ends_the_batch_without_a_word(home: Path):
    talk = Conversation(start("batch", "--search-only", "-", "-", *where(home)))
    talk.say(line(id=1, question=QUESTION))
    talk.stdout.close()
    talk.stdin.write(line(id=2, question=QUESTION) + b"\n")
    talk.stdin.close()
    assert talk.process.wait(timeout=60) == 0
    assert talk.stderr.read().count(b"\n") == 1  # the file that is left out, named when it began


def test_a_reader_that_left_before_the_first_word():
    process = start("prompts")
    assert process.stdout and process.stderr and process.stdin
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""


def test_the_command_answers_as_the_assistant_does(tmp_path: Path):
    """With the local embeddings, over the seeds, from file to file."""
    questions = ["Is stage 4 mesothelioma curable?", "化疗能消灭转移灶吗?", "Who won the match?", "Hello"]
    given, written = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = (json.dumps({"id": n, "question": q}, ensure_ascii=False) for n, q in enumerate(questions))
    given.write_text("\n".join(lines), encoding="utf-8")
    here = [seeds().ask(question) for question in questions]
    store = str(seeds_settings().store)
    status, out, err = run("batch", str(given), str(written), "--store", store, RAG_EMBEDDING="local")
    assert (status, out, err) == (0, "", "")
    there = [json.loads(text) for text in written.read_text(encoding="utf-8").splitlines()]
    assert all("error" not in answer for answer in there), there
    assert [(a["id"], a["question"], a["outcome"], a["text"]) for a in there] == [
        (n, a.question, a.outcome, a.text) for n, a in enumerate(here)
    ]
    for answer in there:
        shape(answer)
        for cited in answer["citations"]:
            text = (ROOT / "seeds" / cited["source"]).read_bytes().decode()
            assert cited["quote"] == text[cited["start"] : cited["end"]]


# The words of the call


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "COMMAND"),
        (["dance"], "dance"),
        (["ask"], "question"),
        (["ask", "x", "--language", "de"], "de"),
        (["ask", "x", "--engine", "magic"], "magic"),
        (["ask", "\udcff"], "UTF-8"),
        (["search", "x", "-k", "0"], "1 to 10000"),
        (["search", "x", "-k", "many"], "1 to 10000"),
        (["batch", "only-in.jsonl"], "OUT.jsonl"),
    ],
)
def test_words_that_are_off_are_one_line_and_status_2(words: list[str], says: str, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and out == ""
    assert err.startswith("rag: ") and err.count("\n") == 1 and says in err


def test_files_that_cannot_be_read_or_written_are_status_2(home: Path, tmp_path: Path, capsys):
    good = tmp_path / "in.jsonl"
    good.write_bytes(line(id=1, question="x"))
    cases = [
        ([str(tmp_path / "none.jsonl"), "-"], "cannot be read"),
        ([str(tmp_path), "-"], "cannot be read"),
        ([str(good), str(tmp_path)], "cannot be written"),
        ([str(good), str(tmp_path / "no" / "out.jsonl")], "cannot be written"),
        ([str(good), str(good)], "input as well"),
    ]
    for files, says in cases:
        assert main(["batch", *files, *where(home)]) == 2
        assert says in capsys.readouterr().err
    assert good.read_bytes() == line(id=1, question="x")


def test_a_full_disk_is_one_line(tmp_path: Path, capsys):
    (tmp_path / "in.jsonl").write_bytes(b"bad\n")
    assert main(["check", str(tmp_path / "in.jsonl"), "/dev/full"]) == 2
    err = capsys.readouterr().err
    assert "space" in err and "Traceback" not in err


def test_a_setting_of_the_environment_that_is_off_is_status_2(home: Path, capsys, monkeypatch):
    monkeypatch.setenv("RAG_ENGINE", "magic")
    assert main(["index", *where(home)]) == 2
    assert "extractive" in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    code = """
import sys
from rag.__main__ import main
try:
    main(["ask", "--help"])
except SystemExit:
    print(*{name.split(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    *usage, loaded = done.stdout.splitlines()
    assert usage[0].startswith("usage: rag ask")
    heavy = {
        "numpy",
        "llama_index",
        "chromadb",
        "onnxruntime",
        "chainlit",
        "openai",
        "yaml",
        "jinja2",
        "rich",
        "lingua",
    }
    assert not heavy & set(loaded.split())


def test_index_names_what_is_left_out(home: Path, capsys, monkeypatch):
    monkeypatch.setenv("RAG_EMBEDDING", "none")
    assert main(["index", *where(home)]) == 0
    out, err = capsys.readouterr()
    assert out == "2 documents, 2 passages, embedding none\n"
    assert err.count("\n") == 1 and "latin.txt" in err


def test_prompts_lists_the_good_and_names_the_broken(tmp_path: Path, capsys, monkeypatch):
    for file in PROMPTS.glob("*.md"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("RAG_PROMPTS", str(tmp_path))
    assert main(["prompts"]) == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()] == ["plain", "brief", "quotes", "clinician"]
    (tmp_path / "mine.md").write_text("---\ntitle: x\n---\n", encoding="utf-8")
    assert main(["prompts"]) == 2
    out, err = capsys.readouterr()
    assert "plain" in out and "mine.md, line 2" in err and err.count("\n") == 1


def test_check_judges_a_line_at_a_time(tmp_path: Path):
    evidence = "Chemotherapy may be used to slow the progression of the disease."
    lines = [
        line(id="same", sentence=evidence, evidence=[evidence]),
        line(id=2, sentence="Chemotherapy cures every patient within three days.", evidence=[evidence]),
        line(id=3, sentence="", evidence=[]),
        line(id=4, sentence=evidence),
        line(id=5, sentence=evidence, evidence=[4]),
        b"no JSON",
    ]
    given, written = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    given.write_bytes(b"\n".join(lines))
    assert main(["check", str(given), str(written)]) == 0
    found = [json.loads(text) for text in written.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in found] == ["same", 2, 3, 4, 5, 6]
    assert all(set(row) == {"id", "verdict", "support", "reason"} for row in found[:3])
    assert [row["verdict"] for row in found[:3]] == ["supported", "unsupported", "unsupported"]
    assert all(0 <= row["support"] <= 1 and row["reason"] for row in found[:3])
    assert all(set(row) == {"id", "error"} for row in found[3:])
