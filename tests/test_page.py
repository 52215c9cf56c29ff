"""The page as its readers meet it: the real application, a real browser, a temporary store."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import HOSTILE, Server, Visit, browser, server, visit
from playwright.sync_api import Browser, Page, expect

from rag.labels import labels_for

__all__ = ["browser", "server", "visit"]  # fixtures
Opened = Callable[..., Visit]

QUESTION = "What is the main goal of treatment for stage 4 mesothelioma?"
GOAL = "The main goal of treatment for stage 4 mesothelioma is to manage symptoms"
SOURCE = "001_ca93e252f62a3cf5.txt"


def cited_in(server: Server, href: str) -> str:
    """The span of the file that an address names, white space folded."""
    address = urlsplit(href)
    numbers = {name: int(values[0]) for name, values in parse_qs(address.query).items()}
    text = (server.corpus / address.path.removeprefix("/sources/")).read_bytes().decode("utf-8")
    return " ".join(text[numbers["start"] : numbers["end"]].split())


def words_of(page: Page, selector: str) -> str:
    return " ".join((page.locator(selector).first.text_content() or "").split())


def test_the_page_is_up_before_the_index_is_built(server: Server) -> None:
    assert server.was_up_before_the_index


def test_a_question_is_answered_with_chips_that_open_the_exact_words(
    server: Server, visit: Opened, browser: Browser
) -> None:
    reader = visit()
    reader.ask(QUESTION)
    page = reader.page
    assert GOAL in reader.answer
    assert SOURCE in reader.answer
    expect(page.locator("#side-view-content")).to_have_count(0)

    reader.chip(1)
    link = page.locator("a.citation-link")
    cited = cited_in(server, link.get_attribute("href") or "")
    assert words_of(page, ".citation mark").removeprefix("Cited sentence: ") == cited
    assert cited in " ".join((page.locator(".citation-text").text_content() or "").split())
    panel = page.locator(".citation").inner_text()
    assert SOURCE in panel
    assert "English" in panel

    with reader.context.expect_page() as opened:
        link.click()
    document = opened.value
    expect(document.locator("mark#cited")).to_be_in_viewport()
    assert words_of(document, "main mark") == cited
    whole = (server.corpus / SOURCE).read_bytes().decode("utf-8")
    assert document.locator(".text").text_content() == whole
    assert document.evaluate("window.opener") is None

    plain = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 640}, color_scheme="dark")
    without_script = plain.new_page()
    without_script.goto(document.url)
    expect(without_script.locator("mark#cited")).to_be_in_viewport()
    assert words_of(without_script, "main mark") == cited
    plain.close()


def test_the_passages_found_are_one_closed_step_with_scores(visit: Opened) -> None:
    reader = visit()
    reader.ask(QUESTION)
    step = reader.page.locator('[data-step-type="tool"]')
    expect(step).to_have_count(1)
    expect(step.locator(".message-content")).to_have_count(0)
    step.get_by_role("button", name=re.compile(r"Passages found: \d+")).click()
    expect(step.locator("li").first).to_contain_text(re.compile(r"relevance \d+\.\d\d"))
    expect(step.locator(".message-content")).to_contain_text(SOURCE)


def test_another_template_gives_another_answer(visit: Opened) -> None:
    reader = visit()
    seen = {}
    for template in ("plain", "quotes", "clinician"):
        reader.choose(template)
        reader.ask(QUESTION)
        answer = reader.page.locator('[data-step-type="assistant_message"]').last
        seen[template] = {tag: answer.locator(tag).count() for tag in ("blockquote", "ul")} | {"text": reader.answer}
    assert seen["quotes"]["blockquote"] > 0 == seen["plain"]["blockquote"]
    assert seen["clinician"]["text"] != seen["plain"]["text"]
    assert len({str(shape) for shape in seen.values()}) == 3


def test_a_new_and_an_edited_template_are_there_without_a_restart(server: Server, visit: Opened) -> None:
    reader = visit()
    template = (server.prompts / "plain.md").read_text(encoding="utf-8")
    template = re.sub(r"^title:.*$", "title: House style", template, flags=re.M)
    template = re.sub(r"^order:.*$", "order: 9", template, flags=re.M)
    mine = server.prompts / "house.md"
    try:
        mine.write_text(re.sub(r"^sentences:.*$", "sentences: 1", template, flags=re.M), encoding="utf-8")
        reader.page.reload()
        reader.ready()
        reader.choose("house")
        expect(reader.page.locator("#chat-profiles")).to_have_text("House style")
        reader.ask("How is stage 4 mesothelioma treated?")
        assert len(set(re.findall(r"\[\d+\]", reader.answer))) == 1
        changed = re.sub(r"^sentences:.*$", "sentences: 3", template, flags=re.M)
        mine.write_text(re.sub(r"^layout:.*$", "layout: list", changed, flags=re.M), encoding="utf-8")
        reader.page.locator("#new-chat-button").click()
        reader.page.locator("#confirm").click()
        reader.ready()
        reader.ask("How is stage 4 mesothelioma treated?")
        assert len(set(re.findall(r"\[\d+\]", reader.answer))) == 3
    finally:
        mine.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("locale", "tag"), [("en-GB", "en"), ("fr-CA", "fr"), ("zh-CN", "zh"), ("zh-TW", "zh-Hant"), ("tr-TR", "tr")]
)
def test_the_page_speaks_the_browsers_language_and_answers_in_it(visit: Opened, locale: str, tag: str) -> None:
    reader, labels = visit(locale=locale), labels_for(tag)
    page = reader.page
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.locator("#welcome-screen h1")).to_have_text(labels.say("welcome.title"))
    expect(page.locator("#welcome-screen")).to_contain_text(labels.say("welcome.emergency"))
    expect(page.locator("#starters button")).to_have_text([starter["label"] for starter in labels.words["starters"]])
    expect(page.get_by_role("button", name=labels.say("spoken.new_chat"))).to_be_visible()
    placeholder = page.locator("#chat-input").get_attribute("placeholder") or ""
    assert placeholder not in ("", "...")
    page.locator("#readme-button").click()
    about = page.get_by_role("dialog")
    expect(about).to_contain_text("Citewell")
    is_english = "What it is, and what it is not" in about.inner_text()
    assert is_english == (tag == "en")
    about.get_by_role("button", name=labels.say("spoken.dismiss"), exact=True).click()

    page.locator("#starters button").first.click()
    reader.answered()
    passages = labels.say("step.title", count="").strip()
    expect(page.locator('[data-step-type="tool"] button').first).to_contain_text(passages)
    expect(page.locator('[data-step-type="assistant_message"]')).to_contain_text(labels.say("answer.sources"))


def test_hostile_text_of_a_document_stays_text(visit: Opened) -> None:
    reader = visit()
    reader.ask("Which nasopharyngeal swallowing exercises can help after radiotherapy?")
    page = reader.page
    page.locator('[data-step-type="tool"] button').first.click()
    expect(page.locator('[data-step-type="tool"] li').first).to_be_visible()
    conversation = page.get_by_role("main")
    assert HOSTILE in conversation.inner_text()
    assert "![pixel](http:" in conversation.inner_text().replace("\u2060", "")
    expect(page.locator(".message-content img, .message-content script, .message-content video")).to_have_count(0)
    assert page.locator(".message-content a:not(.element-link)").count() == 0
    reader.chip(1)
    assert page.locator(".citation a").count() == 1
    assert page.locator(".citation img, .citation script").count() == 0


HOSTILE_QUESTIONS = (
    "![x](http://tracker.example/q.png) http://bare.example www.bare.example",
    "<img src=http://tracker.example/i.png onerror=alert(1)> <script>alert(2)</script>",
    "# heading\n\n- item\n\n:::warning\nboo\n::: :x[y] [1] **bold** $x$",
)


def test_hostile_text_of_a_question_stays_text(visit: Opened) -> None:
    reader = visit()
    for question in HOSTILE_QUESTIONS:
        reader.ask(question)
        expect(reader.page.locator('[data-step-type="user_message"] pre').last).to_have_text(question)
    assert reader.page.locator(".message-content a:not(.element-link), .message-content img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(visit: Opened, scheme: str) -> None:
    reader = visit(width=360, height=640, color_scheme=scheme, has_touch=True)
    page = reader.page
    expect(page.locator("html")).to_have_class(re.compile(scheme))
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(c => c > 200)")
    assert light == (scheme == "light")
    assert not reader.scrolls_sideways
    expect(page.locator("#welcome-screen h1")).to_be_in_viewport()
    reader.ask(QUESTION)
    assert not reader.scrolls_sideways
    expect(page.get_by_role("dialog")).to_have_count(0)
    reader.chip(1)
    assert not reader.scrolls_sideways
    expect(page.get_by_role("dialog", name=labels_for("en").say("spoken.panel"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    reader.ask("How is it treated?")  # the page is usable again
    assert not reader.scrolls_sideways


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"))


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Tabs until the element of that name has the focus; fails when the focus went all around without it."""
    for _ in range(60):
        if name in focused(page):
            return
        page.keyboard.press(key)
    pytest.fail(f"{name!r} cannot be reached with {key}")


