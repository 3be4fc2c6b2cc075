"""The analytes: canonical unit, units accepted with their exact factor, and what is plausible.

A factor is an exact fraction: value in the unit x factor = value in the canonical unit. The tests recompute each
factor with pint and ucumvert; molar units use the molar mass named beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import polars as pl

from mspike.record import ward_words

MICRO = 1_000_000  # canonical values are whole millionths of the canonical unit


@dataclass(frozen=True)
class Analyte:
    """One analyte: `amount` is a number with a unit, `finding` a word, `either` may be both.

    words  its own words with their spellings; empty: the words of the laboratory (negative, positive, IgG kappa ...)
    """

    name: str
    meaning: str
    unit: str = ""
    kind: Literal["amount", "finding", "either"] = "amount"
    units: dict[str, Fraction] = field(default_factory=dict)
    high: float | None = None  # above this a value is a slip of the unit or the pen
    unit_may_be_missing: bool = False
    words: ward_words.Words = field(default_factory=dict)


def _units(canonical: str, **factors: str) -> dict[str, Fraction]:
    named = {name: Fraction(value) for name, value in factors.items()}
    return {canonical: Fraction(1), **{_SPELLED[name]: value for name, value in named.items()}}


# Python names for UCUM codes, so that the table below stays readable.
_SPELLED = {
    "g_l": "g/L",
    "g_dl": "g/dL",
    "mg_l": "mg/L",
    "mg_dl": "mg/dL",
    "ug_ml": "ug/mL",
    "ug_l": "ug/L",
    "ng_ml": "ng/mL",
    "pg_ml": "pg/mL",
    "ng_l": "ng/L",
    "mg_24h": "mg/(24.h)",
    "g_24h": "g/(24.h)",
    "l_24h": "L/(24.h)",
    "ml_24h": "mL/(24.h)",
    "mmol_l": "mmol/L",
    "umol_l": "umol/L",
    "per_nl": "10*9/L",
    "per_ul": "/uL",
    "k_ul": "10*3/uL",
    "percent": "%",
    "one": "1",
    "u_l": "U/L",
    "celsius": "Cel",
}

_SERUM_PROTEIN = _units("g/dL", g_l="1/10", mg_dl="1/1000", mg_l="1/10000")
_FLC = _units("mg/L", mg_dl="10", g_l="1000", ug_ml="1")
_IG = _units("mg/dL", g_l="100", g_dl="1000", mg_l="1/10")
_PERCENT = _units("%", one="100")
_CELLS_NL = _units("10*9/L", per_ul="1/1000", k_ul="1")
_CELLS_UL = _units("/uL", per_nl="1000", k_ul="1000")
_NG_ML = _units("ng/mL", ug_l="1", pg_ml="1/1000", ng_l="1/1000", mg_l="1000")

_DECLARED = (
    Analyte("serum_m", "Serum M-protein by electrophoresis", "g/dL", units=_SERUM_PROTEIN, high=20),
    Analyte(
        "urine_m_24h", "Urine M-protein in 24 h", "mg/(24.h)", units=_units("mg/(24.h)", g_24h="1000"), high=100_000
    ),
    Analyte("kappa_flc", "Free kappa light chains, serum", "mg/L", units=_FLC, high=200_000),
    Analyte("lambda_flc", "Free lambda light chains, serum", "mg/L", units=_FLC, high=200_000),
    Analyte("serum_ife", "Serum immunofixation", kind="finding"),
    Analyte("urine_ife", "Urine immunofixation", kind="finding"),
    Analyte("iga", "Quantitative IgA", "mg/dL", units=_IG, high=20_000),
    Analyte("igg", "Quantitative IgG", "mg/dL", units=_IG, high=20_000),
    Analyte("igm", "Quantitative IgM", "mg/dL", units=_IG, high=20_000),
    Analyte("marrow_plasma_cells", "Plasma cells in marrow", "%", units=_PERCENT, high=100, unit_may_be_missing=True),
    Analyte(
        "marrow_clonality",
        "Clonal plasma cells in marrow: negative, positive, or the kappa/lambda cell ratio",
        "1",
        kind="either",
        units=_units("1"),
        unit_may_be_missing=True,
    ),
    Analyte("urine_volume_24h", "Urine volume in 24 h", "L/(24.h)", units=_units("L/(24.h)", ml_24h="1/1000"), high=20),
    Analyte("circulating_plasma_cells", "Plasma cells in blood", "/uL", units=_CELLS_UL, high=1_000_000),
    # 40.078 g/mol; the customary divisor 0.2495 is used (rules.md section 0).
    Analyte("calcium", "Calcium, total", "mg/dL", units=_units("mg/dL", mmol_l="10000/2495"), high=30),
    Analyte("albumin", "Albumin", "g/dL", units=_SERUM_PROTEIN, high=8),
    # 1.611 g/dL per mmol/L (Hb monomer 16.11 kDa).
    Analyte("haemoglobin", "Haemoglobin", "g/dL", units=_units("g/dL", g_l="1/10", mmol_l="1611/1000"), high=25),
    # 113.12 g/mol; the customary divisor 88.4 is used.
    Analyte("creatinine", "Creatinine", "mg/dL", units=_units("mg/dL", umol_l="10/884"), high=40),
    Analyte("b2m", "Beta-2 microglobulin", "mg/L", units=_units("mg/L", ug_ml="1", mg_dl="10"), high=200),
    Analyte("ldh", "Lactate dehydrogenase", "U/L", units=_units("U/L"), high=50_000),
    Analyte("crp", "C-reactive protein", "mg/dL", units=_units("mg/dL", mg_l="1/10"), high=100),
    Analyte("ferritin", "Ferritin", "ng/mL", units=_NG_ML, high=1_000_000),
    Analyte("fibrinogen", "Fibrinogen", "mg/dL", units=_units("mg/dL", g_l="100"), high=2_000),
    Analyte("alt", "Alanine aminotransferase", "U/L", units=_units("U/L"), high=50_000),
    Analyte("anc", "Neutrophils", "10*9/L", units=_CELLS_NL, high=500),
    Analyte("alc", "Lymphocytes", "10*9/L", units=_CELLS_NL, high=1_000),
    Analyte("platelets", "Platelets", "10*9/L", units=_CELLS_NL, high=5_000),
    Analyte(
        "sbcma", "Soluble BCMA", "ng/mL", units=_units("ng/mL", ug_l="1", pg_ml="1/1000", ng_l="1/1000"), high=100_000
    ),
    Analyte("car_transgene", "CAR transgene copies per ug DNA", "/ug", units=_units("/ug"), high=100_000_000),
    Analyte(
        "bcma_expression",
        "BCMA on plasma cells",
        "%",
        kind="either",
        units=_PERCENT,
        high=100,
        unit_may_be_missing=True,
    ),
    Analyte(
        "gprc5d_expression",
        "GPRC5D on plasma cells",
        "%",
        kind="either",
        units=_PERCENT,
        high=100,
        unit_may_be_missing=True,
    ),
    Analyte("temperature", "Body temperature", "Cel", units=_units("Cel"), high=45),
    Analyte(
        "oxygen",
        "Oxygen support, or flow",
        "L/min",
        kind="either",
        units=_units("L/min"),
        high=100,
        unit_may_be_missing=True,
        words=ward_words.OXYGEN,
    ),
    Analyte(
        "vasopressors",
        "Vasopressors running: how many without vasopressin, or which",
        "1",
        kind="either",
        units=_units("1"),
        high=10,
        unit_may_be_missing=True,
        words=ward_words.VASOPRESSORS,
    ),
    Analyte("ice_score", "ICE score", "1", units=_units("1"), high=10, unit_may_be_missing=True),
    Analyte("consciousness", "Level of consciousness", kind="finding", words=ward_words.CONSCIOUSNESS),
    Analyte(
        "circulating_plasma_cell_share",
        "Plasma cells among white cells in blood",
        "%",
        units=_PERCENT,
        high=100,
        unit_may_be_missing=True,
    ),
    Analyte("wbc", "White cells in blood", "10*9/L", units=_CELLS_NL, high=1_000),
    Analyte("hypotension", "Hypotension", kind="finding", words=ward_words.HYPOTENSION),
    Analyte("seizure", "Seizure, clinical or on EEG", kind="finding", words=ward_words.SEIZURE),
    Analyte("motor_weakness", "Deep focal motor weakness", kind="finding", words=ward_words.MOTOR_WEAKNESS),
    Analyte(
        "cerebral_oedema",
        "Cerebral oedema, or signs of raised pressure",
        kind="finding",
        words=ward_words.CEREBRAL_OEDEMA,
    ),
    # What decides whether a therapy can be borne.
    Analyte("ecog", "ECOG performance status", "1", units=_units("1"), high=5, unit_may_be_missing=True),
    Analyte("lvef", "Left ventricular ejection fraction", "%", units=_PERCENT, high=100, unit_may_be_missing=True),
    Analyte("gfr", "Glomerular filtration rate, as reported", "mL/min", units=_units("mL/min"), high=300),
    # 584.66 g/mol; the customary divisor 17.1 is too coarse for the grid of the units' test.
    Analyte("bilirubin", "Bilirubin, total", "mg/dL", units=_units("mg/dL", umol_l="1000/17104"), high=80),
    Analyte("oxygen_saturation", "Oxygen saturation in room air", "%", units=_PERCENT, high=100),
)

ANALYTES = {a.name: a for a in _DECLARED}
NAMES = list(ANALYTES)
ANALYTE = pl.Enum(NAMES)

# A concentration becomes mg/24 h only with the day's volume; a spot sample has none (rules.md section 0).
URINE_CONCENTRATION = _units("mg/L", mg_dl="10", g_l="1000", g_dl="10000")

# Common spellings of the UCUM codes above. Matching ignores case and blanks; "µ" is read as "u".
SPELLINGS = {
    "g/24h": "g/(24.h)",
    "g/24 h": "g/(24.h)",
    "g/d": "g/(24.h)",
    "g/day": "g/(24.h)",
    "mg/24h": "mg/(24.h)",
    "mg/24hr": "mg/(24.h)",
    "mg/24hours": "mg/(24.h)",
    "mg/d": "mg/(24.h)",
    "mg/day": "mg/(24.h)",
    "mg/tag": "mg/(24.h)",
    "l/24h": "L/(24.h)",
    "l/d": "L/(24.h)",
    "l/day": "L/(24.h)",
    "l": "L/(24.h)",
    "ml": "mL/(24.h)",
    "ml/24h": "mL/(24.h)",
    "ml/d": "mL/(24.h)",
    "ml/day": "mL/(24.h)",
    "mcg/ml": "ug/mL",
    "mcg/l": "ug/L",
    "10^9/l": "10*9/L",
    "x10^9/l": "10*9/L",
    "x10*9/l": "10*9/L",
    "10e9/l": "10*9/L",
    "g/l(10^9)": "10*9/L",
    "/nl": "10*9/L",
    "10^3/ul": "10*3/uL",
    "x10^3/ul": "10*3/uL",
    "10e3/ul": "10*3/uL",
    "k/ul": "10*3/uL",
    "/ul": "/uL",
    "cells/ul": "/uL",
    "{cells}/ul": "/uL",
    "cells/mm3": "/uL",
    "cells/mm^3": "/uL",
    "/mm3": "/uL",
    "percent": "%",
    "fraction": "1",
    "ratio": "1",
    "iu/l": "U/L",
    "[iu]/l": "U/L",
    "degc": "Cel",
    "°c": "Cel",
    "c": "Cel",
    "copies/ug": "/ug",
    "copies/ugdna": "/ug",
    "copies/mcg": "/ug",
    "umol/l": "umol/L",
    "ml/min/1.73m2": "mL/min",
    "ml/min/1.73m^2": "mL/min",
    "ml/min/{1.73_m2}": "mL/min",
    "ml/min/1.73": "mL/min",
}


def folded(unit: str) -> str:
    """The unit as it is compared: no blanks, lower case, one kind of micro sign."""
    return "".join(unit.split()).lower().replace("µ", "u").replace("μ", "u")


def unit_factors(analyte: str) -> dict[str, Fraction]:
    """Every folded spelling that `analyte` accepts, with its exact factor to the canonical unit."""
    accepted = ANALYTES[analyte].units
    factors = {folded(code): factor for code, factor in accepted.items()}
    for spelling, code in SPELLINGS.items():
        if code in accepted:
            factors.setdefault(folded(spelling), accepted[code])
    return factors
