"""Strategies, one a file, each a lesson in itself; they use public names of ``simulator`` only."""
