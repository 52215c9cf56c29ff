"""The `rag` command: parsing and printing only. Nothing heavy is imported before a subcommand needs it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rag.errors import RagError, SettingsError
from rag.settings import ENGINES, LANGUAGE_CHOICES, Settings

if TYPE_CHECKING:
    from rag.pipeline import Assistant

MAX_LINE = 4 * 1024 * 1024  # characters of one line of a batch


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status: 0 done, 2 the words are off, 3 corpus or index, 4 model endpoint."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except RagError as error:
        print(f"rag: {error}".replace("\n", " "), file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        sys.stderr.close()  # the reader left; a second complaint at exit helps nobody
        return 0
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rag", description="Cited answers from a folder of documents.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (run, help_text, arguments) in _COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.set_defaults(run=run)
        for flags, options in arguments:
            command.add_argument(*flags, **options)
        for flags, options in _COMMON:
            command.add_argument(*flags, **options)
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    given = {name: getattr(args, name) for name in ("corpus", "store", "prompt", "language", "engine")}
    return Settings.from_environment(**given)


def _assistant(args: argparse.Namespace) -> Assistant:
    from rag.pipeline import open_assistant

    return open_assistant(_settings(args), progress=_bar() if sys.stderr.isatty() else None)


def _bar() -> Callable[[int, int], None]:
    """A progress bar on the terminal; `rich` draws it only while there is something to show."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(TextColumn("index"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=True)
    task = bar.add_task("index")

    def advance(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    return advance


def _say(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _index(args: argparse.Namespace) -> None:
    from rag.index import open_index

    index = open_index(_settings(args), progress=_bar() if sys.stderr.isatty() else None)
    for problem in index.info.problems:
        print(f"rag: {problem.name} {problem.message}", file=sys.stderr)
    print(f"{len(index.sources)} documents, {len(index.passages)} passages, embedding {index.info.model or 'none'}")
    index.close()


def _search(args: argparse.Namespace) -> None:
    from rag.wire import search_json

    found = _assistant(args).search(args.question, args.k)
    if args.json:
        return _say(search_json(args.question, found.language, found.hits, None))
    for number, hit in enumerate(found.hits, 1):
        text = " ".join(hit.passage.text.split())
        print(f"{number:3} {hit.score:.3f} {hit.passage.source}:{hit.passage.start}-{hit.passage.end}  {text[:100]}")
    return None


def _ask(args: argparse.Namespace) -> None:
    from rag.view import sources_text
    from rag.wire import answer_json

    answer = _assistant(args).ask(args.question)
    if args.json:
        return _say(answer_json(answer, None))
    print(answer.text)
    print(sources_text(answer), end="")
    return None


def _batch(args: argparse.Namespace) -> None:
    from rag.wire import answer_json, question_of, search_json

    assistant = None
    with _open(args.input) as lines, _create(args.output) as out:
        for number, line in enumerate(_lines(lines), 1):
            id: Any = number
            try:
                data = json.loads(line)
                id = data.get("id", number) if isinstance(data, dict) else number
                question, history = question_of(data)
                assistant = assistant or _assistant(args)
                if args.search_only:
                    found = assistant.search(question, args.k, history)
                    result = search_json(question, found.language, found.hits, id)
                else:
                    result = answer_json(assistant.ask(question, history), id)
            except (SettingsError, ValueError, RecursionError) as error:
                result = {"id": id, "error": {"line": number, "message": _reason(error)}}
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
            out.flush()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, RagError) else "the line is no JSON of the form that batch reads"


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The lines that hold something. One that is not UTF-8 or too long becomes a line that no JSON parser takes."""
    while raw := file.readline(MAX_LINE):
        if len(raw) == MAX_LINE and not raw.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            raw = b"too long"
        try:
            line = raw.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            line = "not UTF-8"
        if line:
            yield line


def _open(path: Path) -> IO[bytes]:
    try:
        return sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint="name a JSON-lines file, or -") from error


def _create(path: Path) -> IO[str]:
    try:
        return open(1, "w", encoding="utf-8", closefd=False) if str(path) == "-" else path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", hint="name another file, or -") from error


def _check(args: argparse.Namespace) -> None:
    from rag.check import check

    with _open(args.input) as lines, _create(args.output) as out:
        for number, line in enumerate(_lines(lines), 1):
            id: Any = number
            try:
                data = json.loads(line)
                id = data["id"]
                verdict = check(str(data["sentence"]), [str(text) for text in data["evidence"]])
                result = {"id": id, "verdict": verdict.verdict, "support": verdict.support, "reason": verdict.reason}
            except (ValueError, KeyError, TypeError):
                message = 'write {"id", "sentence", "evidence": [text...]} on each line'
                result = {"id": id, "error": {"line": number, "message": message}}
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
            out.flush()


def _prompts(args: argparse.Namespace) -> int:
    from rag.prompts import load

    templates = load(_settings(args).prompts)
    for template in templates.good.values():
        print(f"{template.name:12} {template.title_in('en')}: {template.description_in('en')}")
    for error in templates.broken:
        print(f"rag: {error}", file=sys.stderr)
    return templates.broken[0].exit_status if templates.broken else 0


def _translations(args: argparse.Namespace) -> int:
    from rag.translation_check import lines, report

    found = report(_settings(args).corpus)
    for line in lines(found):
        print(line)
    return 0 if found.is_complete else 3


def _doctor(args: argparse.Namespace) -> int:
    from rag.doctor import examine

    findings = list(examine(_settings(args)))
    for finding in findings:
        print(f"{'ok  ' if finding.good else 'FIX ' if finding.needed else 'none'} {finding.what}: {finding.detail}")
    return 3 if any(finding.needed and not finding.good for finding in findings) else 0


_Argument = tuple[tuple[str, ...], dict[str, Any]]
_QUESTION: _Argument = (("question",), {"help": "the question, as a patient would ask it"})
_JSON: _Argument = (("--json",), {"action": "store_true", "help": "print the whole answer as JSON"})


def _k(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError("give a whole number from 1 to 10000")
    return value


_K: _Argument = (("-k",), {"type": _k, "default": 10, "metavar": "N", "help": "how many passages (10)"})
_IN: _Argument = (("input",), {"type": Path, "metavar": "IN.jsonl", "help": "a JSON object a line; - for stdin"})
_OUT: _Argument = (("output",), {"type": Path, "metavar": "OUT.jsonl", "help": "a JSON object a line; - for stdout"})
_SEARCH_ONLY: _Argument = (("--search-only",), {"action": "store_true", "help": "passages instead of answers"})

_COMMON: tuple[_Argument, ...] = (
    (("--corpus",), {"type": Path, "metavar": "DIR", "help": "folder of .txt and .md files (seeds)"}),
    (("--store",), {"type": Path, "metavar": "DIR", "help": "folder of the index (.store)"}),
    (("--prompt",), {"metavar": "NAME", "help": "prompt template (plain)"}),
    (("--language",), {"choices": LANGUAGE_CHOICES, "help": "language of the answer (auto: the question's)"}),
    (("--engine",), {"choices": ENGINES, "help": "who writes the answer (auto)"}),
)
_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int | None], str, tuple[_Argument, ...]]] = {
    "index": (_index, "build the index of the corpus, or say that it is there", ()),
    "search": (_search, "the passages found for a question", (_QUESTION, _K, _JSON)),
    "ask": (_ask, "a cited answer", (_QUESTION, _JSON)),
    "batch": (_batch, "answer a file of questions, a line each", (_IN, _OUT, _SEARCH_ONLY, _K)),
    "check": (_check, "does the evidence carry the sentence? a line each", (_IN, _OUT)),
    "prompts": (_prompts, "the prompt templates, and what is wrong with the broken ones", ()),
    "translations": (_translations, "which sentences are translated, stale or suspicious", ()),
    "doctor": (_doctor, "what is there, what is not, and the fix", ()),
}

if __name__ == "__main__":
    sys.exit(main())
