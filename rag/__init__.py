"""Citewell: answers from your documents, every sentence proved by a citation."""
