"""Agents against myeloma, and how the free text of a registry is read as agents."""

from mspike.knowledge.therapies.lists import CLASSES, Agent, Code, agents
from mspike.knowledge.therapies.reading import Mention, Recognised, nearest, recognised

__all__ = ["CLASSES", "Agent", "Code", "Mention", "Recognised", "agents", "nearest", "recognised"]
