"""Names of genetic markers as laboratories write them, each read as one term with what it says about the clone."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from mspike.knowledge.files import read_yaml

FILE = Path(__file__).parent / "genetic_markers.yaml"
CHANGES = ("deletion", "gain", "amplification", "mutation", "translocation", "trisomy", "monosomy")
AUTOSOMES = range(1, 23)

_TRANSLOCATION = re.compile(r"\bt\s*\(?\s*(\d{1,2})\s*[;:,/ _-]\s*(\d{1,2})\s*\)?")
_BANDS = re.compile(r"\(?\s*[pq][\d.]+\s*[;:,]\s*[pq][\d.]+\s*\)?")
_PARTNERS = re.compile(r"\b([a-z][a-z0-9]*)\s*(?:::|[-/])\s*([a-z][a-z0-9]*)\b")
_COPIES = re.compile(r"\b(\d)\s*(?:copies|copy|cn)\b")
_VARIANT = re.compile(r"(?<![a-z0-9])[cpg]\.[a-z0-9_>*?=()+-]+")  # p.R273H, c.818G>A
_PERCENT = re.compile(r"(>=|≥|>|<=|≤|<)?\s*(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class Marker:
    """One term: what it means, the kinds of change that name it, and what follows from it."""

    term: str
    means: str
    changes: tuple[str, ...]
    loci: tuple[str, ...]
    implies: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """What a text says about a marker once its locus is taken out."""

    locus: str
    changes: tuple[str, ...] = ()
    state: str | None = None  # present, absent, unknown; "contradiction" where it says both
    alleles: str | None = None
    above_cutoff: bool = False
    share: Fraction | None = None
    parts: tuple[str, ...] = ()  # of the locus, where band and gene are both named


@cache
def markers() -> dict[str, Marker]:
    """Every recognised term."""
    told = _told()
    known = [
        Marker(term, body["means"], tuple(body["change"]), tuple(body["loci"]),
               tuple(body.get("implies", ())), tuple(body.get("excludes", ())))
        for term, body in told["terms"].items()
    ]  # fmt: skip
    for family, body in told["families"].items():
        for number in AUTOSOMES:
            term = f"{family}{number}"
            implies = tuple(told["family_implies"].get(term, ()))
            known.append(Marker(term, f"{body['means']} {number}", (body["change"],), (str(number),), implies))
    known += [Marker(gene, f"{gene} altered", ("any",), (gene.lower(),)) for gene in told["genes"]]
    return {marker.term: marker for marker in known}


@cache
def _told() -> dict[str, Any]:
    return read_yaml(FILE)


def terms_of(marker: str, changes: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The terms that a marker text and the changes named in its finding stand for; none where it is not recognised.

    1. The changes of the finding stand above that of the name: "TP53" with "deletion" is del17p.
    2. A locus without any change belongs to the first term that lists it. A bare chromosome number says nothing.
    """
    name = read_words(marker, is_name=True)
    by_change, first = _places()
    whole = name.changes and name.changes[0] in ("monosomy", "trisomy")  # a lost chromosome stays one, "deleted" or not
    asked = (name.changes if whole else changes or name.changes) or (None,)

    def term(locus: str, change: str | None) -> str | None:
        if change is None:
            return first.get(locus)
        return by_change.get((locus, change)) or by_change.get((locus, "any"))

    for loci in ((name.locus,), name.parts):  # "del(1)(p32)" is one locus; "17p (TP53)" names one locus twice
        found = [{term(locus, change) for locus in loci} for change in asked]
        terms = [one.pop() for one in found if len(one) == 1]
        if loci and len(terms) == len(asked) and all(terms):
            return tuple(dict.fromkeys(t for t in terms if t))
    return ()


@cache
def _places() -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    by_change: dict[tuple[str, str], str] = {}
    first: dict[str, str] = {}
    for marker in markers().values():
        for locus in marker.loci:
            if not locus.isdigit():
                first.setdefault(locus, marker.term)
            for change in marker.changes:
                by_change.setdefault((locus, change), marker.term)
    for number in AUTOSOMES:  # "+9" and "gain(9)" are the trisomy, "-13" the monosomy
        by_change[str(number), "gain"] = f"trisomy{number}"
    return by_change, first


