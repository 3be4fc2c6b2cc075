"""Serves a registry to people: pages that read what was computed in bulk, so that a page never waits for a rule."""
