"""Codes and spellings: how the same thing is written elsewhere."""
