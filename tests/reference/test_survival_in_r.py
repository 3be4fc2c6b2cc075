"""R counts the days of every endpoint and the deaths again, from the same tables, with its own Date class.

The oracle is R's date arithmetic and nothing more: estimators (Kaplan-Meier, competing risks) are not compared here.
"""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import polars as pl
import pytest

import mspike
from mspike.demo import write_demo_registry

PATIENTS = 200

# Reads endpoints.csv and courses.csv (results) and patients.csv (registry); prints CSV.
R_PROGRAM = r"""
arguments <- commandArgs(trailingOnly = TRUE)
read <- function(folder, name)
  read.csv(file.path(folder, name), colClasses = "character", na.strings = "", stringsAsFactors = FALSE)
endpoints <- read(arguments[1], "endpoints.csv")
courses <- read(arguments[1], "courses.csv")
patients <- read(arguments[2], "patients.csv")
key <- function(frame) paste(frame$patient_id, frame$line)
endpoints$r_days <- as.integer(as.Date(endpoints$date) - as.Date(endpoints$start_date))
endpoints$r_index <- courses$index_date[match(key(endpoints), key(courses))]
endpoints$r_pd <- courses$pd_date[match(key(endpoints), key(courses))]
endpoints$r_death <- patients$death_date[match(endpoints$patient_id, patients$patient_id)]
write.csv(endpoints, stdout(), row.names = FALSE, na = "")
"""


@pytest.fixture(scope="module")
def in_r(needs, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """endpoints.csv of the demonstration registry with R's columns beside ours.

    Command: Rscript --vanilla endpoints.R RESULTS REGISTRY
    where endpoints.R is R_PROGRAM above, RESULTS comes from `mspike assess REGISTRY --out RESULTS --csv` and REGISTRY
    from `mspike demo-registry REGISTRY --patients 200`.
    """
    rscript = needs("Rscript", "count days and deaths again in R")
    folder = tmp_path_factory.mktemp("in_r")
    registry, results, program = folder / "registry", folder / "results", folder / "endpoints.R"
    write_demo_registry(registry, PATIENTS)
    mspike.assess(registry, results, csv=True)
    program.write_text(R_PROGRAM)
    asked = [rscript, "--vanilla", str(program), str(results), str(registry)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return _frame(done.stdout, results / "endpoints.csv")


def _frame(printed: str, ours: Path) -> pl.DataFrame:
    rows = list(csv.DictReader(io.StringIO(printed)))
    frame = pl.DataFrame(rows).with_columns(pl.all().replace("", None))
    assert frame.height == pl.read_csv(ours, infer_schema=False).height
    return frame.with_columns(
        pl.col("days", "r_days").cast(pl.Int64), event=pl.col("event").replace_strict({"true": True, "false": False})
    )


def test_days_are_the_difference_of_the_dates_as_r_counts_it(in_r: pl.DataFrame):
    assert in_r["r_days"].is_not_null().sum() > PATIENTS * 6
    assert in_r["days"].to_list() == in_r["r_days"].to_list()


def test_no_endpoint_ends_before_it_starts(in_r: pl.DataFrame):
    assert in_r.filter(pl.col("r_days") < 0).is_empty()


def test_an_overall_survival_event_is_a_recorded_death_on_its_day(in_r: pl.DataFrame):
    survival = in_r.filter(pl.col("endpoint") == "os")
    assert survival["event"].sum() > 0
    assert survival["event"].to_list() == survival["r_death"].is_not_null().to_list()
    assert survival.filter(pl.col("event") & (pl.col("date") != pl.col("r_death"))).is_empty()


def test_every_endpoint_but_response_duration_starts_on_the_index_day(in_r: pl.DataFrame):
    assert in_r.filter((pl.col("endpoint") != "dor") & (pl.col("start_date") != pl.col("r_index"))).is_empty()


def test_progression_and_death_events_fall_on_the_recorded_days(in_r: pl.DataFrame):
    pfs = in_r.filter((pl.col("endpoint") == "pfs") & pl.col("event"))
    assert pfs.height > 0
    told = pl.when(pl.col("reason") == "PD").then("r_pd").when(pl.col("reason") == "death").then("r_death")
    assert pfs.filter(pl.col("date").ne_missing(told)).is_empty()


def test_progression_free_survival_never_outlasts_a_death(in_r: pl.DataFrame):
    pfs = in_r.filter((pl.col("endpoint") == "pfs") & pl.col("r_death").is_not_null())
    assert pfs.filter(pl.col("date") > pl.col("r_death")).is_empty()