def test_a_keyboard_is_enough(visit: Opened) -> None:
    reader = visit()
    page = reader.page
    tab_to(page, "Your question")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    reader.answered()  # its end closes panels
    expect(page.locator("a.element-link").first).to_be_visible()
    tab_to(page, "Source 1, show the passage", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".citation")).to_be_focused()
    tab_to(page, "Open the whole document")
    page.keyboard.press("Escape")
    expect(page.locator("#side-view-content")).to_have_count(0)
    assert focused(page) == "Source 1, show the passage"
    tab_to(page, "Passages found", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator('[data-step-type="tool"] .message-content')).to_be_visible()


def test_answers_are_announced_and_buttons_have_names(visit: Opened) -> None:
    reader = visit()
    page = reader.page
    reader.ask(QUESTION)
    spoken = page.locator("#spoken")
    expect(spoken).to_have_attribute("aria-live", "polite")
    expect(spoken).to_contain_text(GOAL)
    assert "[1]" not in spoken.inner_text()
    reader.chip(1)
    nameless = """[...document.querySelectorAll('button, a, [role=button], textarea, select')].filter(
        e => e.offsetParent && !(e.getAttribute('aria-label') || e.innerText || e.title).trim()
    ).map(e => e.outerHTML.slice(0, 200))"""
    assert page.evaluate(nameless) == []


