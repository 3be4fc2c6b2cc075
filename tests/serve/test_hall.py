"""A registry is derived once for its pages, again where something changed, and goes on where a build was killed."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from mspike.errors import UnreadableInput
from mspike.serve import hall as rooms
from mspike.serve.hall import Hall, open_hall
from mspike.serve.keys import house_key, token_of
from mspike.serve.shelf import Shelf
from mspike.serve.versions import KEPT, clear_old, held


def test_opened_again_it_reads_what_it_kept(registry, house, hall: Hall, monkeypatch):
    monkeypatch.setattr(rooms, "_fill", lambda *_: pytest.fail("derived again"))
    again = open_hall(registry, house)
    assert again.tokens == hall.tokens
    again.close()


def test_another_registry_or_day_or_setting_is_another_version(registry, house, hall: Hall, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(registry, changed)
    with (changed / "patients.csv").open("a") as file:
        file.write("SYNTHETIC-NEW" + "," * ((changed / "patients.csv").read_text().splitlines()[0].count(",")) + "\n")
    versions = {hall.version}
    for source, given in ((changed, {}), (registry, {"on": "2024-01-01"}), (registry, {"settings": {"blq": "zero"}})):
        other = open_hall(source, house, **given)
        versions.add(other.version)
        other.close()
    assert len(versions) == 4


def test_a_patient_of_another_version_is_not_found_by_an_old_token(hall: Hall, house):
    key = house_key(house)
    patient, token = next(iter(hall.tokens.items()))
    assert token_of(key, hall.version, patient) == token
    assert token_of(key, "another version", patient) != token
    assert patient not in token


def test_a_killed_build_is_not_served_and_is_finished_later(registry, tmp_path, monkeypatch):
    say = Shelf.say
    monkeypatch.setattr(Shelf, "say", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        open_hall(registry, tmp_path)
    monkeypatch.setattr(Shelf, "say", say)
    monkeypatch.setattr(rooms, "gathered", lambda *_: pytest.fail("a bucket was done twice"))
    opened = open_hall(registry, tmp_path)
    assert len(opened.rows) == 12
    opened.close()


def test_only_the_owner_reads_what_is_kept(house, hall: Hall):
    for place in (hall.folder, hall.folder / "pages.sqlite", house / "house.key"):
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, place


def test_a_damaged_key_is_refused(tmp_path):
    (tmp_path / "house.key").write_bytes(b"short")
    with pytest.raises(UnreadableInput, match="5 bytes; expected 32"):
        house_key(tmp_path)


def test_old_versions_are_cleared_but_not_those_in_use(tmp_path):
    holds = {name: held(tmp_path / name) for name in "abcdefg"}
    for age, name in enumerate(holds):
        os.utime(tmp_path / name / "in-use", (age, age))
    for name in "bcdefg":
        holds[name].close()
    clear_old(tmp_path, "g")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["a", "d", "e", "f", "g"]  # a is old and held
    assert len(left) == KEPT + 1
    holds["a"].close()
