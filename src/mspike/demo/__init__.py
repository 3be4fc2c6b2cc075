"""The demonstration registry: invented patients in the record's own tables, for teaching and for tests."""

from mspike.demo.registry import write_demo_registry

__all__ = ["write_demo_registry"]
