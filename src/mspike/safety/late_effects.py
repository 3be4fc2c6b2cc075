"""What was recorded after an infusion: infections, enterocolitis, second malignancies (rules.md 5.7).

Events tell what happened. That no event is recorded means just that, and is said so.
"""

from __future__ import annotations

import polars as pl

from mspike.course.courses import SECOND_MALIGNANCY
from mspike.course.derived import Derived, episodes
from mspike.knowledge.criteria import published
from mspike.safety.values import after_infusion, spans_of

INFECTIONS, ENTEROCOLITIS = "infections", "enterocolitis"
INFECTION = (
    r"(?i)infect|sepsis|septic|pneumonia|bacter(a)?emia|vir(a)?emia|fung(a)?emia|influenza|covid|sars-cov|zoster"
    r"|aspergill|candid|pneumocystis|cytomegal|\bcmv\b|cellulitis|meningitis|pyelonephritis"
)
PERIODS = ("early", "middle", "late")
IEC_COLITIS = r"(?i)\biec[-_ ]?(associated[-_ ])?(ec\b|enterocolitis|colitis)|immune effector.*colitis"
COLITIS = r"(?i)colitis"
DIARRHOEA = r"(?i)diarrh"
GERM = r"(?i)clostrid|c\.? ?diff|\bcmv\b|cytomegal|norovirus|adenovir|salmonell|campylobact|infect|pseudomembr"
_TUMOUR = r"(lymphoma|leuk(a)?emia|malignan|neoplas|cancer|tumou?r|lymphoprolif)"
# The therapy itself: "MDS after CAR T-cell therapy" is no T-cell malignancy, "CAR T-cell lymphoma" is one.
THERAPY = r"(?i)\bcar[- ]?t([- ]?cells?)?\b"
OF_CAR_T_CELLS = rf"(?i)\bcar[- ]?t[- ]?cell[- ]{_TUMOUR}"
T_CELL = (
    r"(?i)\bt[- ]?(cell|lymphocyt|lgl|lymphoblast|all\b)|\b(ptcl|ctcl|alcl|aitl)\b|anaplastic large cell"
    r"|mycosis fungoides|s[eé]zary"
)
# Words that say only that there is a second malignancy.
KIND_NOT_TOLD = r"(?i)second(ary)?|primary|malignan(cy|cies|t)|neoplasm|cancer|tumou?r|\bspm\b|other|unknown|[^a-z0-9]"


def infections_of(derived: Derived) -> pl.DataFrame:
    """Every infection recorded after an infusion: gid, pid, date, at, event, grade, detail."""
    events = derived.record.events.filter(pl.col("event").str.contains(INFECTION))
    after = after_infusion(events, episodes(derived), "date")
    return after.select("gid", "pid", "date", "at", "event", "grade", "detail").sort("gid", "date")


def infections(derived: Derived) -> pl.DataFrame:
    """How many infections were recorded in each period after the infusion, and how many severe ones?

    One row an infusion: gid, and for early (day 0-30), middle (31-100), late (101-365): `<period>_infections`,
    `<period>_severe_low` and `_severe_high` (grade 3 or more; those without a grade may be), `<period>_days` (days of
    the period in which the patient was followed, so that a count of 0 can be read); first_severe_day, first_severe_at.
    """
    rules = published(INFECTIONS)
    severe = pl.col("grade") >= int(rules.value("late.infection.severe", "grade"))
    found = infections_of(derived)
    spans, first = [], 0
    for period in PERIODS:
        last = int(rules.value("late.infection.periods", period))
        spans.append((period, first, last))
        first = last + 1
    counts = []
    for period, first, last in spans:
        inside = pl.col("at").is_between(first, last)
        counts += [
            inside.sum().cast(pl.Int64).alias(f"{period}_infections"),
            (inside & severe).sum().cast(pl.Int64).alias(f"{period}_severe_low"),
            # An infection without a grade may have been severe.
            (inside & severe.fill_null(True)).sum().cast(pl.Int64).alias(f"{period}_severe_high"),
        ]
    first_severe = [
        pl.col(day).filter(severe).min().alias(name)
        for day, name in (("date", "first_severe_day"), ("at", "first_severe_at"))
    ]
    summed = found.group_by("gid").agg(*counts, *first_severe)
    frame = _with_days_followed(derived, spans)
    frame = frame.join(summed, on="gid", how="left", maintain_order="left")
    numbers = [f"{period}_{kind}" for period in PERIODS for kind in ("infections", "severe_low", "severe_high")]
    # None recorded is none counted; how far that can be trusted, the days followed tell.
    return frame.with_columns(pl.col(numbers).fill_null(0))


