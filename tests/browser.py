"""The real application in a process of its own, and a real Chromium that notes every request and every complaint."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_START_SECONDS = 300
_PATIENCE = 60_000  # milliseconds: a condition may come late on a busy machine
expect.set_options(timeout=_PATIENCE)
HOSTILE = "hostile.txt"
#: A page as an attacker would plant it; each sentence is about radiotherapy so that questions find it.
HOSTILE_TEXT = """Nasopharyngeal swallowing guide ![t](http://tracker.example/title.png)

Nasopharyngeal swallowing exercises ![pixel](http://tracker.example/p.png) can help after radiotherapy. \
Nasopharyngeal swallowing therapy is described at http://bare.example/page and www.bare.example by a@bare.example. \
Nasopharyngeal swallowing problems <img src=x onerror="alert(1)"><script>alert(2)</script> may follow radiotherapy. \
Nasopharyngeal swallowing training [click here](javascript:alert(3)) and **bold** words often take weeks [1]. \
Nasopharyngeal swallowing :directive[text]{#id} and $x^2$ formulas &lt;b&gt; are text as well.
"""


@dataclass
class Server:
    """Where the application listens, and the folders it was given."""

    address: str
    prompts: Path
    corpus: Path
    log: Path
    was_up_before_the_index: bool = False

    def get(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Status and body of one request; a refusal is an answer too."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data=data, headers=names)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The application over a copy of the corpus with one hostile file more and an empty store."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    (folder / "seeds" / HOSTILE).write_text(HOSTILE_TEXT, encoding="utf-8")
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    with started(folder, folder / "seeds", folder / "prompts") as server:
        yield server


@contextmanager
def started(
    folder: Path,
    corpus: Path,
    prompts: Path,
    app: str = "app.py",
    index: str = "ready",
    home: Path = ROOT,
    **environment: str,
) -> Iterator[Server]:
    """`chainlit run` of `app` on a free port, store and log in `folder`; ready for questions, or as far as `index`
    says. Over the seeds themselves the store is the one all tests share. `environment` comes on top; `home` is the
    folder of the code, which may not write to it where it is a copy."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_", "CHROMA_", "CHAINLIT_"))}
    store = os.environ["SEEDS_STORE"] if corpus == ROOT / "seeds" else str(folder / "store")
    paths = {"RAG_CORPUS": str(corpus), "RAG_PROMPTS": str(prompts), "RAG_STORE": store, **environment}
    port, log = _free_port(), folder / "server.log"
    command = [
        sys.executable,
        "-m",
        "chainlit",
        "run",
        app,
        "--headless",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    # Permissions do not bind root unless it gives that privilege up.
    drop = ["setpriv", "--bounding-set=-dac_override"] if home != ROOT and os.geteuid() == 0 else []
    with log.open("wb") as out:
        process = subprocess.Popen(drop + command, cwd=home, env=kept | paths, stdout=out, stderr=subprocess.STDOUT)
    server = Server(f"http://127.0.0.1:{port}", prompts, corpus, log)
    document = f"/sources/{min((path.name for path in corpus.glob('*.txt')), default='none.txt')}"
    try:
        _wait(lambda: server.get("/health")[0] == 200, process, log)
        server.was_up_before_the_index = server.get(document)[0] == 404
        _wait(lambda: f'"index":"{index}"' in server.get("/readyz")[1], process, log)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the application ended with {process.returncode}:\n{log.read_text(encoding='utf-8')}")
        with suppress(OSError):  # not listening yet
            if is_ready():
                return
        time.sleep(0.1)
    pytest.fail(f"the application was not up after {_START_SECONDS} s:\n{log.read_text(encoding='utf-8')}")


def chromium() -> str:
    """The path of a Chromium; fails, with the fix, where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("the page's tests need Chromium: `apt-get install chromium`, or run .ci/run, which does it")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One reader: a page of its own, and all that it asked for and complained about."""

    page: Page
    context: BrowserContext
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Types a question, sends it with Enter, and waits until its answer stands there."""
        before = self.page.locator('[data-step-type="user_message"] .message-content > *').count()
        self.page.locator("#chat-input").fill(question)
        self.page.locator("#chat-input").press("Enter")
        self.answered(before + 1)

    def answered(self, questions: int = 1) -> None:
        """Waits until so many questions or more stand there, each has an answer, and nothing runs any more."""
        self.page.wait_for_function(
            """(questions) => {
                const all = (type) => document.querySelectorAll(`[data-step-type=${type}] .message-content > *`)
                const count = (type) => all(type).length
                return count('user_message') >= questions && count('assistant_message') === count('user_message')
                    && !document.querySelector('#stop-button')
            }""",
            arg=questions,
        )

    @property
    def answer(self) -> str:
        return self.page.locator('[data-step-type="assistant_message"] .message-content').last.inner_text()

    def chip(self, number: int = 1) -> None:
        """Clicks a chip of the last answer and waits for its panel."""
        answer = self.page.locator('[data-step-type="assistant_message"]').last
        answer.get_by_text(f"[{number}]", exact=True).first.click()
        expect(self.page.locator(".citation mark")).to_be_visible()

    def choose(self, template: str) -> None:
        """Picks an answer style; a running conversation is given up for it."""
        self.page.locator("#chat-profiles").click()
        self.page.locator(f'[data-test="select-item:{template}"]').click()
        if self.page.locator('[data-step-type="user_message"]').count():
            self.page.locator("#confirm").click()
        self.ready()

    def ready(self) -> None:
        expect(self.page.locator("#starters button").first).to_be_enabled()

    def foreign(self) -> list[str]:
        socket = self.address.replace("http", "ws", 1)
        return [url for url in self.requests if not url.startswith((self.address, socket, "data:", "blob:"))]

    @property
    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.scrollingElement.scrollWidth > window.innerWidth"))


@pytest.fixture
def visit(server: Server, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens the page as a reader; at the end none of them may have reached another host or complained."""
    visits: list[Visit] = []

    def opened(*, width: int = 1280, height: int = 860, locale: str = "en-US", **options: object) -> Visit:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, locale=locale, **options)  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE)
        visit = Visit(context.new_page(), context, server.address)
        visits.append(visit)
        context.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("websocket", lambda socket: visit.requests.append(socket.url))
        context.on("console", lambda m: visit.complaints.append(m.text) if m.type == "error" else None)
        context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
        visit.page.goto(f"{server.address}/")
        visit.ready()
        return visit

    yield opened
    for one in visits:
        one.context.close()
        assert one.foreign() == []
        assert one.complaints == []
