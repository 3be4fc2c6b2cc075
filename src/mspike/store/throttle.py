"""How often a sign-in may fail: by name, and by the address that it comes from."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from mspike.store.database import Database
from mspike.store.faults import TooManyAttempts
from mspike.store.house_key import HouseKey
from mspike.store.models import Throttle

WINDOW = dt.timedelta(minutes=15)
LOCKED = dt.timedelta(minutes=15)
BY_NAME = 5
BY_ADDRESS = 50  # a hospital stands behind one address


class Throttles:
    """Counts attempts in the database, so that neither a restart nor a second process forgets them.

    Names that do not exist are counted and locked as those that do: the lock tells nobody which is which.
    """

    def __init__(self, database: Database, key: HouseKey) -> None:
        self._database, self._key = database, key

    def name_mark(self, name: str) -> str:
        return self._key.mark("attempt by name", name)

    def address_mark(self, address: str) -> str:
        return self._key.mark("attempt by address", address)

    def take(self, name: str, address: str) -> TooManyAttempts | None:
        """Counts an attempt against name and address. Returns what to raise where either is locked."""
        now = self._database.now()
        with self._database.writing() as session:
            rows = {self.name_mark(name): BY_NAME, self.address_mark(address): BY_ADDRESS}
            counted = [(_row(session, mark, now), most) for mark, most in rows.items()]
            until = max((row.locked_until for row, _ in counted if row.locked_until is not None), default=None)
            if until is None:
                for row, most in counted:
                    row.failures += 1
                    # The attempt that reaches the limit is still looked at; the next one is not.
                    row.locked_until = now + LOCKED if row.failures >= most else None
                return None
        minutes = max(1, round((until - now).total_seconds() / 60))
        return TooManyAttempts(f"Too many attempts. Wait {minutes} minutes, then try again.", until)

    def give_back(self, session: Session, name: str, address: str) -> None:
        """The attempt was a success: the name is free again, and the address has one failure less."""
        by_name, by_address = (session.get(Throttle, m) for m in (self.name_mark(name), self.address_mark(address)))
        if by_name is not None:
            session.delete(by_name)
        if by_address is not None and by_address.failures:
            by_address.failures -= 1
            by_address.locked_until = None


def _row(session: Session, mark: str, now: dt.datetime) -> Throttle:
    """The row of this mark; begun anew where its window and its lock have passed."""
    row = session.get(Throttle, mark)
    if row is None:
        row = Throttle(mark=mark, failures=0, since=now, locked_until=None)
        session.add(row)
    elif now >= (row.locked_until or row.since + WINDOW):
        row.failures, row.since, row.locked_until = 0, now, None
    return row
