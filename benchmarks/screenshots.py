"""Makes the README's pictures of the page: `python benchmarks/screenshots.py`, into public/screenshots/.

The real application over the shipped documents, in a real Chromium; nothing is staged but the question.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from browser import ARGUMENTS, Server, chromium, started  # noqa: E402

FOLDER = ROOT / "public" / "screenshots"
#: Name, question, and how the browser is set.
PICTURES = (
    (
        "desktop",
        "How is stage 4 mesothelioma treated?",
        {"viewport": {"width": 1360, "height": 850}, "color_scheme": "light", "locale": "en-GB"},
    ),
    (
        "phone",
        "La chimiothérapie détruit-elle les métastases ?",
        {
            "viewport": {"width": 390, "height": 844},
            "color_scheme": "dark",
            "locale": "fr-FR",
            "device_scale_factor": 2,
        },
    ),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder), ROOT / "seeds", ROOT / "prompts") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        for name, question, options in PICTURES:
            take(browser, server, name, question, options)
        browser.close()


def take(browser: Browser, server: Server, name: str, question: str, options: dict[str, object]) -> None:
    """One question; on a wide page with the panel of its first citation open."""
    context = browser.new_context(reduced_motion="reduce", **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{server.address}/")
    expect(page.locator("#starters button").first).to_be_enabled(timeout=30_000)
    ask(page, question)
    if name == "desktop":
        page.locator("a.element-link").first.click()
        expect(page.locator(".citation mark")).to_be_visible()
        page.locator("#chat-input").focus()
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
    print(FOLDER / f"{name}.png")
    context.close()


def ask(page: Page, question: str) -> None:
    page.locator("#chat-input").fill(question)
    page.locator("#chat-input").press("Enter")
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0)


if __name__ == "__main__":
    main()
