"""What a reader may choose in the page: who writes the answers of a conversation."""

from __future__ import annotations

from typing import Any

from rag.incident import Handler

#: The choices offered, the usual one first.
ENGINES = ("model", "extractive")
EVENT = "chat_settings_change"


def clean_choice(payload: object) -> dict[str, str] | None:
    """Of what a client sends as its settings only the engine, and only one that is offered."""
    engine = payload.get("engine") if isinstance(payload, dict) else None
    return {"engine": engine} if isinstance(engine, str) and engine in ENGINES else None


def choosing(handler: Handler) -> Handler:
    """Chainlit's handler of `EVENT`, which keeps whatever a client sends, behind `clean_choice`."""

    async def choose(sid: str, payload: Any = None) -> Any:
        choice = clean_choice(payload)
        return await handler(sid, choice) if choice else None

    return choose
