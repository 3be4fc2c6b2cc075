"""People: accounts, and what each may do in which registry."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from mspike.errors import WrongUsage
from mspike.store.audit import Audit
from mspike.store.database import Database
from mspike.store.faults import NoSuchRegistry, NotAllowed
from mspike.store.models import Grant, Registry, SignedIn, User
from mspike.store.passwords import hashed

LOCAL = "local"  # who acts where there are no accounts
_RESERVED = (LOCAL, "house", "nobody")
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Role(IntEnum):
    """What a person may do in one registry; each may what those before may."""

    reader = 1  # see and export
    curator = 2  # upload, write notes and decisions, adjudicate
    admin = 3  # say who else may do what in this registry


@dataclass(frozen=True)
class Person:
    """An account as it may be shown. admin: may manage accounts and grants, and sees no registry by that alone."""

    name: str
    admin: bool
    disabled: bool
    made_at: dt.datetime


class People:
    """The accounts of one store."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def add(self, name: str, password: str, *, by: str, admin: bool = False) -> Person:
        """A new account. Raises WrongUsage for a name that is taken or malformed, and for a weak password."""
        name = _name(name)
        secret = hashed(password, name)
        with self._database.writing() as session:
            if name in _RESERVED or session.scalar(select(User).where(User.name == name)):
                raise WrongUsage(f"user {name}: this name is taken. Choose another.")
            user = User(name=name, password=secret, admin=admin, disabled=False, made_at=self._database.now())
            session.add(user)
            self._audit.append(session, by, "add_user", user=name, admin=admin)
            return _person(user)

    def all(self) -> list[Person]:
        with self._database.reading() as session:
            return [_person(user) for user in session.scalars(select(User).order_by(User.name))]

    def of(self, name: str) -> Person:
        """Raises WrongUsage where nobody has this name."""
        with self._database.reading() as session:
            return _person(_user(session, name))

    def set_password(self, name: str, password: str, *, by: str) -> None:
        """Sets a password; every session of that person ends. Raises WrongUsage for a weak one."""
        secret = hashed(password, _name(name))
        with self._database.writing() as session:
            user = _user(session, name)
            user.password = secret
            session.execute(delete(SignedIn).where(SignedIn.user_id == user.id))
            self._audit.append(session, by, "set_password", user=user.name)

    def disable(self, name: str, *, by: str) -> None:
        """Closes an account and ends its sessions. Raises WrongUsage for the last admin: the house would be shut."""
        with self._database.writing() as session:
            user = _user(session, name)
            others = select(func.count(User.id)).where(User.admin, ~User.disabled, User.id != user.id)
            if user.admin and not session.scalar(others):
                raise WrongUsage(f"user {user.name}: the last admin cannot be disabled. Make another admin first.")
            user.disabled = True
            session.execute(delete(SignedIn).where(SignedIn.user_id == user.id))
            self._audit.append(session, by, "disable_user", user=user.name)

    def enable(self, name: str, *, by: str) -> None:
        with self._database.writing() as session:
            user = _user(session, name)
            user.disabled = False
            self._audit.append(session, by, "enable_user", user=user.name)

    def grant(self, name: str, registry: str, role: Role, *, by: str) -> None:
        """Lets a person into a registry with this role, instead of any earlier one."""
        with self._database.writing() as session:
            user = _user(session, name)
            if session.get(Registry, registry) is None:
                raise no_registry()
            session.merge(Grant(user_id=user.id, registry_id=registry, role=role.name))
            self._audit.append(session, by, "grant", registry=registry, user=user.name, role=role.name)

    def revoke(self, name: str, registry: str, *, by: str) -> None:
        """Shuts a person out of a registry. Does nothing where there was no grant."""
        with self._database.writing() as session:
            user = _user(session, name)
            grant = session.get(Grant, (user.id, registry))
            if grant is not None:
                session.delete(grant)
                self._audit.append(session, by, "revoke", registry=registry, user=user.name)

    def granted(self, registry: str) -> list[tuple[Person, Role]]:
        """Who may do what in this registry?"""
        asked = select(User, Grant.role).join(Grant, Grant.user_id == User.id).where(Grant.registry_id == registry)
        with self._database.reading() as session:
            return [(_person(user), Role[role]) for user, role in session.execute(asked.order_by(User.name))]

    def role_in(self, name: str, registry: str) -> Role | None:
        """What may this person do in this registry? None: not even know that it exists."""
        asked = select(Grant.role).join(User, User.id == Grant.user_id)
        with self._database.reading() as session:
            role = session.scalar(asked.where(User.name == name, ~User.disabled, Grant.registry_id == registry))
        return None if role is None else Role[role]

    def require(self, name: str, registry: str, least: Role) -> Role:
        """The person's role, where it allows what needs `least`.

        Raises NoSuchRegistry, in the same words, for a registry that does not exist and for one of others; NotAllowed
        for a role that is too low.
        """
        role = self.role_in(name, registry)
        if role is None:
            raise no_registry()
        if role < least:
            raise NotAllowed(f"This needs the role {least.name}; yours here is {role.name}. Ask the registry's admin.")
        return role

    def registries_of(self, name: str) -> dict[str, Role]:
        """The registries that this person may know of, by id, and the role in each."""
        asked = select(Grant.registry_id, Grant.role).join(User, User.id == Grant.user_id)
        with self._database.reading() as session:
            return {
                registry: Role[role]
                for registry, role in session.execute(asked.where(User.name == name, ~User.disabled))
            }


def no_registry() -> NoSuchRegistry:
    """The one answer for what is absent and for what is hidden."""
    return NoSuchRegistry("No such registry among those that you may see. Ask its admin for access.")


def _name(given: str) -> str:
    name = given.strip().lower()
    if not _NAME.fullmatch(name):
        raise WrongUsage("user: expected a name of 1 to 64 letters a-z, digits and . _ @ -, beginning with either.")
    return name


def _user(session: Session, name: str) -> User:
    user = session.scalar(select(User).where(User.name == name.strip().lower()))
    if user is None:
        raise WrongUsage("user: nobody has this name. The list of users shows who has an account.")
    return user


def _person(user: User) -> Person:
    return Person(user.name, user.admin, user.disabled, user.made_at)
