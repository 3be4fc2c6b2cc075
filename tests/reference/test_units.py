"""Every unit factor again, by pint with the UCUM grammar of ucumvert.

The oracle: PintUcumRegistry().from_ucum(unit) converted to the canonical unit. Relative tolerance 1e-12: pint works in
binary floats and `24.h` is not a power of two, so equality cannot be asked; a wrong factor is wrong by a tenth or more.
Molar units change by a molar mass. The customary divisors that laboratories use stand in analytes.py; they are compared
with the molar mass to 1e-4, which is as closely as the customary ones are rounded.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from pint import Quantity
from ucumvert import PintUcumRegistry

from mspike.record.analytes import ANALYTES, SPELLINGS, URINE_CONCENTRATION, folded, unit_factors

UNITS = PintUcumRegistry()
PLAIN, CUSTOMARY = 1e-12, 1e-4

# analyte, molar unit: the customary divisor or factor, and the molar mass in g/mol that it stands for.
MOLAR = {
    ("bilirubin", "umol/L"): (1 / Fraction("17.104"), 584.66),
    ("calcium", "mmol/L"): (1 / Fraction("0.2495"), 40.078),
    ("creatinine", "umol/L"): (1 / Fraction("88.4"), 113.12),
    ("haemoglobin", "mmol/L"): (Fraction("1.611"), 16_110.0),  # per monomer, with one haem
}
DECLARED = [(a.name, a.unit, unit, factor) for a in ANALYTES.values() for unit, factor in a.units.items()]
NAMED = [pytest.param(*d, id=f"{d[0]}: {d[2]}") for d in DECLARED if (d[0], d[2]) not in MOLAR]


def quantity(ucum: str) -> Quantity:
    return UNITS.from_ucum(ucum)


@pytest.mark.parametrize(("analyte", "canonical", "unit", "factor"), NAMED)
def test_a_factor_is_what_pint_says(analyte: str, canonical: str, unit: str, factor: Fraction):
    expected = quantity(unit).to(quantity(canonical).units).magnitude / quantity(canonical).magnitude
    assert float(factor) == pytest.approx(float(expected), rel=PLAIN)


@pytest.mark.parametrize(("unit", "factor"), URINE_CONCENTRATION.items())
def test_a_urine_concentration_becomes_mg_per_litre(unit: str, factor: Fraction):
    assert float(factor) == pytest.approx(quantity(unit).to("mg/L").magnitude, rel=PLAIN)


@pytest.mark.parametrize(("analyte", "unit"), MOLAR)
def test_a_molar_factor_is_the_documented_one_and_fits_the_molar_mass(analyte: str, unit: str):
    documented, molar_mass = MOLAR[analyte, unit]
    factor = ANALYTES[analyte].units[unit]
    assert factor == documented
    by_mass = (quantity(unit) * molar_mass * quantity("g/mol")).to(quantity(ANALYTES[analyte].unit).units)
    assert float(factor) == pytest.approx(by_mass.magnitude, rel=CUSTOMARY)


def test_every_molar_unit_is_among_those_with_a_documented_divisor():
    molar = {(analyte, unit) for analyte, _, unit, _ in DECLARED if "mol" in unit}
    assert molar == set(MOLAR)


@pytest.mark.parametrize("analyte", ANALYTES.values(), ids=ANALYTES.keys())
def test_a_number_has_a_canonical_unit_with_factor_one(analyte):
    if analyte.kind == "finding":
        assert analyte.unit == "" and not analyte.units
    else:
        assert analyte.units[analyte.unit] == 1


@pytest.mark.parametrize(("spelling", "code"), SPELLINGS.items())
def test_a_spelling_stands_for_a_unit_that_some_analyte_accepts_or_for_a_known_one(spelling: str, code: str):
    assert spelling == folded(spelling) or " " in spelling
    if any(code in a.units for a in ANALYTES.values()):
        accepting = [a.name for a in ANALYTES.values() if code in a.units]
        assert all(unit_factors(name)[folded(spelling)] == ANALYTES[name].units[code] for name in accepting)
    else:
        assert quantity(code) is not None


def test_units_that_differ_only_in_case_are_never_both_accepted():
    for analyte in ANALYTES.values():
        assert len({folded(unit) for unit in analyte.units}) == len(analyte.units), analyte.name
