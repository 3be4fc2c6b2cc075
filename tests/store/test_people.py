"""Accounts, roles and sessions."""

from __future__ import annotations

import importlib
import sqlite3
import time
from contextlib import closing

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from mspike.errors import WrongUsage
from mspike.store import passwords
from mspike.store.faults import NoSuchRegistry, NotAllowed, SignInRefused, TooManyAttempts
from mspike.store.people import Role
from mspike.store.throttle import BY_ADDRESS, BY_NAME

PASSWORD, HERE = "SYNTHETIC words in a row", "192.0.2.1"


@pytest.fixture
def ann(store) -> str:
    return store.people.add("Ann ", PASSWORD, by="setup", admin=True).name


def test_a_name_is_taken_once_whatever_its_case(store, ann):
    assert ann == "ann"
    with pytest.raises(WrongUsage, match="taken"):
        store.people.add("ANN", PASSWORD, by="setup")
    for reserved in ("local", "house", "nobody"):
        with pytest.raises(WrongUsage, match="taken"):
            store.people.add(reserved, PASSWORD, by="setup")


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "<b>", "-a"])
def test_a_malformed_name_is_refused(store, name):
    with pytest.raises(WrongUsage, match="expected a name"):
        store.people.add(name, PASSWORD, by="setup")


@pytest.mark.parametrize("password", ["short", "x" * 1_001, "annabelle.brown"])
def test_a_weak_password_is_refused(store, password):
    with pytest.raises(WrongUsage, match="password"):
        store.people.add("annabelle.brown", password, by="setup")


def test_passwords_are_kept_as_argon2id_with_the_parameters_of_rfc_9106(monkeypatch):
    real: PasswordHasher = importlib.reload(passwords).HASHER
    kept = real.hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$") and passwords.fits(PASSWORD, kept)


def test_a_password_hashed_with_old_parameters_is_renewed_at_the_next_sign_in(store, ann, monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(2, 16, 1))
    store.sessions.sign_in(ann, PASSWORD, HERE)
    with store.database.reading() as session:
        assert "m=16,t=2" in session.execute(text("SELECT password FROM users")).scalar_one()


def test_a_session_ends_when_idle_and_after_twelve_hours_whatever_is_done(store, ann, clock):
    token = store.sessions.sign_in("Ann", PASSWORD, HERE)
    assert store.sessions.of(token).name == "ann"
    for _ in range(28):
        clock.pass_(minutes=25)
        assert store.sessions.of(token) is not None
    clock.pass_(minutes=21)
    assert store.sessions.of(token) is None, "12 h are over"
    token = store.sessions.sign_in("ann", PASSWORD, HERE)
    clock.pass_(minutes=30)
    assert store.sessions.of(token) is None, "idle for half an hour"


def test_the_token_itself_is_nowhere_in_the_database(sqlite_place):
    with sqlite_place.open() as store:
        store.people.add("ann", PASSWORD, by="setup")
        token = store.sessions.sign_in("ann", PASSWORD, HERE)
        with closing(sqlite3.connect(store.folder / "store.sqlite")) as database:
            told = "\n".join(database.iterdump())
    assert "ann" in told and token not in told and PASSWORD not in told and HERE not in told


def test_a_guessed_token_and_one_signed_out_are_nobodys(store, ann):
    token = store.sessions.sign_in(ann, PASSWORD, HERE)
    store.sessions.sign_out(token)
    assert store.sessions.of(token) is None and store.sessions.of("") is None
    assert store.sessions.form_token(token) != store.sessions.form_token("")


@pytest.mark.parametrize("deed", ["set_password", "disable"])
def test_sessions_end_with_a_new_password_and_with_the_account(store, ann, deed):
    bea = store.people.add("bea", PASSWORD, by=ann).name
    token = store.sessions.sign_in(bea, PASSWORD, HERE)
    if deed == "set_password":
        store.people.set_password(bea, PASSWORD + "2", by=ann)
    else:
        store.people.disable(bea, by=ann)
    assert store.sessions.of(token) is None
    with pytest.raises(SignInRefused):
        store.sessions.sign_in(bea, PASSWORD, HERE)


def test_changing_ones_own_password_ends_the_other_sessions_and_keeps_the_new(store, ann):
    other = store.sessions.sign_in(ann, PASSWORD, HERE)
    with pytest.raises(SignInRefused):
        store.sessions.change_password(ann, "wrong wrong wrong", PASSWORD + "2", HERE)
    token = store.sessions.change_password(ann, PASSWORD, PASSWORD + "2", HERE)
    assert store.sessions.of(other) is None and store.sessions.of(token).name == ann
    assert store.sessions.sign_in(ann, PASSWORD + "2", HERE)


def test_unknown_name_wrong_password_and_closed_account_are_told_alike(store, ann):
    bea = store.people.add("bea", PASSWORD, by=ann).name
    store.people.disable(bea, by=ann)
    told = set()
    for name, password in (("nobody.here", PASSWORD), (ann, "wrong wrong wrong"), (bea, PASSWORD)):
        with pytest.raises(SignInRefused) as caught:
            store.sessions.sign_in(name, password, HERE)
        told.add(str(caught.value))
    assert len(told) == 1


