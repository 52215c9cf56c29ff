"""The `rag` command: parsing and printing only. Nothing heavy is imported before a subcommand needs it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rag.errors import RagError
from rag.evals.command import COMMANDS as EVALUATION
from rag.passwords import COMMANDS as SIGN_IN
from rag.settings import ENGINES, LANGUAGE_CHOICES, Settings

if TYPE_CHECKING:
    from rag.pipeline import Assistant

_NAMED = 3  # of files that are left out, so many are named by a question; `rag index` names all


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status: 0 done, 2 the words are off, 3 corpus or index, 4 model endpoint."""
    args = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a letter shows its number
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = int(args.run(args) or 0)
        sys.stdout.flush()
    except RagError as error:
        _complain(str(error))
        return error.exit_status
    except BrokenPipeError:
        # The reader left; what is still buffered goes nowhere, without a second complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        _complain(f"{error.strerror or error}: {error.filename or 'the output'} (make room, or name another file)")
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _complain(message: str) -> None:
    print("rag:", " ".join(message.split()), file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"rag: {message} (see `{self.prog} --help`)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rag", description="Cited answers from a folder of documents.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (run, help_text, arguments) in _COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.set_defaults(run=run)
        for flags, options in arguments:
            command.add_argument(*flags, **options)
        own = {flag for flags, _ in arguments for flag in flags}
        for flags, options in _COMMON:
            if own.isdisjoint(flags):
                command.add_argument(*flags, **options)
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    given = {name: getattr(args, name) for name in ("corpus", "store", "prompt", "language", "engine")}
    return Settings.from_environment(**given)


def _assistant(args: argparse.Namespace) -> Assistant:
    """Opened as the arguments say. Raises PromptError before anything is built for a prompt that there is not."""
    from rag.pipeline import open_assistant
    from rag.prompts import load

    settings = _settings(args)
    load(settings.prompts).get(settings.prompt)
    assistant = open_assistant(settings, progress=_bar() if sys.stderr.isatty() else None)
    problems = [f"{problem.name} {problem.message}" for problem in assistant.index.info.problems]
    if problems:
        more = [f"{len(problems) - _NAMED} more (`rag index` names all)"] if len(problems) > _NAMED else []
        _complain("; ".join([*problems[:_NAMED], *more]))
    return assistant


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


def _index(args: argparse.Namespace) -> None:
    from rag.index import open_index

    index = open_index(_settings(args), progress=_bar() if sys.stderr.isatty() else None)
    for problem in index.info.problems:
        _complain(f"{problem.name} {problem.message}")
    print(f"{len(index.sources)} documents, {len(index.passages)} passages, embedding {index.info.model or 'none'}")
    index.close()


def _search(args: argparse.Namespace) -> None:
    from rag.wire import search_json

    found = _assistant(args).search(args.question, args.k)
    if args.json:
        return _print(search_json(args.question, found.language, found.hits))
    for number, hit in enumerate(found.hits, 1):
        text = " ".join(hit.passage.text.split())
        print(f"{number:3} {hit.score:.3f} {hit.passage.source}:{hit.passage.start}-{hit.passage.end}  {text[:100]}")
    return None


def _ask(args: argparse.Namespace) -> None:
    from rag.view import sources_text
    from rag.wire import answer_json

    answer = _assistant(args).ask(args.question)
    if args.json:
        return _print(answer_json(answer))
    print(answer.text)
    print(sources_text(answer), end="")
    return None


def _print(value: Mapping[str, Any]) -> None:
    from rag.jsonl import create, write

    with create(Path("-")) as out:
        write(out, value)


def _batch(args: argparse.Namespace) -> None:
    from rag.jsonl import answer_lines
    from rag.wire import answer_json, question_of, search_json

    def ask(assistant: Assistant, data: Mapping[str, Any]) -> dict[str, Any]:
        question, history = question_of(data)
        if not args.search_only:
            return answer_json(assistant.ask(question, history))
        found = assistant.search(question, args.k, history)
        return search_json(question, found.language, found.hits)

    answer_lines(args.input, args.output, lambda: partial(ask, _assistant(args)))


def _check(args: argparse.Namespace) -> None:
    from rag.check import check
    from rag.jsonl import answer_lines
    from rag.wire import claim_of

    def judge(data: Mapping[str, Any]) -> dict[str, Any]:
        verdict = check(*claim_of(data))
        return {"verdict": verdict.verdict, "support": verdict.support, "reason": verdict.reason}

    answer_lines(args.input, args.output, lambda: judge)


def _prompts(args: argparse.Namespace) -> int:
    from rag.prompts import load

    templates = load(_settings(args).prompts)
    for template in templates.good.values():
        print(f"{template.name:12} {template.title_in('en')}: {template.description_in('en')}")
    for error in templates.broken:
        _complain(str(error))
    return templates.broken[0].exit_status if templates.broken else 0


def _translations(args: argparse.Namespace) -> int:
    from rag.translation_drafts import examine

    return 0 if examine(_settings(args), print, fill=args.fill).is_complete else 3


def _doctor(args: argparse.Namespace) -> int:
    from rag.doctor import examine

    findings = list(examine(_settings(args)))
    for finding in findings:
        print(f"{'ok  ' if finding.good else 'FIX ' if finding.needed else 'none'} {finding.what}: {finding.detail}")
    return 3 if any(finding.needed and not finding.good for finding in findings) else 0


_Argument = tuple[tuple[str, ...], dict[str, Any]]


def _text(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise argparse.ArgumentTypeError("the text is not UTF-8")
    return text


_QUESTION: _Argument = (("question",), {"type": _text, "help": "the question, as a patient would ask it"})
_JSON: _Argument = (("--json",), {"action": "store_true", "help": "print the whole answer as JSON"})


def _k(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError("give a whole number from 1 to 10000")
    return int(text)


_K: _Argument = (("-k",), {"type": _k, "default": 10, "metavar": "N", "help": "how many passages (10)"})
_IN: _Argument = (("input",), {"type": Path, "metavar": "IN.jsonl", "help": "a JSON object a line; - for stdin"})
_OUT: _Argument = (("output",), {"type": Path, "metavar": "OUT.jsonl", "help": "a JSON object a line; - for stdout"})
_FILL: _Argument = (("--fill",), {"action": "store_true", "help": "draft what is missing with the model of RAG_MODEL"})
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
    **EVALUATION,
    "prompts": (_prompts, "the prompt templates, and what is wrong with the broken ones", ()),
    "translations": (_translations, "which sentences are translated, stale or suspicious", (_FILL,)),
    **SIGN_IN,
    "doctor": (_doctor, "what is there, what is not, and the fix", ()),
}

if __name__ == "__main__":
    sys.exit(main())
