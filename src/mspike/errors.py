"""What a user can act on. Every message says where, what was found, what was expected and what to do next."""

from __future__ import annotations


class MspikeError(Exception):
    """Something the user can mend; shown without a traceback."""

    exit_code = 2


class UnreadableInput(MspikeError):
    """A registry, workbook or map that cannot be read at all."""


class WrongUsage(MspikeError):
    """A command, setting or edition that does not exist."""

    exit_code = 3


class KnowledgeError(MspikeError):
    """A published number without a source, or an edition without a value."""
