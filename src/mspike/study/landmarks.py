"""What a response reached by a landmark goes with: of those alive, event-free and followed then, counted from then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from mspike.cohort.landmark import landmark
from mspike.cohort.strata import RESPONSES, Stratum
from mspike.cohort.times import DAYS_A_MONTH, Unstable
from mspike.study.cells import in_sentence
from mspike.study.curve_blocks import Block, block_of
from mspike.study.followed import Followed, followed
from mspike.study.gathered import Gathered
from mspike.study.kept_back import count_words
from mspike.study.medians import log_rank_table, median_words, medians_table, table_notes
from mspike.study.parts import Part, Section
from mspike.study.plan import WORDS, Plan
from mspike.study.survival_figures import survival_figure

TITLE = "Landmark analysis"
ENDPOINTS = ("pfs", "os")
DEPTHS = {"sCR": "CR or better", "CR": "CR or better", "VGPR": "VGPR", "PR": "PR", "MR": "less than PR",
          "SD": "less than PR"}  # fmt: skip
PROGRESSED = "progressed, or on the next therapy"
NEGATIVE, NO_NEGATIVE = "negative", "no negative sample"
RESPONSE = "response_by_landmark"
MRD = "mrd_by_landmark"


def landmarks(gathered: Gathered, plan: Plan) -> Section:
    """Does what was reached by the landmark go with what comes after? First infusions, from the infusion.

    1. Only patients alive, event-free and still followed beyond plan.landmark_days; the clock starts there.
    2. Groups by what was known on that day: the best response confirmed by then, MRD negativity by then. What was
       confirmed, or measured, later does not count.
    """
    day = plan.landmark_days
    if plan.origin != "infusion":
        says = f"The landmark is counted from the infusion; this study counts from {plan.origin}, so there is none."
        return Section("landmarks", TITLE, (says,), ())
    reached = _reached(gathered, day)
    strata = {RESPONSE: _response(day), MRD: _mrd(day)}
    blocks: dict[str, list[Block]] = {name: [] for name in strata}
    refused: list[str] = []
    for endpoint in ENDPOINTS:
        try:
            told = _from_landmark(gathered.cohort, reached, endpoint, day)
        except Unstable as why:
            refused.append(f"{WORDS[endpoint]} from day {day}: {why}")
            continue
        for name, stratum in strata.items():
            if _divides(told.patients[name], stratum):
                words = f"{WORDS[endpoint]} from day {day} by {in_sentence(stratum.words)}"
                made_of = block_of(
                    told, endpoint, (name, stratum), plan.min_cell, name=words, before=tuple(blocks[name])
                )
                blocks[name].append(made_of)
    made = {name: of_name for name, of_name in blocks.items() if of_name}
    if not made:
        nobody = not gathered.cohort["infused"].any()
        says = "Nobody was infused, so there is no landmark." if nobody else (
            f"No patient could be followed beyond day {day} after infusion in a known group."
        )  # fmt: skip
        return Section("landmarks", TITLE, (says,), (), tuple(refused))
    parts, why_not = _parts(made, plan)
    return Section(
        "landmarks", TITLE, tuple(_says(made, day)), tuple(parts), (*refused, *why_not), _methods(made, day),
        ("anderson-1983", "kaplan-meier-1958", *(("mantel-1966",) if _tested(made) else ())),
    )  # fmt: skip


def _divides(column: pl.Series, stratum: Stratum) -> bool:
    """Is anybody in a group of its own? Without one negative sample, MRD divides nobody."""
    there = set(column.drop_nulls().unique().to_list())
    return NEGATIVE in there if stratum.column == MRD else bool(there)


def _response(day: int) -> Stratum:
    order = (*dict.fromkeys(DEPTHS.values()), PROGRESSED)
    return Stratum(RESPONSE, f"Best response confirmed by day {day}", order)


def _mrd(day: int) -> Stratum:
    return Stratum(MRD, f"MRD at 10⁻⁵ by day {day}", (NEGATIVE, NO_NEGATIVE))


def _reached(gathered: Gathered, day: int) -> pl.DataFrame:
    """patient_id, line, depth: the best category confirmed by the landmark, before progression or the next therapy.

    A response that was seen by then and confirmed only later counts as what it was on the day: stable disease.
    """
    order = {name: place for place, name in enumerate(RESPONSES)}
    lines = gathered.cohort.filter(pl.col("infused")).select("patient_id", "line", "pfs_days").lazy()
    seen = gathered.visits.filter((pl.col("day") <= day) & pl.col("response_confirmed").is_in(list(DEPTHS)))
    seen = seen.join(lines, on=["patient_id", "line"]).filter(pl.col("day") <= pl.col("pfs_days"))
    stands = pl.when(pl.col("known_day") <= day).then("response_confirmed").otherwise(pl.lit("SD"))
    place = stands.replace_strict(order, return_dtype=pl.Int32)
    best = seen.group_by("patient_id", "line").agg(place=place.min())
    names = {place: name for name, place in order.items()}
    told = pl.col("place").replace_strict(names, return_dtype=pl.String)
    return best.select("patient_id", "line", depth=told).collect()


def _from_landmark(cohort: pl.DataFrame, reached: pl.DataFrame, endpoint: str, day: int) -> Followed:
    """The patients at the landmark with their groups; those left out, and why."""
    whole = followed(cohort, "infusion", endpoint)
    patients = whole.patients.join(reached, on=["patient_id", "line"], how="left", maintain_order="left")
    at = landmark(patients.with_columns(_groups(day)), day)
    more = {
        f"with the event on or before day {day}": at.after_event,
        f"not followed beyond day {day}": at.after_censoring,
        "of unknown time": at.unknown,
    }
    rows = [(reason, n) for reason, n in more.items() if n]
    gone = pl.DataFrame(rows, schema={"reason": pl.String, "n": pl.Int64}, orient="row")
    return Followed(at.frame, pl.concat([whole.left_out, gone]), late=False)


def _groups(day: int) -> list[pl.Expr]:
    """By what was known on the day; nothing that came later may sort a patient.

    Whether a sample was taken by the landmark is not in the cohort, and who was sampled later lived until then. So
    MRD has two groups: a negative sample by then, and none (positive, or not tested).
    """
    # Death comes last: who is alive at the landmark with an event of PFS before it has progressed.
    progressed = (pl.col("pfs_event") & (pl.col("pfs_days") <= day)).fill_null(False)
    treated = (pl.col("ttnt_event") & (pl.col("ttnt_days") <= day)).fill_null(False)
    # Therapy without a day may have begun before the landmark or after it: such a patient is in no group.
    undated = (pl.col("ttnt_event") & pl.col("ttnt_days").is_null()).fill_null(False)
    depth = pl.col("depth").replace_strict(DEPTHS, return_dtype=pl.String)
    negative = (pl.col("mrd_negative_day") <= day).fill_null(False)  # no day: no negative sample is on record
    return [
        pl.when(progressed | treated).then(pl.lit(PROGRESSED)).when(~undated).then(depth).alias(RESPONSE),
        pl.when(pl.col("mrd_best").is_null()).then(pl.lit(None, pl.String))
        .when(negative).then(pl.lit(NEGATIVE)).otherwise(pl.lit(NO_NEGATIVE)).alias(MRD),
    ]  # fmt: skip


def _parts(made: dict[str, list[Block]], plan: Plan) -> tuple[list[Part], list[str]]:
    day, parts = plan.landmark_days, list[Part]()
    for name, blocks in made.items():
        title = f"From day {day} after infusion, by {in_sentence(blocks[0].words)}"
        notes = [*table_notes(blocks, plan.min_cell), *_NOTES[name]]
        parts.append(
            medians_table(blocks, plan.min_cell, f"landmark_{name.removesuffix('_by_landmark')}", title, notes)
        )
        figure = survival_figure(blocks[0], f"day {day} after infusion")
        if figure is not None:
            own = f"landmark_{name.removesuffix('_by_landmark')}_{blocks[0].endpoint}"
            parts.append(replace(figure, name=own, twin=replace(figure.twin, name=f"{own}_at_ticks")))
    every = [block for blocks in made.values() for block in blocks]
    tests, refused = log_rank_table(every, plan.min_cell)
    parts += [replace(tests, name="landmark_log_rank", title="Log-rank tests from the landmark")] if tests else []
    return parts, [*(why for block in every for why in block.refused), *refused]


_NOTES: dict[str, Sequence[str]] = {
    RESPONSE: (
        "A response counts once its confirming visit has come; until then it is stable disease. Not known: no visit "
        "that could be judged by the landmark. Overall survival also has patients who had progressed by then.",
    ),
    MRD: ("No negative sample: positive, or not tested by then; the two are not told apart, because who is tested "
          "later has lived until then.",),
}  # fmt: skip


def _says(made: dict[str, list[Block]], day: int) -> list[str]:
    said = []
    for blocks in made.values():
        block = blocks[0]
        known = [told for told in block.groups if told.group.known and told.curve is not None]
        parts = [f"{told.words} {median_words(told)} (n = {count_words(told.n)})" for told in known]
        if len(parts) > 1:
            said.append(
                f"From day {day} ({day / DAYS_A_MONTH:.0f} months), median "
                f"{in_sentence(WORDS[block.endpoint])} [95 % CI] by "
                f"{in_sentence(block.words)}, months: {'; '.join(parts)}."
            )
    said += [] if said else [f"On day {day} there were no two known groups whose survival could be told."]
    return [*said, "Who responded by then may differ in much else: an association, no effect of the response."]


def _tested(made: dict[str, list[Block]]) -> bool:
    return any(block.test is not None for blocks in made.values() for block in blocks)


def _methods(made: dict[str, list[Block]], day: int) -> tuple[str, ...]:
    """Of what was really divided, and tested only where a test stands."""
    what = {RESPONSE: "response", MRD: "MRD negativity"}
    told = " and ".join(what[name] for name in made)
    were = "was" if len(made) == 1 else "were"
    tested = " and the log-rank test" if _tested(made) else ""
    return (
        f"{told[0].upper()}{told[1:]} {were} related to outcome by landmark analysis at day {day} after infusion: "
        "patients alive, event-free and under follow-up beyond the landmark were grouped by what had been confirmed "
        f"by then, and followed from then by the Kaplan-Meier method{tested}.",
    )
