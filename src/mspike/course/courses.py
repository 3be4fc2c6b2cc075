"""One row a line: what was measured, best response, progression, failure type and its pattern (rules.md 1.8, 3.2)."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.record.record import Record
from mspike.response.progression import BIOCHEMICAL, LIMBS
from mspike.response.settings import Settings

PROVISIONAL_DAYS = 90  # no response from this day on is primary refractory, also without progression
RESPONDED = ("PR", "VGPR", "CR", "sCR")
SECOND_MALIGNANCY = (
    r"(?i)second.*(malignan|primary|cancer)|t[-_ ]?cell.*(lymphoma|malignan)|secondary.*(leuk|mds)|\bmds\b|\baml\b"
)


def courses_of(
    sheet: pl.DataFrame, lines: pl.DataFrame, mrd: pl.DataFrame, record: Record, settings: Settings
) -> pl.DataFrame:
    """What became of each line?

    sheet  every visit judged (by gid, in visit order), with `evaluable`
    lines  one row a line with baseline and measurable disease
    mrd    one row a line, see `response.mrd`

    Days are kept as day numbers; one row for every line, also without any visit.
    """
    before = ~pl.col("after_new_therapy")
    summed = sheet.group_by("gid").agg(
        best=pl.col("confirmed").filter(~pl.col("ended")).max(),
        first_response=pl.col("day").filter(pl.col("confirmed").is_in(RESPONDED) & ~pl.col("ended")).min(),
        pd_day=pl.col("day").filter(pl.col("pd_confirmed") & before).min(),
        # Seen only by an analysis that keeps following over new therapy (ema).
        pd_day_ever=pl.col("day").filter("pd_confirmed").min(),
        unconfirmed_pd_day=pl.col("day").filter(pl.col("unrefuted_pd") & before).last(),
        raw_best=pl.col("raw").filter(before & ~pl.col("unconfirmed_pd")).max(),
        last_evaluable=pl.col("day").filter(pl.col("evaluable") & ~pl.col("unconfirmed_pd") & before).max(),
        last_evaluable_ever=pl.col("day").filter(pl.col("evaluable") & ~pl.col("unconfirmed_pd")).max(),
        unconfirmed_pd=(pl.col("unconfirmed_pd") & before).any(),
        escape=(pl.col("light_chain_escape") & before).any(),
    )
    courses = lines.join(summed, on="gid", how="left", maintain_order="left").join(
        mrd, on="gid", how="left", maintain_order="left"
    )
    # Imaging in the first weeks judges no response, but it could have shown progression.
    courses = courses.with_columns(
        pl.coalesce(c, pl.col(c.replace("last_evaluable", "early_imaging")).cast(pl.Int64)).alias(c)
        for c in ("last_evaluable", "last_evaluable_ever")
    )
    courses = courses.join(_first_progression(sheet), on="gid", how="left", maintain_order="left")
    courses = courses.join(_best_day(sheet), on="gid", how="left", maintain_order="left")
    courses = _with_known_alive(courses, sheet, record)
    courses = courses.join(_second_malignancy(record), on="pid", how="left", maintain_order="left")
    return _with_failure(courses, settings)


def evaluable() -> pl.Expr:
    """Could this visit have shown progression? Any value of a limb that applies, also where the category is NE."""
    by_ig = pl.col("by_serum") | pl.col("by_urine")
    seen = pl.any_horizontal(
        pl.col("serum_m_lo").is_not_null(),
        pl.col("urine_m_24h_lo").is_not_null(),
        pl.col("dflc_lo").is_not_null() & ~by_ig,
        pl.col("marrow_plasma_cells_lo").is_not_null() & ~by_ig & ~pl.col("flc_measurable"),
        pl.col("imaging_day").is_not_null(),
        pl.col("pd").fill_null(False),
    )
    return pl.when(pl.col("assigned")).then((pl.col("raw") != "NE") | pl.col("not_pd")).otherwise(seen)


def _first_progression(sheet: pl.DataFrame) -> pl.DataFrame:
    """The limbs and sites of the first confirmed progression; else of the last one that stayed unconfirmed."""
    used = ["gid", "day", "pd_confirmed", "unconfirmed_pd", "after_new_therapy", "lesion_sites", "lesion_ids"]
    sheet = sheet.select(*used, *(f"pd_{limb}" for limb in LIMBS))
    shown = sheet.filter((pl.col("pd_confirmed") | pl.col("unconfirmed_pd")) & ~pl.col("after_new_therapy"))
    # A confirmed progression before an unconfirmed one, whatever the order in time.
    chosen = shown.sort("gid", ~pl.col("pd_confirmed"), "day").unique("gid", keep="first", maintain_order=True)
    limbs = pl.concat_list(pl.when(f"pd_{limb}").then(pl.lit(limb)) for limb in LIMBS).list.drop_nulls()
    sites = pl.col("lesion_sites").fill_null(pl.lit([], pl.List(pl.String)))
    in_lesion = pl.col("pd_lesion").fill_null(False)

    def at(*names: str) -> pl.Expr:
        return in_lesion & pl.any_horizontal(sites.list.contains(n) for n in names)

    biochemical = pl.any_horizontal(pl.col(f"pd_{limb}") for limb in BIOCHEMICAL).fill_null(False)
    pattern = pl.concat_list(
        pl.when(biochemical).then(pl.lit("biochemical")),
        pl.when(pl.col("pd_marrow")).then(pl.lit("marrow")),
        pl.when(at("extraosseous")).then(pl.lit("extramedullary")),
        pl.when(at("bone", "paraskeletal")).then(pl.lit("bone")),
        pl.when(at("cns")).then(pl.lit("cns")),
        pl.when(in_lesion & (sites.list.len() == 0)).then(pl.lit("lesion")),
    ).list.drop_nulls()
    return chosen.select(
        "gid", limbs=limbs, sites_pattern=pattern, shown_confirmed="pd_confirmed", lesion_ids="lesion_ids"
    )


def _best_day(sheet: pl.DataFrame) -> pl.DataFrame:
    """The first day of the best confirmed category."""
    open_ = sheet.select("gid", "day", "confirmed", "ended").filter(~pl.col("ended"))
    best = open_.filter((pl.col("confirmed") == pl.col("confirmed").max().over("gid")) & (pl.col("confirmed") != "NE"))
    return best.group_by("gid").agg(best_day=pl.col("day").min())


def _with_known_alive(courses: pl.DataFrame, sheet: pl.DataFrame, record: Record) -> pl.DataFrame:
    """The last day a patient was known to be alive: last contact, or the last thing recorded of them."""
    seen = [
        record.patients.select("pid", day=pl.col("contact_day")),
        sheet.select("pid", day=pl.col("opened").cast(pl.Int32)),
        record.treatments.select("pid", day="start_date"),
        record.responses.select("pid", day="date"),
        record.mrd.select("pid", day="date"),
        record.events.select("pid", day="date"),
    ]
    last = pl.concat(seen).group_by("pid").agg(alive_day=pl.col("day").max())
    courses = courses.join(last, on="pid", how="left", maintain_order="left")
    alive = pl.max_horizontal("alive_day", "index_day")
    # Who died was alive until then, whatever the last contact says.
    return courses.with_columns(alive_day=pl.coalesce("death_day", alive))


def _second_malignancy(record: Record) -> pl.DataFrame:
    found = record.events.filter(pl.col("event").str.contains(SECOND_MALIGNANCY).fill_null(False))
    return found.group_by("pid").agg(malignancy_day=pl.col("date").min())


def _with_failure(courses: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Adds failure_type and failure_day, by the precedence of rules.md 3.2."""
    therapy, death, cause = pl.col("next_day"), pl.col("death_day"), pl.col("death_cause")
    pd = pl.col("pd_day")
    # Progression that new therapy cut short of confirmation still is the failure (rules.md 1.8.6).
    treated = pl.when(therapy.is_not_null()).then(pl.col("unconfirmed_pd_day"))
    on_this_line = death <= therapy.fill_null(2**30)
    undocumented = (cause == "myeloma") & pd.is_null() & treated.is_null() & on_this_line
    failed = pl.coalesce(pd, treated, pl.when(undocumented).then(death))
    responded = pl.col("first_response").is_not_null()
    day = failed - pl.col("index_day")
    # Follow-up of this line ends with the next one; a patient never judged was never shown to be refractory.
    follow_up = pl.min_horizontal("alive_day", therapy) - pl.col("index_day")
    never = ~responded & (follow_up >= PROVISIONAL_DAYS) & pl.col("raw_best").is_in(["MR", "SD", "PD"])
    judged = pl.col("raw_best").is_not_null() & (pl.col("raw_best") != "NE")
    malignancy = pl.coalesce("malignancy_day", pl.when(cause == "second_malignancy").then(death))
    malignancy = pl.when(malignancy > pl.col("index_day")).then(malignancy)
    dead = death.is_not_null() | pl.col("died_undated")
    other_death = dead & cause.is_in(["toxicity", "infection", "other"])
    unknown_death = dead & (cause.is_null() | (cause == "unknown")) & on_this_line.fill_null(True)
    early = settings.early_relapse_days
    kinds = [
        ("not_infused", (pl.col("kind") == "car_t") & ~pl.col("infused"), pl.col("index_day")),
        ("primary_refractory", ~responded & failed.is_not_null(), failed),
        ("early_relapse", responded & (day <= early), failed),
        ("late_relapse", responded & (day > early), failed),
        ("primary_refractory", never, pl.col("index_day") + PROVISIONAL_DAYS),
        ("second_malignancy", malignancy.is_not_null(), malignancy),
        ("nonrelapse_death", other_death, death),
        ("undetermined", unknown_death, death),
        # Therapy of which nobody wrote down the day is the next therapy all the same.
        ("next_therapy", therapy.is_not_null() | pl.col("undated_next"), therapy),
        ("molecular_relapse", pl.col("loss_day").is_not_null(), pl.col("loss_day")),
        ("none", responded | (judged & (follow_up >= PROVISIONAL_DAYS)), pl.lit(None, pl.Int64)),
    ]
    name: Any = pl.when(False).then(pl.lit(""))
    when: Any = pl.when(False).then(pl.lit(None, pl.Int64))
    for kind, holds, at in kinds:
        holds = holds.fill_null(False)  # a rule that cannot be judged does not name the failure
        name, when = name.when(holds).then(pl.lit(kind)), when.when(holds).then(at.cast(pl.Int64))
    first_type, first_day = _first_failure(pl.coalesce(pd, treated), never, therapy, early)
    return courses.with_columns(
        first_failure_type=first_type,
        first_failure_day=first_day,
        failure_type=name.otherwise(pl.lit("undetermined")),
        failure_day=when.otherwise(None),
        relapse_at_death=undocumented.fill_null(False),
        responded=responded,
    )


