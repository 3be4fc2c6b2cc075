"""Signing in and staying signed in."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, or_, select

from mspike.store.audit import Audit
from mspike.store.database import Database
from mspike.store.faults import SignInRefused
from mspike.store.house_key import HouseKey
from mspike.store.models import SignedIn, User
from mspike.store.passwords import fits, hashed, outdated
from mspike.store.throttle import Throttles

IDLE = dt.timedelta(minutes=30)
LONGEST = dt.timedelta(hours=12)
SEEN_EVERY = dt.timedelta(minutes=1)  # not at each page: that would be a write for each
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Visitor:
    """Who is behind a session. ends: when it ends whatever is done."""

    name: str
    admin: bool
    ends: dt.datetime


class Sessions:
    """The sessions of one store, kept on the server; a browser holds nothing but a random token."""

    def __init__(self, database: Database, audit: Audit, key: HouseKey) -> None:
        self._database, self._audit, self._key = database, audit, key
        self._throttles = Throttles(database, key)

    def sign_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session.

        address  where the attempt comes from, as text; kept as a keyed hash only

        Raises SignInRefused, in the same words and at the same cost for an unknown name, a wrong password and a closed
        account; TooManyAttempts where name or address is locked.

        1. Count the attempt as failed, before the password is looked at: attempts side by side are all counted.
        2. Compare, outside of any transaction.
        3. Where it fits, take the count back and begin the session.
        """
        name = name.strip().lower()
        locked = self._throttles.take(name, address)
        if locked is not None:
            raise locked  # and not a row for each: whoever hammers at the door would fill the log
        with self._database.reading() as session:
            user = session.scalar(select(User).where(User.name == name))
            kept = None if user is None or user.disabled else user.password
        if not fits(password, kept):
            self._note_failure(name, address)
            raise _refused()
        assert user is not None and kept is not None
        renewed = hashed(password, name) if outdated(kept) else kept
        return self._begin(user.id, kept, renewed, address)

    def of(self, token: str) -> Visitor | None:
        """Whose session is this? None: nobody's, ended, or its account is closed."""
        now = self._database.now()
        with self._database.reading() as session:
            found = session.execute(
                select(SignedIn, User).join(User, User.id == SignedIn.user_id).where(_is(token), ~User.disabled)
            ).one_or_none()
        if found is None or not _alive(found[0], now):
            return None
        signed, user = found
        if now - signed.seen_at >= SEEN_EVERY:
            self._see(token, now)
        return Visitor(user.name, user.admin, signed.made_at + LONGEST)

    def sign_out(self, token: str) -> None:
        """Ends the session. Does nothing where there is none."""
        with self._database.writing() as session:
            name = session.scalar(select(User.name).join(SignedIn, SignedIn.user_id == User.id).where(_is(token)))
            if name is not None:
                session.execute(delete(SignedIn).where(_is(token)))
                self._audit.append(session, name, "sign_out")

    def change_password(self, name: str, old: str, new: str, address: str) -> str:
        """Sets one's own password. Every session ends; returns the token of a new one.

        Errors as in `sign_in`, and WrongUsage for a weak password.
        """
        secret = hashed(new, name)
        token = self.sign_in(name, old, address)
        with self._database.writing() as session:
            user = session.scalars(select(User).where(User.name == name.strip().lower())).one()
            user.password = secret
            session.execute(delete(SignedIn).where(SignedIn.user_id == user.id, ~_is(token)))
            self._audit.append(session, user.name, "set_password", user=user.name)
        return token

    def form_token(self, token: str) -> str:
        """What a form of this session must send along, so that no other site can send it (CSRF)."""
        return self._key.mark("form", token)

    def _begin(self, user_id: str, kept: str, renewed: str, address: str) -> str:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._database.now()
        with self._database.writing() as session:
            user = session.get(User, user_id)
            if user is None or user.disabled or user.password != kept:  # changed while the password was compared
                raise _refused()
            user.password = renewed
            session.execute(
                delete(SignedIn).where(or_(SignedIn.seen_at < now - IDLE, SignedIn.made_at < now - LONGEST))
            )
            session.add(SignedIn(token_hash=_hash(token), user_id=user.id, made_at=now, seen_at=now))
            self._throttles.give_back(session, user.name, address)
            self._audit.append(session, user.name, "sign_in", address=self._throttles.address_mark(address))
        return token

    def _see(self, token: str, now: dt.datetime) -> None:
        with self._database.writing() as session:
            signed = session.get(SignedIn, _hash(token))
            if signed is not None:
                signed.seen_at = now

    def _note_failure(self, name: str, address: str) -> None:
        """The name is kept as a mark: people type passwords where the name belongs."""
        marks = {"name": self._throttles.name_mark(name), "address": self._throttles.address_mark(address)}
        self._audit.record("nobody", "sign_in_failed", **marks)


def _refused() -> SignInRefused:
    return SignInRefused("Name or password is wrong, or the account is closed. Try again, or ask an admin.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _is(token: str) -> ColumnElement[bool]:
    return SignedIn.token_hash == _hash(token)


def _alive(signed: SignedIn, now: dt.datetime) -> bool:
    return now - signed.seen_at < IDLE and now - signed.made_at < LONGEST
