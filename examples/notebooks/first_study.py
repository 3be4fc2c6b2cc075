"""A first study in Python. SYNTHETIC data: every patient is invented.

marimo edit examples/notebooks/first_study.py      opens it in the browser, to read, change and run again
python examples/notebooks/first_study.py           runs it from end to end
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A first study with mspike")

with app.setup:
    import tempfile
    from pathlib import Path

    import marimo as mo
    import polars as pl

    import mspike
    from mspike.cohort.exposure import salvage
    from mspike.cohort.followup import reverse_kaplan_meier
    from mspike.cohort.outcomes import left_out, time_points
    from mspike.cohort.regression import cox
    from mspike.cohort.strata import PRIOR_BCMA, SALVAGE_CLASSES, STRATA
    from mspike.cohort.survival import kaplan_meier, log_rank
    from mspike.demo import write_demo_registry
    from mspike.figures.saved import save, svg
    from mspike.figures.survival import median_table, survival_chart, survival_table


@app.cell(hide_code=True)
def _():
    mo.md(f"""
    # A first study with mspike

    **SYNTHETIC: every patient, date and value below is invented.** No count, rate or curve here says anything about a
    drug.

    From a registry to survival before and after CAR T-cell therapy fails, in eight steps. Put your own folder or
    workbook in place of the invented one in step 2, and the rest runs as it stands.

    {mspike.INTENDED_USE}
    """)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 1. An invented registry

    Four hundred patients are written as CSV files, the form that a registry would be exported in. The demonstration
    knows no therapy against BCMA before CAR-T, so rows are added here: one patient in five had belantamab mafodotin,
    one in five teclistamab, and for one in ten somebody typed only "bispecific antibody".
    """)
    return


@app.cell
def _():
    folder = Path(tempfile.mkdtemp(prefix="mspike-first-study-"))
    return (folder,)


@app.cell
def _(folder):
    def earlier_therapy(treatments: pl.DataFrame) -> pl.DataFrame:
        """SYNTHETIC rows: who was given what in the months before the cells were collected."""
        collected = treatments.filter(pl.col("role") == "apheresis")
        collected = collected.group_by("patient_id").agg(pl.col("start_date").min().str.to_date()).sort("patient_id")
        place = pl.int_range(pl.len()) % 10
        agents = {0: "belantamab mafodotin", 1: "teclistamab", 2: "bispecific antibody"}
        agents |= {5: agents[0], 6: agents[1]}
        return collected.select(
            "patient_id",
            start_date=(pl.col("start_date") - pl.duration(days=150)).cast(pl.String),
            end_date=(pl.col("start_date") - pl.duration(days=60)).cast(pl.String),
            agent=place.replace_strict(agents, default=None, return_dtype=pl.String),
            role=pl.lit("treatment"),
        ).drop_nulls("agent")

    source = folder / "registry"
    write_demo_registry(source, 400)
    _treatments = pl.read_csv(source / "treatments.csv", infer_schema=False)
    pl.concat([_treatments, earlier_therapy(_treatments)], how="diagonal").write_csv(source / "treatments.csv")
    return (source,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 2. Read it

    `mspike.read` opens a folder of CSV or Parquet tables or an Excel workbook, and says whether it counts in dates or
    in days from the infusion. Nothing is judged yet, and what it prints names tables, never a patient.
    """)
    return


@app.cell
def _(source):
    registry = mspike.read(source)
    mo.plain_text(repr(registry))
    return (registry,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 3. Assess it, and look at the findings first

    `assess` judges every visit by the edition of the IMWG criteria that you name, and keeps every table of
    `mspike assess` as a polars frame. A row with an *error* was set aside, a *warning* was used and wants a look:
    read them before any rate, because a value set aside counts as not measured.
    """)
    return


@app.cell
def _(registry):
    results = registry.assess(edition="imwg-2016", settings={"censoring": "fda"})
    mo.plain_text(repr(results))
    return (results,)


