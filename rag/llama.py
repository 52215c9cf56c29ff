"""The chat endpoint as LlamaIndex's `LLM`, for its engines and evaluators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag.llm import ChatEndpoint, Message

if TYPE_CHECKING:
    from llama_index.core.llms import LLM


def as_llama_index(endpoint: ChatEndpoint, window: int) -> LLM:
    """`window` is in tokens. The class is made here because LlamaIndex takes seconds to import. Its methods raise what
    `ChatEndpoint.stream` raises."""
    from llama_index.core.base.llms.types import (
        ChatMessage,
        ChatResponse,
        ChatResponseGen,
        CompletionResponse,
        CompletionResponseGen,
        LLMMetadata,
    )
    from llama_index.core.llms import CustomLLM

    def pairs(messages: Sequence[ChatMessage]) -> list[Message]:
        return [(str(message.role.value), str(message.content or "")) for message in messages]

    class Endpoint(CustomLLM):
        @property
        def metadata(self) -> LLMMetadata:
            model, most = endpoint.model, endpoint.answer_tokens
            return LLMMetadata(context_window=window, num_output=most, is_chat_model=True, model_name=model)

        def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
            return ChatResponse(message=ChatMessage(role="assistant", content=endpoint.complete(pairs(messages))))

        def stream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseGen:
            said = ""
            for piece in endpoint.stream(pairs(messages)):
                said += piece
                yield ChatResponse(message=ChatMessage(role="assistant", content=said), delta=piece)

        def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
            return CompletionResponse(text=endpoint.complete([("user", prompt)]))

        def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponseGen:
            said = ""
            for piece in endpoint.stream([("user", prompt)]):
                said += piece
                yield CompletionResponse(text=said, delta=piece)

    return Endpoint()