def test_an_unknown_name_costs_as_much_as_a_wrong_password(monkeypatch):
    """Each compares one hash with today's parameters."""
    hasher = importlib.reload(passwords).HASHER
    kept = hasher.hash(PASSWORD)
    passwords.fits("", None)  # the hash of nobody is made once

    def cost(of: str | None) -> float:
        start = time.perf_counter()
        passwords.fits("wrong wrong wrong", of)
        return time.perf_counter() - start

    known, unknown = (min(cost(of) for _ in range(5)) for of in (kept, None))
    assert 0.5 < known / unknown < 2 and min(known, unknown) > 0.01


@pytest.mark.parametrize("name", ["ann", "nobody.here"])
def test_a_name_is_locked_after_five_failures_whether_or_not_it_exists(store, ann, clock, name):
    for attempt in range(BY_NAME):
        with pytest.raises(SignInRefused) as caught:
            store.sessions.sign_in(name, "wrong wrong wrong", f"192.0.2.{attempt}")
        assert not isinstance(caught.value, TooManyAttempts)
    with pytest.raises(TooManyAttempts, match="Wait 15 minutes"):
        store.sessions.sign_in(name, PASSWORD, HERE)
    clock.pass_(minutes=15)
    if name == "ann":
        assert store.sessions.sign_in(name, PASSWORD, HERE)


def test_the_lock_outlives_a_restart(place):
    with place.open() as store:
        store.people.add("ann", PASSWORD, by="setup")
        for _ in range(BY_NAME):
            with pytest.raises(SignInRefused):
                store.sessions.sign_in("ann", "wrong wrong wrong", HERE)
    with place.open() as store, pytest.raises(TooManyAttempts):
        store.sessions.sign_in("ann", PASSWORD, HERE)


def test_an_address_that_tries_many_names_is_locked_and_others_are_not(store, ann):
    for attempt in range(BY_ADDRESS):
        with pytest.raises(SignInRefused):
            store.sessions.sign_in(f"name{attempt}", PASSWORD, HERE)
    with pytest.raises(TooManyAttempts):
        store.sessions.sign_in(ann, PASSWORD, HERE)
    assert store.sessions.sign_in(ann, PASSWORD, "192.0.2.2")


def test_signing_in_many_times_from_one_address_locks_nobody(store, ann):
    for _ in range(BY_ADDRESS + 5):
        store.sessions.sign_in(ann, PASSWORD, HERE)


def test_failures_before_a_success_do_not_add_up(store, ann):
    for _ in range(3):
        for _ in range(BY_NAME - 1):
            with pytest.raises(SignInRefused):
                store.sessions.sign_in(ann, "wrong wrong wrong", HERE)
        store.sessions.sign_in(ann, PASSWORD, HERE)


def test_a_registry_of_others_and_one_that_does_not_exist_are_told_alike(store, ann):
    hidden = store.registries.add("SYNTHETIC", by=ann)
    told = set()
    for registry in (hidden.id, "0" * 32):
        with pytest.raises(NoSuchRegistry) as caught:
            store.people.require(ann, registry, Role.reader)  # the admin of the house sees none by that alone
        told.add(str(caught.value))
    assert len(told) == 1 and store.people.registries_of(ann) == {}


def test_a_role_allows_what_the_lower_ones_allow_and_no_more(store, ann):
    held = store.registries.add("SYNTHETIC", by=ann)
    for role in Role:
        store.people.grant(ann, held.id, role, by=ann)
        for least in Role:
            if least <= role:
                assert store.people.require(ann, held.id, least) == role
            else:
                with pytest.raises(NotAllowed, match=f"needs the role {least.name}"):
                    store.people.require(ann, held.id, least)
    assert [(person.name, role) for person, role in store.people.granted(held.id)] == [(ann, Role.admin)]
    store.people.revoke(ann, held.id, by=ann)
    assert store.people.role_in(ann, held.id) is None


def test_a_closed_account_may_nothing_until_it_is_opened(store, ann):
    held = store.registries.add("SYNTHETIC", by=ann)
    bea = store.people.add("bea", PASSWORD, by=ann).name
    store.people.grant(bea, held.id, Role.curator, by=ann)
    store.people.disable(bea, by=ann)
    assert store.people.role_in(bea, held.id) is None and store.people.registries_of(bea) == {}
    store.people.enable(bea, by=ann)
    assert store.people.registries_of(bea) == {held.id: Role.curator}


def test_the_last_admin_cannot_be_closed_out(store, ann):
    with pytest.raises(WrongUsage, match="last admin"):
        store.people.disable(ann, by=ann)
    store.people.add("bea", PASSWORD, by=ann, admin=True)
    store.people.disable(ann, by="bea")
    assert [(person.name, person.disabled) for person in store.people.all()] == [("ann", True), ("bea", False)]


def test_unknown_people_and_registries_are_told(store, ann):
    with pytest.raises(WrongUsage, match="nobody has this name"):
        store.people.of("zoe")
    with pytest.raises(NoSuchRegistry):
        store.people.grant(ann, "0" * 32, Role.reader, by=ann)