@app.cell
def _(results):
    kinds = ("severity", "table", "column", "problem", "expected")
    results.findings.group_by(kinds, maintain_order=True).agg(
        rows=pl.len(), patients=pl.col("patient_id").n_unique(), found=pl.col("found").first()
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 4. One patient, from visit to visit

    Read a few patients before you trust a median. `response_raw` is what the visit shows by itself,
    `response_confirmed` what remains once the next visit has agreed. Where something was not measured the category
    is NE, not evaluable, and not stable disease: `could_be` is the best that the visit might have been, `missing` what
    was lacking.
    """)
    return


@app.cell
def _(results):
    patient = "SYNTHETIC-000019"
    infused = results.courses.filter((pl.col("patient_id") == patient) & (pl.col("kind") == "car_t")).row(0, named=True)
    of_this_line = (pl.col("patient_id") == patient) & (pl.col("line") == infused["line"])
    visits = results.assessments.filter(of_this_line & (pl.col("date") <= infused["pd_date"]))
    mo.ui.table(
        visits.select(
            "date",
            "day",
            "response_raw",
            "response_confirmed",
            "could_be",
            pl.col("missing", "pd_limbs").list.join(", "),
        ),
        selection=None,
        pagination=False,
    )
    return infused, of_this_line, visits


@app.cell(hide_code=True)
def _():
    mo.md("""
    Every category can say because. The rows of `reasons` on the day of progression name the rule, the values it
    compared, the thresholds and where they were published.
    """)
    return


@app.cell
def _(infused, of_this_line, results):
    because = results.reasons.filter(of_this_line & (pl.col("date") == infused["pd_date"]))
    _columns = ["rule", "inputs", "thresholds", "source"]
    mo.ui.table(because.select(_columns), selection=None, wrapped_columns=_columns[1:])
    return (because,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 5. The cohort: one row an infused CAR-T episode

    `cohort` puts the baseline, the best response, the failure, the first therapy after it and all times beside each
    other. Patients who were collected for and never infused are rows too (`infused` is false), so that a flow chart
    adds up.

    **Trap: unknown is not no.** Whoever was given "bispecific antibody" may have had one against BCMA, and nobody
    wrote it down. Counted as *none* those patients would dilute the comparison; here they stay `null`, a group of
    their own that is shown, and left out of the test.
    """)
    return


@app.cell
def _(registry):
    cohort = registry.cohort(edition="imwg-2016", settings={"censoring": "fda"})
    first = cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    first.group_by("prior_bcma").agg(n=pl.len(), failed=pl.col("failed").sum()).sort("n")
    return (cohort,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 6. Progression-free and overall survival

    `time_points` takes who can be followed from an origin to an endpoint, a row a patient; `left_out` says who is not
    among them and why, so that the two add up to the cohort. Follow-up is the reverse Kaplan-Meier median: the plain
    median of the times would look shorter the more patients die.
    """)
    return


@app.cell
def _(cohort):
    pfs = time_points(cohort, "infusion", "pfs")
    os = time_points(cohort, "infusion", "os")
    overall = {
        "Progression-free survival": kaplan_meier(pfs["days"], pfs["event"]),
        "Overall survival": kaplan_meier(os["days"], os["event"]),
        "Follow-up (reverse)": reverse_kaplan_meier(os["days"], os["event"]),
    }
    medians = median_table(overall)
    mo.vstack([medians, left_out(cohort, "infusion", "pfs")])
    return medians, pfs


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 7. By earlier therapy against BCMA

    What a patient had before the infusion is settled on day 0, so the groups may be compared from there. The log-rank
    test finds nothing, and nothing was to be found: the rows of step 1 were handed out by the patient's number.
    """)
    return


@app.cell
def _(pfs):
    grouped = pfs.with_columns(group=pl.col("prior_bcma").fill_null("not known"))
    curves = {
        group: kaplan_meier(part["days"], part["event"])
        for group in (*PRIOR_BCMA, "not known")
        if (part := grouped.filter(pl.col("group") == group)).height
    }
    test = log_rank(pfs["days"], pfs["event"], pfs["prior_bcma"])
    figure = survival_chart(
        curves,
        "SYNTHETIC: progression-free survival by earlier BCMA-directed therapy",
        endpoint="Progression-free survival",
        notes=[f"Log-rank over the known groups: chi-square {test.statistic:.1f}, {test.df} df, p = {test.p:.2f}."],
    )
    mo.Html(svg(figure))
    return curves, figure, test


@app.cell(hide_code=True)
def _():
    mo.md("""
    **Trap: looking again.** The same test on the first 200, 280, ... patients, as a registry that grows would invite.
    One of these looks is "significant", in a difference that does not exist: name the data cut before the test.
    """)
    return


