"""Reads the files of this folder and checks how the records point at one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from mspike.errors import KnowledgeError
from mspike.knowledge.evidence.records import Erratum, Evidence, read_erratum, read_record
from mspike.knowledge.files import read_yaml

FOLDER = Path(__file__).parent
ERRATA = "errata.yaml"


@cache
def evidence() -> dict[str, Evidence]:
    """Every published result by its id, file by file."""
    return read_evidence(path for path in sorted(FOLDER.glob("*.yaml")) if path.name != ERRATA)


@cache
def errata() -> dict[str, Erratum]:
    """What the seed documents say wrongly, by id."""
    return read_errata(FOLDER / ERRATA)


def read_errata(path: Path) -> dict[str, Erratum]:
    """Reads and checks one file of errata."""
    told = read_yaml(path)
    return {id: read_erratum(id, body, f"{path.name}, {id}") for id, body in told.items()}


def read_evidence(paths: Iterable[Path]) -> dict[str, Evidence]:
    """Reads and checks records; each message names file and record."""
    records: dict[str, Evidence] = {}
    for path in paths:
        for id, body in (read_yaml(path) or {}).items():
            if id in records:
                raise KnowledgeError(f"{path.name}, {id}: there is another record of this name.")
            records[id] = read_record(id, body, f"{path.name}, {id}")
    for record in records.values():
        _links(record, records)
    return _both_ways(records)


def _links(record: Evidence, records: dict[str, Evidence]) -> None:
    """Refuses a link to nothing, to the record itself, to a smaller whole, or round in a circle."""
    links = {"subset_of": record.subset_of, "superseded_by": record.superseded_by}
    for name, other in [*links.items(), *(("overlaps", other) for other in record.overlaps)]:
        if other is not None and (other not in records or other == record.id):
            raise KnowledgeError(f"{record.id}: {name} {other!r} is no other record of evidence.")
    for name in links:
        _no_circle(record, name, records)
    whole = records[record.subset_of].n if record.subset_of else None
    if whole and record.n and record.n > whole:
        raise KnowledgeError(f"{record.id}: {record.n} patients, but subset of {record.subset_of} with {whole}.")


def _no_circle(record: Evidence, link: str, records: dict[str, Evidence]) -> None:
    seen, at = {record.id}, getattr(record, link)
    while at is not None:
        if at in seen:
            raise KnowledgeError(f"{record.id}: {link} leads back to {at}.")
        seen.add(at)
        at = getattr(records.get(at), link, None)


def _both_ways(records: dict[str, Evidence]) -> dict[str, Evidence]:
    """Overlap is mutual: told in one record, it holds for both."""
    shared: dict[str, list[str]] = {id: list(record.overlaps) for id, record in records.items()}
    for id, record in records.items():
        for other in record.overlaps:
            if id not in shared[other]:
                shared[other].append(id)
    return {id: replace(r, overlaps=tuple(shared[id])) if shared[id] else r for id, r in records.items()}
