"""Imported once by the process that the builds of the crash tests are forked from."""

import index_world

import rag.index

index_world.vocabulary().find("a word", "en")
rag.index.load_terms = index_world.vocabulary
