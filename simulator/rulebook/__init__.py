"""Rulebooks: the rules of venues as data, each value with its source."""

from simulator.rulebook.load import load, names
from simulator.rulebook.schema import Figure, Rulebook

__all__ = ["Figure", "Rulebook", "load", "names"]