@cache
def read_words(text: str, *, is_name: bool = False) -> Words:
    """Takes a marker's name or its finding apart. Of a finding that was understood no locus is left."""
    rest = " ".join(unicodedata.normalize("NFKC", text).lower().replace("_", " ").split())
    if not is_name and rest in _whole():
        return Words("", state=_whole()[rest])
    rest, changes = _signs(_canonical(rest)) if is_name else (rest, [])
    rest, share, above, below = _percent(rest)
    rest, copies = _copies(rest)
    rest, named = (rest, 0) if is_name else _VARIANT.subn(" ", rest)
    changes += ["mutation"] * (named > 0)
    states = {"unknown"} if below else set()  # "< 5 %" alone: the laboratory's own limit is not known
    alleles = {"0": "bi", "1": "mono"}.get(copies)
    changes += {"0": ["deletion"], "1": ["deletion"], "2": [], "": [], "3": ["gain"]}.get(copies, ["amplification"])
    states |= {"absent"} if copies == "2" else set()
    for kind, word in _vocabulary():
        rest, times = re.subn(rf"(?<![a-z]){re.escape(word)}(?![a-z])", " ", rest)
        if not times:
            continue
        if kind in CHANGES:
            changes += [kind] * times
        elif kind in ("mono", "bi"):
            alleles = "bi" if "bi" in (alleles, kind) else "mono"
        elif kind == "above_cutoff":
            above = True
        elif kind != "filler":
            states.add(kind)
    if changes.count("deletion") > 1:  # "deletion + deletion": one hit on each allele
        alleles = "bi"
    locus = re.sub(r"[\s()\[\]]", "", rest) if is_name else re.sub(r"[\s()\[\],;:+&./-]", "", rest)
    state = _state(states)
    if state == "absent" and alleles:  # "no biallelic loss" does not say that nothing is lost
        state = "contradiction"
    parts = tuple(re.sub(r"[()\[\]]", "", part) for part in rest.split()) if is_name else ()
    return Words(locus, tuple(dict.fromkeys(changes)), state, alleles, above, share, parts)


def _state(states: set[str]) -> str | None:
    if "unknown" in states and len(states) > 1:
        states = states - {"unknown"}
    return "contradiction" if len(states) > 1 else next(iter(states), None)


@cache
def _vocabulary() -> tuple[tuple[str, str], ...]:
    """(kind, word), longest word first, so that "loss of function mutation" is no loss."""
    told = _told()
    kinds = {**told["words"], "filler": told["filler"]}
    pairs = [(kind, word) for kind, words in kinds.items() for word in words if word[0].isalpha() and len(word) > 1]
    return tuple(sorted(pairs, key=lambda pair: (-len(pair[1]), pair)))


@cache
def _whole() -> dict[str, str]:
    """Findings that are one sign or letter: "x", "1", "-"."""
    told = _told()["words"]
    return {w: kind for kind in ("present", "absent", "unknown") for w in told[kind] if len(w) == 1 or w == "n/a"}


def _canonical(name: str) -> str:
    """Translocations and fusion partners in one spelling: t4;14, igh::maf."""
    name = re.sub(r"\(\s*chr\.?\s*\d+\s*\)", " ", name)
    if found := _TRANSLOCATION.search(name):
        low, high = sorted((int(found[1]), int(found[2])))
        rest = _BANDS.sub(" ", name[: found.start()] + " " + name[found.end() :])
        return f"{rest} t{low};{high}" if not _PARTNERS.search(rest) else f"t{low};{high}"
    pair = _PARTNERS.search(name)
    if pair and "igh" in pair.groups():
        partner = pair[2] if pair[1] == "igh" else pair[1]
        return name[: pair.start()] + f"igh::{partner}" + name[pair.end() :]
    return name


def _signs(name: str) -> tuple[str, list[str]]:
    """ "+9", "1q21+", "-17", "17p-": a sign before a whole chromosome, or at either end of an arm."""
    plain = re.sub(r"[\s()]", "", name)
    if found := re.fullmatch(r"([+-])(\d{1,2})", plain):
        return found[2], ["trisomy" if found[1] == "+" else "monosomy"]
    if found := re.fullmatch(r"([+-])?(\d{1,2}[pq][\d.]*)([+-])?", plain):
        sign = found[1] or found[3]
        return found[2], [{"+": "gain", "-": "deletion"}[sign]] if sign else []
    return name, []


def _percent(text: str) -> tuple[str, Fraction | None, bool, bool]:
    """A share of cells given as a percentage; "> 20 %" is no share, but above a limit."""
    found = _PERCENT.search(text)
    if not found:
        return text, None, False, False
    rest = text[: found.start()] + " " + text[found.end() :]
    sign, number = found[1] or "", Fraction(found[2]) / 100
    above = sign in (">", ">=", "≥") and number >= Fraction(1, 5)
    return rest, None if sign else number, above, sign in ("<", "<=", "≤")


def _copies(text: str) -> tuple[str, str]:
    found = _COPIES.search(text)
    return (text[: found.start()] + " " + text[found.end() :], found[1]) if found else (text, "")