@app.cell
def _(pfs):
    def p_of_the_first(n: int) -> float:
        early = pfs.filter(pl.col("patient_id") <= f"SYNTHETIC-{n:06d}")
        return log_rank(early["days"], early["event"], early["prior_bcma"]).p

    looks = pl.DataFrame([{"patients": n, "p": p_of_the_first(n)} for n in (200, 280, 350, 400)])
    mo.ui.table(looks.with_columns(pl.col("p").round(3)), selection=None)
    return (looks,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    Every figure has its table, at the same ticks and from the same curve; give both to a journal (here every second
    tick is shown, the file has all). The ending of the name makes it SVG, PNG or PDF.
    """)
    return


@app.cell
def _(curves, figure, folder):
    table = survival_table(curves)
    table.write_csv(folder / "pfs-by-prior-bcma.csv")
    figure_file = save(figure, folder / "pfs-by-prior-bcma.svg")
    _yearly = table.filter(pl.col("months") % 12 == 0).with_columns(pl.col("^.*_percent$").round(1))
    mo.ui.table(_yearly, selection=None, pagination=False)
    return figure_file, table


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 8. After it fails

    The same frame has times from failure. Everybody who failed starts there, whatever came next, also who died before
    any therapy could begin; progression is that of the next line.
    """)
    return


@app.cell
def _(cohort):
    failed = time_points(cohort, "failure", "os")
    _again = time_points(cohort, "failure", "pfs")
    after = {
        "Survival from failure": kaplan_meier(failed["days"], failed["event"]),
        "Without another progression": kaplan_meier(_again["days"], _again["event"]),
    }
    after_medians = median_table(after)
    mo.vstack([after_medians, left_out(cohort, "failure", "os")])
    return after_medians, failed


@app.cell(hide_code=True)
def _():
    mo.md("""
    **Trap: immortal time.** Whoever gets a salvage therapy has lived until then. Sorted into *ever* and *never*, the
    days of waiting, in which nobody of the *ever* group can die, are given to the therapy; `STRATA` therefore says
    that these groups may not be compared from failure. Counted from the day it began, as a time-dependent exposure,
    the waiting goes where it belongs, and the hazard ratio of the same patients is another one.
    """)
    return


@app.cell
def _(failed):
    comparable = STRATA["salvage"].comparable_from("failure")
    # A therapy of which the day, or whether there was one, is not known can be placed in neither analysis.
    began, none = pl.col("first_salvage_day").is_not_null(), pl.col("first_salvage_class") == "none"
    placed = failed.filter(began != none).with_columns(
        salvage=pl.when(none).then(pl.lit("never")).otherwise(pl.lit("ever"))
    )
    wrong = cox(placed, "days", "event", ["salvage"], references={"salvage": "never"})
    right = salvage(placed, "days", "event")
    ratios = pl.concat(
        found.terms.select(pl.lit(how).alias("counted as"), "n", "events", "hazard_ratio", "low", "high")
        for how, found in {"ever against never: wrong": wrong, "from the day it began": right}.items()
    )
    mo.vstack(
        [
            mo.plain_text(f"Groups by salvage therapy comparable from failure: {comparable}"),
            ratios.with_columns(pl.col("hazard_ratio", "low", "high").round(2)),
        ]
    )
    return comparable, placed, ratios


@app.cell(hide_code=True)
def _():
    mo.md("""
    Neither ratio is the effect of salvage. These invented patients were made so that most of those without salvage
    live to the end of their follow-up; in a real registry who is fit enough for a therapy gets it, and who is not dies
    without it. Which therapies came first is a count, and a count may be shown:
    """)
    return


@app.cell
def _(failed):
    came_first = pl.DataFrame({"first_salvage_class": SALVAGE_CLASSES}).join(
        failed.group_by("first_salvage_class").agg(
            n=pl.len(), median_days_to_it=pl.col("first_salvage_day").median(), deaths=pl.col("event").sum()
        ),
        on="first_salvage_class",
        maintain_order="left",
    )
    mo.ui.table(came_first, selection=None)
    return (came_first,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## Keep what made it

    `write` leaves what `mspike assess` would leave: the tables, and `run.json` with version, edition, every setting
    and the hashes of the input. `mspike compare` tells two such folders apart, and `mspike explain` answers for one
    patient.
    """)
    return


@app.cell
def _(folder, results):
    results.write(folder / "results")
    mo.plain_text("\n".join(sorted(file.name for file in (folder / "results").iterdir())))
    return


if __name__ == "__main__":
    _, _told = app.run()
    print(_told["results"])
    print(f"Figures and tables lie in {_told['folder']}.")