def _first_failure(progressed: pl.Expr, never: pl.Expr, therapy: pl.Expr, early: int) -> tuple[pl.Expr, pl.Expr]:
    """Which failure of the treatment came first in time, and on which day? Null: none, or none of which a day is known.

    `failure_type` looks back from the data cut: who first started the next therapy and died years later of an infection
    has nonrelapse_death. Time after failure must start where it began, whatever came later. A molecular relapse alone
    starts none: it is found where somebody looks for it.
    """
    responded, start = pl.col("first_response").is_not_null(), pl.col("index_day")
    known = {
        "progression": progressed.cast(pl.Int64),
        "refractory": pl.when(never.fill_null(False)).then(start + PROVISIONAL_DAYS).cast(pl.Int64),
        "next_therapy": therapy.cast(pl.Int64),
    }
    first = pl.min_horizontal(known.values())
    by_progression = (known["progression"] == first).fill_null(False)
    kind = (
        pl.when(by_progression & responded & (first - start <= early))
        .then(pl.lit("early_relapse"))
        .when(by_progression & responded)
        .then(pl.lit("late_relapse"))
        .when(by_progression | (known["refractory"] == first).fill_null(False))
        .then(pl.lit("primary_refractory"))
        .when(first.is_not_null())
        .then(pl.lit("next_therapy"))
    )
    return kind, first
