"""Errors that say the fix.

RagError
├── CorpusError      a file or folder of documents cannot be used
├── IndexMissing     there is no index that can be served
├── PromptError      a template of `prompts/` is broken
├── ModelError       a model endpoint failed
└── SettingsError    a setting or an argument is off
"""

from __future__ import annotations


class RagError(Exception):
    """Every error of ours. `hint` says what to do about it; `exit_status` is the command's."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})"


class CorpusError(RagError):
    exit_status = 3


class IndexMissing(RagError):
    exit_status = 3


class PromptError(RagError):
    exit_status = 2


class ModelError(RagError):
    exit_status = 4


class SettingsError(RagError):
    exit_status = 2
