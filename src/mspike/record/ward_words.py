"""The words of the ward, by analyte: the word that is kept, and what else is read as it.

Only exact words count (case, blanks, hyphens and underscores apart): a word that is not listed is a finding, never a
guess. "none" is listed only where it answers the question asked: which support runs.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

Words = dict[str, tuple[str, ...]]

OXYGEN: Words = {
    "room_air": ("ra", "air", "no oxygen", "no o2", "no supplemental oxygen", "no support", "none"),
    "nasal_cannula": ("nc", "nasal prongs", "nasal cannulae", "cannula"),
    "low_flow": ("low flow nasal cannula", "low flow oxygen", "lfnc"),
    "blow_by": ("blowby", "blow by oxygen"),
    "high_flow": ("high flow nasal cannula", "high flow cannula", "high flow oxygen", "hfnc", "hfno", "optiflow"),
    "facemask": ("face mask", "mask", "simple mask", "simple facemask", "simple face mask", "oxygen mask"),
    "non_rebreather": ("nonrebreather", "non rebreather mask", "nonrebreather mask", "nrb", "nrbm", "reservoir mask"),
    "venturi": ("venturi mask",),
    "cpap": ("continuous positive airway pressure",),
    "bipap": ("bilevel positive airway pressure", "niv", "non invasive ventilation", "noninvasive ventilation"),
    "ventilated": ("ventilator", "intubated", "intubation", "mechanical ventilation", "invasive ventilation"),
}
NONE = "none"
VASOPRESSIN = "vasopressin"
VASOPRESSORS: Words = {
    NONE: ("no", "no vasopressor", "no vasopressors", "no pressors"),
    VASOPRESSIN: ("argipressin", "vasopressin only"),
    "norepinephrine": ("noradrenaline", "levophed"),
    "epinephrine": ("adrenaline",),
    "dopamine": (),
    "phenylephrine": (),
    "angiotensin_ii": ("angiotensin 2", "giapreza"),
}
CONSCIOUSNESS: Words = {
    "awake": ("alert", "awake and alert", "normal"),
    "wakes_spontaneously": ("awakens spontaneously", "wakens spontaneously"),
    "to_voice": ("awakens to voice", "wakes to voice", "wakens to voice", "voice"),
    "tactile": (
        "to tactile", "tactile stimulus", "tactile stimuli", "to tactile stimulus", "only to tactile stimulus",
        "awakens only to tactile stimulus", "wakes only to tactile stimulus", "to touch",
    ),
    "unarousable": (
        "unrousable", "not arousable", "unresponsive", "vigorous tactile", "vigorous tactile stimuli",
        "vigorous tactile stimulus", "repetitive tactile", "repetitive tactile stimuli",
    ),
    "stupor": ("stuporous",),
    "coma": ("comatose",),
}  # fmt: skip
_NO = ("no", "none", "absent", "neg", "not present")
_YES = ("yes", "present", "pos")
HYPOTENSION: Words = {
    "negative": (*_NO, "no hypotension"),
    "positive": (
        *_YES, "hypotension", "hypotensive", "not needing vasopressors", "no vasopressor needed", "fluids",
        "fluid responsive", "responds to fluids",
    ),
}  # fmt: skip
SEIZURE: Words = {
    "negative": (*_NO, "no seizure"),
    "positive": (*_YES, "seizure"),
    "brief": ("short", "resolving", "resolved", "resolving rapidly", "rapidly resolving", "self limited", "single"),
    "nonconvulsive": ("non convulsive", "eeg only", "nonconvulsive resolving"),
    "prolonged": ("life threatening", "status", "status epilepticus", "more than 5 min", "> 5 min", ">5 min"),
    "repetitive": ("repeated", "repetitive without return to baseline"),
}
MOTOR_WEAKNESS: Words = {
    "negative": (*_NO, "no weakness"),
    "positive": (*_YES, "deep focal weakness", "hemiparesis", "paraparesis", "hemiplegia", "paraplegia"),
}
CEREBRAL_OEDEMA: Words = {
    "negative": (*_NO, "no oedema", "no edema"),
    "positive": (*_YES, "oedema", "edema"),
    "focal": ("focal oedema", "focal edema", "local"),
    "diffuse": (
        "diffuse oedema", "diffuse edema", "generalised", "generalized", "posturing", "decerebrate posturing",
        "decorticate posturing", "cn vi palsy", "cranial nerve vi palsy", "sixth nerve palsy", "papilloedema",
        "papilledema", "cushing triad", "cushing's triad",
    ),
}  # fmt: skip

_FLOW = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3})?) ?(?:l/ ?min|lpm|l/m|l|litres?/min|liters?/min)(?![a-z/])")
_JOINS = re.compile(r"\s*(?:\+|,|;|&|/|\band\b|\bplus\b|\bwith\b)\s*")
_AROUND_FLOW = ("via", "by", "on", "at", "of", "o2", "oxygen", "through")
MICRO = 1_000_000


class Told(NamedTuple):
    """What a ward word says: a number in millionths of the canonical unit, a word, or both."""

    lo: int | None
    state: str | None


def folded_word(text: str) -> str:
    """As words are compared: lower case, and one blank for blanks, hyphens and underscores."""
    return " ".join(re.sub(r"[-_\s]+", " ", text.lower()).split())


def lookup(words: Words) -> dict[str, str]:
    """Every spelling, folded, with the word that is kept."""
    return {folded_word(spelling): kept for kept, others in words.items() for spelling in (kept, *others)}


def read_ward_word(analyte: str, text: str, words: Words) -> Told | None:
    """What does this text say of a ward analyte? None where it holds a word that is not listed."""
    known, plain = lookup(words), folded_word(text)
    if analyte == "vasopressors":
        return _vasopressors(plain, known)
    if plain in known:
        return Told(None, known[plain])
    return _flow(plain, known) if analyte == "oxygen" else None


def _vasopressors(plain: str, known: dict[str, str]) -> Told | None:
    """How many, vasopressin not counted (rules.md 5.1), and which."""
    names = [known.get(part) for part in _JOINS.split(plain)]
    found = sorted({name for name in names if name})
    if None in names or (NONE in found and len(found) > 1):
        return None
    counted = [name for name in found if name not in (NONE, VASOPRESSIN)]
    return Told(len(counted) * MICRO, " + ".join(found))


def _flow(plain: str, known: dict[str, str]) -> Told | None:
    """A flow with or without its device: "6 L/min nasal cannula"."""
    flows = _FLOW.findall(plain)
    if len(flows) != 1:
        return None
    rest = [word for word in re.split(r"[\s,;]+", _FLOW.sub(" ", plain)) if word and word not in _AROUND_FLOW]
    device = known.get(" ".join(rest))
    if rest and device is None:
        return None
    return Told(int(Decimal(flows[0]) * MICRO), device)
