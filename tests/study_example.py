"""SYNTHETIC: a small literal study with every kind of part, and text that a page or a spreadsheet must not obey."""

from __future__ import annotations

import polars as pl

from mspike import INTENDED_USE
from mspike.cohort.survival import kaplan_meier
from mspike.figures.survival import survival_chart, survival_table
from mspike.study.parts import Section, StudyFigure, StudyTable
from mspike.study.study import Study

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
FORMULA = '=HYPERLINK("http://evil.example","go")'
DAYS = [30.0, 61.0, 92.0, 150.0, 183.0, 240.0, 300.0, 400.0, 420.0, 500.0, 610.0, 700.0]
EVENT = [True, True, False, True, True, True, False, True, False, True, False, False]


def characteristics() -> StudyTable:
    """Rows in groups, heads over heads, a product that is an attack, a row that is not known."""
    rows = [
        ("Sex", "female", "5 / 12 (42 %)", "3 / 7 (43 %)", "2 / 5 (40 %)"),
        ("Sex", "male", "6 / 12 (50 %)", "4 / 7 (57 %)", "2 / 5 (40 %)"),
        ("Sex", "not known", "1 / 12 (8 %)", "0 / 7 (0 %)", "1 / 5 (20 %)"),
        ("Product", EVIL, "7 / 12 (58 %)", "not known", "–"),
        (None, "group not told", "2", "1", "1"),
    ]
    names = ["characteristic", "level", "all", "a", "b"]
    shown = pl.DataFrame(rows, schema=names, orient="row")
    frame = pl.DataFrame(
        {"level": ["female", FORMULA, "-3.5", "+1 more", "@cmd", None], "n": [5, -6, 1, 7, 2, None]},
    )
    return StudyTable(
        "characteristics", "Patients at infusion (SYNTHETIC)", frame, shown,
        heads={"level": "Characteristic", "all": "All, n / N (%)", "a": "ide-cel & <b>co</b>", "b": "cilta-cel"},
        groups="characteristic", spans={"Product": ("a", "b")}, right=("all", "a", "b"),
        notes=("Percent of all infused patients; the unknown have a row of their own.", "2 later infusions: not here."),
    )  # fmt: skip


def wide() -> StudyTable:
    """More columns than a telephone or an upright page can hold."""
    rows = {"stratum": [f"group {n} of a stratum with a long name" for n in range(1, 5)]}
    more = {f"value_{n}": [f"{n}.{row} [{n - 1}.0, {n + 1}.9]" for row in range(4)] for n in range(1, 13)}
    frame = pl.DataFrame({**rows, **more})
    return StudyTable("wide", "Twelve estimates with intervals (SYNTHETIC)", frame, right=tuple(more))


def long() -> StudyTable:
    frame = pl.DataFrame({"day": range(400), "at_risk": range(12_400, 12_000, -1), "survival": [0.123456] * 400})
    return StudyTable("long", "Steps (SYNTHETIC)", frame)


def curves() -> StudyFigure:
    known = {"All patients": kaplan_meier(pl.Series(DAYS), pl.Series(EVENT))}
    chart = survival_chart(known, "12 SYNTHETIC patients", endpoint="Progression-free survival")
    twin = StudyTable("pfs_at_ticks", "Progression-free survival (SYNTHETIC)", survival_table(known))
    says = "Of 12 invented patients half had progressed or died by 13.1 months."
    return StudyFigure("pfs", "Progression-free survival", chart, says, twin)


def study(title: str = "12 patients after CAR T cells: registry example", synthetic: bool = True) -> Study:
    people = Section(
        "people", "Who", ("12 invented patients were infused.", "2 of them later received cells again."),
        (characteristics(), wide()), methods=("Counts are of first infusions.",),
    )  # fmt: skip
    survival = Section(
        "survival", "How long", ("Median progression-free survival was 13.1 months [95 % CI 5.0, NR].",),
        (curves(), long()), refused=("The hazard ratio of 'line 5': nobody there progressed: it has no finite value.",),
    )  # fmt: skip
    empty = StudyTable("nothing", "Nothing <on> record", pl.DataFrame({"a": []}, schema={"a": pl.Int64}))
    return Study(
        title=title,
        answer="12 patients were infused; 8 responded; median progression-free survival 13.1 [5.0, NR] months.",
        sections=(people, survival, Section("quality", "Data", ("Nothing was set aside.",), (empty,))),
        methods=("Survival was estimated by Kaplan and Meier [1].",),
        references=("1. Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-81. doi:10.1080/01621459.1958.10501452",),
        stamp={
            "mspike": "0.1.0", "edition": "imwg-2016", "settings_hash": "0123456789ab", "knowledge_hash": "ba98765432",
            "registry": '/home/someone/secret-folder/exa"mple<style>', "intended_use": INTENDED_USE,
            "made": "2025-01-31",
        },
        synthetic=synthetic,
    )  # fmt: skip
