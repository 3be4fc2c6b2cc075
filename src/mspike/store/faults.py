"""What can go wrong with a store that its users can act on. No message holds a value, a name or a text of a patient."""

from __future__ import annotations

import datetime as dt

from mspike.errors import MspikeError


class StoreAway(MspikeError):
    """The database cannot be reached, or is too busy. Nothing was changed; trying again later is safe."""


class StoreFull(MspikeError):
    """No room on the disk. What was there before stays in force."""


class StoreDamaged(MspikeError):
    """A file or a table is not what it was when it was written."""


class SignInRefused(MspikeError):
    """Wrong name or password; the two are never told apart."""


class TooManyAttempts(SignInRefused):
    """No attempt is looked at until `until`; told alike for names that exist and names that do not."""

    def __init__(self, message: str, until: dt.datetime) -> None:
        super().__init__(message)
        self.until = until


class NoSuchRegistry(MspikeError):
    """There is no such registry, or none that this person may know of; the two are never told apart."""


class NotAllowed(MspikeError):
    """The person knows the registry, but the role does not allow this."""


class StaleVersion(MspikeError):
    """Somebody put another version of the registry in force meanwhile; `current` is its id."""

    def __init__(self, message: str, current: str | None) -> None:
        super().__init__(message)
        self.current = current


class StaleWrite(MspikeError):
    """Somebody wrote first. Neither text is lost: `current` stands in the store, `refused` is handed back.

    version, who, at  of the text that stands
    The texts are attributes and never part of the message, so that no log holds them.
    """

    def __init__(self, message: str, *, version: int, who: str, at: dt.datetime, current: str, refused: str) -> None:
        super().__init__(message)
        self.version, self.who, self.at = version, who, at
        self.current, self.refused = current, refused
