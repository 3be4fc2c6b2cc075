"""Toxicity as a partition of the patients: graded, open, or nothing recorded; "not known" never counts as "none"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mspike.study.counted import Column, Counts, Levels, counted

SEVERE = 3
OPEN = ("grade open, perhaps none", "grade open, at least 1", "grade open, at least 3")
HIGHEST = 5


@dataclass(frozen=True)
class Graded:
    """A toxicity that has a grade.

    low, high  the grade that is sure and the highest possible; both null where nothing tells
    nothing    what the row is called of patients of whom nothing tells
    highest    grade of the scale
    """

    name: str
    words: str
    low: pl.Expr
    high: pl.Expr
    nothing: str
    highest: int

    @property
    def levels(self) -> Levels:
        """Grades 0 to the highest, three rows of open grades, and those of whom nothing tells: each patient in one."""
        known, same = self.low.is_not_null() & self.high.is_not_null(), self.low == self.high
        open_ = known & ~same
        return [
            *((f"grade {grade}", same & (self.low == grade)) for grade in range(self.highest + 1)),
            (OPEN[0], open_ & (self.low == 0)),
            (OPEN[1], open_ & (self.low > 0) & (self.low < SEVERE)),
            (OPEN[2], open_ & (self.low >= SEVERE)),
            (self.nothing, ~known),
        ]

    def at_least(self, grade: int) -> tuple[int, ...]:
        """The rows of `levels` whose patients surely had this grade (1 or 3) or more."""
        open_rows = (self.highest + 2, self.highest + 3) if grade < SEVERE else (self.highest + 3,)
        return (*range(grade, self.highest + 1), *open_rows)

    @property
    def told_of(self) -> tuple[int, ...]:
        """The rows of patients of whom something tells."""
        return tuple(range(self.highest + 4))

    def counts(self, columns: Sequence[Column], min_cell: int) -> Counts:
        return counted(columns, self.levels, min_cell, sums=[self.at_least(1), self.at_least(SEVERE), self.told_of])


def _ward(name: str, words: str) -> Graded:
    """CRS or ICANS: by the signs where any was recorded, else as somebody graded it."""
    signs, recorded = pl.col(f"{name}_days_measured") > 0, pl.col(f"{name}_recorded_grade")
    noted = pl.col(f"{name}_recorded_day").is_not_null()
    # An event without a grade says that there was one, of any grade.
    low = pl.when(signs).then(f"{name}_at_least").when(noted).then(pl.coalesce(recorded, 1))
    high = pl.when(signs).then(f"{name}_at_most").when(noted).then(pl.coalesce(recorded, HIGHEST))
    return Graded(name, words, low, high, "no signs recorded", HIGHEST)


def _blood(name: str, when: str, words: str) -> Graded:
    counted_at_all = pl.col(f"{name}_{when}_days_measured") > 0
    low, high = (pl.when(counted_at_all).then(f"{name}_{when}_{end}") for end in ("low", "high"))
    nothing = "no counts recorded" if when == "early" else "no counts recorded, or not followed so long"
    return Graded(f"{name}_{when}", words, low, high, nothing, 4)


WARD = (_ward("crs", "Cytokine release syndrome (CRS)"), _ward("icans", "Neurotoxicity (ICANS)"))
BLOOD = (
    _blood("icaht", "early", "Neutrophils, early (day 0–30): ICAHT"),
    _blood("icaht", "late", "Neutrophils, late (day 31–100): ICAHT"),
    _blood("platelets", "early", "Platelets, early (day 0–30): T-ICAHT"),
    _blood("platelets", "late", "Platelets, late (day 31–100): T-ICAHT"),
)


@dataclass(frozen=True)
class Asked:
    """Something that is there, is not, or is not known.

    levels   rows, each patient in one; the first `yes` of them are the patients who have it
    overlap  a patient may have several of these: where small counts are kept back each would tell of the others
    """

    name: str
    words: str
    levels: Levels
    yes: int = 1
    overlap: bool = False


def _asked(name: str, words: str, yes: pl.Expr, no: str, unknown: str, *, overlap: bool = False) -> Asked:
    return Asked(name, words, [("yes", yes), (no, ~yes), (unknown, yes.is_null())], overlap=overlap)


_NONE = "none recorded"
_SIGNS = {
    "cranial_nerve_palsy": "Cranial nerve palsy",
    "parkinsonism": "Parkinsonism, movement or neurocognitive",
    "guillain_barre": "Guillain-Barré syndrome",
}
_low, _with_infections = pl.col("igg_ever_low"), pl.col("igg_ever_low_with_infections")
_malignancy, _of_t_cells = pl.col("malignancy_recorded"), pl.col("malignancy_t_cell")
SECOND_MALIGNANCY = Asked(
    "second_malignancy",
    "Second malignancy",
    [
        ("of T cells", _malignancy & _of_t_cells),
        ("of another kind", _malignancy & ~_of_t_cells),
        ("kind not told", _malignancy & _of_t_cells.is_null()),
        (_NONE, ~_malignancy.fill_null(False)),  # no event, none recorded
    ],
    yes=3,
)
ASKED = (
    _asked("neurotoxicity", "Delayed neurotoxicity, any sign", pl.col("neurotoxicity_recorded"), _NONE, "not known"),
    *(
        _asked(name, words, pl.col(f"neurotoxicity_{name}_at").is_not_null(), _NONE, "not known", overlap=True)
        for name, words in _SIGNS.items()
    ),
    _asked(
        "iec_hs", "HLH-like syndrome (IEC-HS) to be suspected", pl.col("iec_hs_suspected"), "not suspected",
        "not known: a finding that could decide is missing",
    ),
    _asked("iec_hs_recorded", "IEC-HS recorded", pl.col("iec_hs_recorded_at").is_not_null(), _NONE, "not known"),
    Asked(
        "low_igg",
        "Low polyclonal IgG (below 400 mg/dL) at any time",
        [
            ("low, with frequent or serious infections", _low & _with_infections),
            ("low, without", _low & ~_with_infections),
            ("low, infections not known", _low & _with_infections.is_null()),
            ("not low when measured", ~_low),
            ("not measured, or left open", _low.is_null()),
        ],
        yes=3,
    ),
    _asked(
        "enterocolitis", "Enterocolitis (IEC-associated) to be asked about", pl.col("enterocolitis_alert"), _NONE,
        "diarrhoea without a grade",
    ),
    SECOND_MALIGNANCY,
)  # fmt: skip