def test_the_panel_closes_with_the_next_question(visit: Opened) -> None:
    reader = visit()
    reader.ask(QUESTION)
    reader.chip(1)
    reader.ask("Does radiotherapy help?")
    expect(reader.page.locator("#side-view-content")).to_have_count(0)
    expect(reader.page.locator("#chat-input")).to_be_enabled()


def test_what_is_too_long_or_breaks_gets_a_kind_sentence(server: Server, visit: Opened) -> None:
    reader = visit()
    reader.ask("x" * 4001)
    assert reader.answer == labels_for("en").say("notice.too_long", limit=4000)
    away = server.prompts.with_name("prompts-away")
    server.prompts.rename(away)
    try:
        reader.ask("A canary named Quetzalcoatlus asks something")
    finally:
        away.rename(server.prompts)
    code = re.search(r"\(Code ([0-9a-f]{6})\)", reader.answer)
    assert code
    assert labels_for("en").say("notice.failed", code=code.group(1)) in reader.answer
    assert labels_for("en").say("welcome.emergency") in reader.answer
    log = server.log.read_text(encoding="utf-8")
    assert f"code {code.group(1)}" in log
    assert "Quetzalcoatlus" not in log
    reader.ask(QUESTION)
    assert GOAL in reader.answer


def test_files_are_refused(server: Server, visit: Opened) -> None:
    reader = visit()
    assert reader.page.locator("input[type=file]").count() == 0
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n--b--\r\n'
    address = f"/project/file?session_id={uuid.uuid4()}"
    assert server.get(address, form, Content_Type="multipart/form-data; boundary=b")[0] == 404


def connects(server: Server, session: str, **headers: str) -> bool:
    """Whether a socket client gets in, spoken by hand: Engine.IO over polling, one Socket.IO connect packet."""
    path = "/ws/socket.io/?EIO=4&transport=polling"
    status, body = server.get(path, **headers)
    if status != 200:
        return False
    path += f"&sid={json.loads(body[1:])['sid']}"
    who = {"sessionId": session, "clientType": "webapp", "userEnv": "{}"}
    server.get(path, f"40{json.dumps(who)}".encode(), Content_Type="text/plain;charset=UTF-8", **headers)
    return server.get(path, **headers)[1].startswith("40")


def test_only_our_own_page_and_proper_sessions_get_a_socket(server: Server) -> None:
    assert connects(server, str(uuid.uuid4()))
    assert connects(server, str(uuid.uuid4()), Origin=server.address)
    assert not connects(server, str(uuid.uuid4()), Origin="http://evil.example")
    assert not connects(server, "../../outside")
    assert not (Path(".files").parent.parent / "outside").exists()


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/sources/../app.py", "/sources/nothing.txt", "/nothing"])
def test_there_is_nothing_else(server: Server, path: str) -> None:
    assert server.get(path)[0] == 404