def _with_days_followed(derived: Derived, spans: list[tuple[str, int, int]]) -> pl.DataFrame:
    """gid and, a period, the days in it on which the patient was known to be alive and had no later infusion."""
    frame = (
        episodes(derived).select("gid", "alive_day").join(spans_of(episodes(derived)), on="gid", maintain_order="left")
    )
    last = pl.min_horizontal("alive_day", pl.col("until_day") - 1) - pl.col("index_day")
    return frame.select(
        "gid",
        *(
            (pl.min_horizontal(last, pl.lit(end)) - start + 1)
            .clip(lower_bound=0)
            .cast(pl.Int64)
            .alias(f"{period}_days")
            for period, start, end in spans
        ),
    )


def enterocolitis(derived: Derived) -> pl.DataFrame:
    """Is immune effector cell-associated enterocolitis to be asked about after this infusion?

    One row an infusion: gid, alert (true; null where diarrhoea has no grade; false: nothing of the kind recorded),
    onset_day, onset_at, event, grade, detail (of the first that raised it), germ_named (an infection stands in the
    record of it: that one is to be excluded first).
    """
    rules = published(ENTEROCOLITIS).rule("late.enterocolitis.alert").values
    late = pl.col("at") >= int(rules["from_day"].number)
    severe = pl.col("grade") >= int(rules["diarrhoea_grade"].number)
    by_name, colitis = pl.col("event").str.contains(IEC_COLITIS), pl.col("event").str.contains(COLITIS)
    after = after_infusion(derived.record.events, episodes(derived), "date")
    bowel = after.filter(colitis | by_name | pl.col("event").str.contains(DIARRHOEA))
    raised = by_name | (late & (colitis | severe))
    bowel = bowel.with_columns(raised=raised).sort("gid", "date", "row")
    first = bowel.filter("raised").unique("gid", keep="first", maintain_order=True)
    words = pl.concat_str("event", "detail", separator=" ", ignore_nulls=True)
    first = first.select(
        "gid",
        "event",
        "grade",
        "detail",
        onset_day="date",
        onset_at="at",
        germ_named=words.str.contains(GERM),
    )
    asked = bowel.group_by("gid").agg(alert=pl.col("raised").any(ignore_nulls=False))
    frame = episodes(derived).select("gid").join(asked, on="gid", how="left", maintain_order="left")
    silent = ~pl.col("gid").is_in(bowel["gid"].unique().to_list())
    frame = frame.with_columns(alert=pl.when(silent).then(False).otherwise("alert"))
    return frame.join(first, on="gid", how="left", maintain_order="left")


def second_malignancies(derived: Derived) -> pl.DataFrame:
    """Was a second primary malignancy recorded after the infusion, and was one of them of T cells?

    One row an infusion: gid, recorded (false: none recorded), first_day, first_at, what (the words recorded, in order
    of time), t_cell (null where the kind is not told), t_cell_day, t_cell_at.
    A death from a second malignancy without an event counts on the day of death, its kind not told.
    """
    after = _malignancies(derived)
    told = pl.col("kind") != ""
    after = after.with_columns(
        t_cell=pl.when(pl.col("of_t_cells")).then(True).when(told).then(False),
    )
    summed = after.group_by("gid", maintain_order=True).agg(
        first_day=pl.col("day").min(),
        first_at=pl.col("at").min(),
        what=pl.col("words"),
        t_cell=pl.col("t_cell").any(ignore_nulls=False),
        t_cell_day=pl.col("day").filter("t_cell").min(),
        t_cell_at=pl.col("at").filter("t_cell").min(),
    )
    frame = episodes(derived).select("gid").join(summed, on="gid", how="left", maintain_order="left")
    recorded = pl.col("first_day").is_not_null()
    # Where no second malignancy is recorded, none of T cells is.
    return frame.with_columns(recorded=recorded, t_cell=pl.when(recorded).then("t_cell").otherwise(False))


def _malignancies(derived: Derived) -> pl.DataFrame:
    """gid, day, at, words as recorded, kind (what is left of them once they say more than "second malignancy")."""
    record = derived.record
    events = record.events.filter(pl.col("event").str.contains(SECOND_MALIGNANCY))
    told = events.select("pid", day="date", words=pl.concat_str("event", "detail", separator=": ", ignore_nulls=True))
    died = record.patients.filter(
        (pl.col("death_cause") == "second_malignancy") & pl.col("death_day").is_not_null()
    ).join(events, on="pid", how="anti")
    died = died.select("pid", day="death_day", words=pl.lit("death from a second malignancy"))
    after = after_infusion(pl.concat([told, died]), episodes(derived)).filter(pl.col("at") >= 1).sort("gid", "day")
    plain = pl.col("words").str.replace_all("_", " ", literal=True)
    of_t_cells = plain.str.contains(OF_CAR_T_CELLS) | plain.str.replace_all(THERAPY, "").str.contains(T_CELL)
    kind = plain.str.replace_all(r"(?i)death from a|" + KIND_NOT_TOLD.removeprefix("(?i)"), "")
    return after.with_columns(of_t_cells=of_t_cells, kind=kind)
