"""Published evidence: what the loader refuses, and that the records say what the tables of the shared material say."""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import shared
from mspike.errors import KnowledgeError
from mspike.knowledge.evidence import FOLDER, Evidence, Median, Outcome, errata, evidence, read_errata, read_evidence
from mspike.knowledge.files import read_yaml
from mspike.knowledge.therapies.salvage import therapies

SEEDS = {"000", "001", "002", "003", "004"}
# Rows of which nothing but words could be found; every other row has a figure or the words that none was found.
WITHOUT_FIGURE = {"SV044", "SV062", "SV065", "SV076", "SV077"}
# Endings of the records made of further populations that the note of a row gives.
NOTED = ("-extramedullary", "-cilta-cel", "-then-car-t", "2024-ide-cel")
# The table has these times in its column of PFS and says in the note what they are.
NOT_PFS = {"SV011": "pfs2_months", "SV012": "pfs2_months", "SV013": "pfs2_months", "SV027": "ttp_months"}
PERCENTAGES = {
    "vgpr_pct": "vgpr",
    "cr_pct": "cr",
    "PFS_12m_pct": "pfs_12m",
    "OS_12m_pct": "os_12m",
    "CRS_any_pct": "crs_any",
    "CRS_g3_pct": "crs_grade3",
    "ICANS_any_pct": "icans_any",
    "ICANS_g3_pct": "icans_grade3",
    "infection_g3_pct": "infection_grade3",
}
MEDIANS = {"mPFS": "pfs_months", "mDOR": "dor_months", "mOS": "os_months"}
# memory_fields of a row that was otherwise read -> what is marked in its record
RECALLED = {
    "SV004": {"n", "orr counts"},
    "SV014": {"vgpr", "cr", "pfs_months", "dor_months", "os_months", "crs_any"},
    "SV030": {"n", "orr counts", "pfs_months", "follow-up"},
    "SV047": {"crs_grade3", "icans_any", "icans_grade3"},
    "SV050": {"orr", "orr counts"},
    "SV062": {"n"},
    "SV068": {"n", "orr counts"},
    "SV072": {"os_months"},
}


def sound(**changed: Any) -> dict[str, Any]:
    """A record that loads; each test spoils one thing in it."""
    record = {
        "study": "Somebody 2024",
        "year": 2024,
        "design": "retrospective",
        "population": "relapse after CAR T cells",
        "prior": ["car_t"],
        "after_car_t": "yes",
        "therapy": "teclistamab",
        "options": ["teclistamab"],
        "targets": ["BCMA"],
        "class": "bispecific",
        "n": 79,
        "outcomes": {"orr": {"events": 33, "n": 76, "percent": 43.4, "low": 32, "high": 55}},
        "bias": "chosen patients",
        "source": "kumar-2016",
        "where": "abstract",
        "checked": "abstract",
    }
    return {name: value for name, value in (record | changed).items() if value is not ...}


def loaded(tmp_path: Path, **records: dict[str, Any]) -> dict[str, Evidence]:
    path = tmp_path / "some.yaml"
    path.write_text(yaml.safe_dump(records), encoding="utf-8")
    return read_evidence([path])


def refused(tmp_path: Path, **records: dict[str, Any]) -> str:
    with pytest.raises(KnowledgeError) as caught:
        loaded(tmp_path, **records)
    return str(caught.value)


def orr(**figure: Any) -> dict[str, Any]:
    return sound(outcomes={"orr": figure})


def pfs(**figure: Any) -> dict[str, Any]:
    return sound(outcomes={"pfs_months": figure})


# What loads


def test_a_sound_record_is_read_as_it_stands(tmp_path: Path):
    one = loaded(tmp_path, one=sound())["one"]
    assert (one.id, one.n, one.cls, one.after_car_t, one.prior) == ("one", 79, "bispecific", "yes", ("car_t",))
    assert one.orr is not None
    assert (one.orr.events, one.orr.n, one.orr.percent, one.orr.checked) == (33, 76, 43.4, "abstract")
    assert str(one.orr) == "33/76 (43.4 %, 32-55)"
    assert not one.memory_only


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        ({"median": 3.5, "low": 2.5, "high": 4.6}, "3.5 (2.5-4.6)"),
        ({"median": 17.9, "low": 14.0, "high": "NE"}, "17.9 (14.0-NE)"),
        ({"median": "NR"}, "NR"),
        ({"median": "NR", "low": 22.8, "high": "NE"}, "NR (22.8-NE)"),
        ({"median": 8}, "8"),
    ],
)
def test_a_median_keeps_what_was_not_reached_and_the_digits_as_printed(tmp_path: Path, figure: Any, told: str):
    one = loaded(tmp_path, one=pfs(**figure))["one"].median("pfs_months")
    assert one is not None and str(one) == told
    assert one.reached is (figure["median"] != "NR")
    assert (one.median is None) == (figure["median"] == "NR")


def test_an_absent_bound_is_none_and_not_the_word_for_not_reached(tmp_path: Path):
    one = loaded(tmp_path, one=pfs(median=3.5))["one"].median("pfs_months")
    assert one == Median(3.5, True, None, None, "abstract", "", "", "")


def test_overlap_told_in_one_record_holds_for_both(tmp_path: Path):
    both = loaded(tmp_path, one=sound(overlaps=["other"]), other=sound())
    assert both["one"].overlaps == ("other",) and both["other"].overlaps == ("one",)


@pytest.mark.parametrize(
    ("record", "memory_only"),
    [
        (sound(checked="memory"), True),
        (orr(events=8, n=9, percent=89, checked="memory"), True),
        (orr(events=8, n=9, percent=89, counts_checked="memory"), True),
        (orr(percent=89), False),
        (pfs(median=5.6, checked="memory"), True),  # the only figure it has
        (sound(outcomes={"orr": {"percent": 53}, "pfs_months": {"median": 5.6, "checked": "memory"}}), False),
        (sound(outcomes=..., note="No figure was found."), False),
    ],
)
def test_a_record_whose_response_rate_is_recalled_is_memory_only(tmp_path: Path, record: Any, memory_only: bool):
    assert loaded(tmp_path, one=record)["one"].memory_only is memory_only


def test_a_percentage_that_is_not_events_of_n_loads_with_its_reason(tmp_path: Path):
    assert "does not give" in refused(tmp_path, one=orr(events=421, n=603, percent=71))
    one = loaded(tmp_path, one=orr(events=421, n=603, percent=71, note_percent="other denominator"))["one"]
    assert one.orr is not None and one.orr.note_percent == "other denominator"


# What is refused: each defect by itself


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"events": 77, "n": 76}, "77 events of 76"),
        ({"events": 33, "n": 76, "percent": 43.3}, "33/76 does not give 43.3 %"),
        ({"events": 33, "n": 76, "percent": 44}, "33/76 does not give 44 %"),
        ({"events": 1, "n": 8, "percent": 12.4}, "1/8 does not give 12.4 %"),
        ({"percent": 43.4, "low": 43.5, "high": 55}, "43.4 is outside its interval"),
        ({"percent": 43.4, "low": 30, "high": 43.3}, "43.4 is outside its interval"),
        ({"events": 33, "n": 76, "low": 50, "high": 60}, "is outside its interval"),
        ({"percent": 43.4, "low": 55, "high": 32}, "upside down"),
        ({"percent": 101}, "above 100"),
        ({"percent": -1}, "below 0"),
        ({"events": 33}, "33 events of no n"),
        ({"n": 76}, "neither events nor a percentage"),
        ({"percent": "43.4"}, "expected a number"),
        ({"events": 3.5, "n": 7}, "expected a count"),
        ({"percent": 43.4, "checked": "seen"}, "checked 'seen'"),
        ({"percent": 43.4, "checked": "convention"}, "checked 'convention'"),
        ({"percent": 43.4, "counts_checked": "seen"}, "checked 'seen'"),
        ({"percent": 43.4, "events_derived": "yes"}, "expected true or false"),
        ({"percent": 43.4, "rate": 1}, "unknown rate"),
    ],
)
def test_a_proportion_that_contradicts_itself_is_refused(tmp_path: Path, figure: Any, message: str):
    told = refused(tmp_path, one=orr(**figure))
    assert message in told and "some.yaml, one, orr" in told


def test_both_roundings_of_a_half_are_accepted_and_nothing_beyond(tmp_path: Path):
    for percent in (12.5, 12, 13):
        loaded(tmp_path, one=orr(events=1, n=8, percent=percent))
    assert "does not give 14 %" in refused(tmp_path, one=orr(events=1, n=8, percent=14))


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"median": 3.5, "low": 3.6, "high": 4.6}, "3.5 is outside its interval"),
        ({"median": 3.5, "low": 2.5, "high": 3.4}, "3.5 is outside its interval"),
        ({"low": 4, "high": 3}, "upside down"),
        ({"median": 3.5, "low": "NE", "high": 4.6}, "the upper one a number"),
        ({"median": -1}, "below 0"),
        ({}, "neither a median nor a bound"),
        ({"median": "reached"}, "expected a number"),
        ({"median": 3.5, "percent": 50}, "unknown percent"),
    ],
)
def test_a_median_that_contradicts_itself_is_refused(tmp_path: Path, figure: Any, message: str):
    told = refused(tmp_path, one=pfs(**figure))
    assert message in told and "some.yaml, one, pfs_months" in told


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "nobody-1999"}, "'nobody-1999' is not in bibliography.yaml"),
        ({"source": ...}, "source is None"),
        ({"bias": ""}, "bias is ''"),
        ({"where": ...}, "where is None"),
        ({"checked": ...}, "checked None"),
        ({"checked": "convention"}, "checked 'convention'"),
        ({"n_checked": "seen"}, "checked 'seen'"),
        ({"follow_up_checked": "seen"}, "checked 'seen'"),
        ({"follow_up_months": "long"}, "expected a number"),
        ({"after_car_t": True}, "after_car_t (in quotation marks) True"),
        ({"prior": ["cart"]}, "prior 'cart'"),
        ({"prior": "car_t"}, "expected a list"),
        ({"class": "bite"}, "class 'bite'"),
        ({"first_line_salvage": "yes"}, "expected true, false or null"),
        ({"year": "2024"}, "year is '2024'"),
        ({"year": ...}, "year is None"),
        ({"n": 0}, "n is 0"),
        ({"colour": "blue"}, "unknown colour"),
        ({"outcomes": {"overall": {"percent": 4}}}, "overall: no such outcome"),
        ({"outcomes": {"pfs_6": {"percent": 4}}}, "pfs_6: no such outcome"),
        ({"outcomes": {"orr": 43}}, "expected a mapping"),
        ({"outcomes": ...}, "no figure, and no note"),
        ({"subset_of": ["other"]}, "subset_of is ['other']"),
        ({"subset_of": "none-such"}, "subset_of 'none-such'"),
        ({"superseded_by": "none-such"}, "superseded_by 'none-such'"),
        ({"overlaps": ["none-such"]}, "overlaps 'none-such'"),
        ({"subset_of": "one"}, "subset_of 'one' is no other record"),
        ({"superseded_by": "one"}, "superseded_by 'one' is no other record"),
    ],
)
def test_a_record_with_a_defect_is_refused_by_its_name(tmp_path: Path, changed: Any, message: str):
    told = refused(tmp_path, one=sound(**changed))
    assert message in told and "one" in told


def test_links_that_lead_in_a_circle_or_to_a_smaller_whole_are_refused(tmp_path: Path):
    circle = {"one": sound(superseded_by="two"), "two": sound(superseded_by="one")}
    assert "superseded_by leads back to one" in refused(tmp_path, **circle)
    assert "79 patients, but subset of two with 78" in refused(
        tmp_path, one=sound(subset_of="two"), two=sound(n=78, outcomes={"orr": {"percent": 40}})
    )


def test_the_same_name_in_two_files_is_refused(tmp_path: Path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump({"one": sound()}), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"b\.yaml, one: there is another record"):
        read_evidence(sorted(tmp_path.glob("*.yaml")))


@pytest.mark.parametrize("spoiled", ["seed", "says", "right", "source", "where", "checked"])
def test_an_erratum_lacks_nothing(tmp_path: Path, spoiled: str):
    erratum = {"seed": "000", "says": "a", "right": "b", "source": "kumar-2016", "where": "w", "checked": "memory"}
    path = tmp_path / "errata.yaml"
    path.write_text(yaml.safe_dump({"one": erratum}), encoding="utf-8")
    assert read_errata(path)["one"].id == "one"
    path.write_text(yaml.safe_dump({"one": erratum | {spoiled: None}}), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="one"):
        read_errata(path)


# What is there


def test_no_record_hides_behind_another_of_the_same_name_in_its_file():
    """YAML keeps the last of two equal keys without a word."""
    for path in FOLDER.glob("*.yaml"):
        names = re.findall(r"^([^\s#:]+):", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert [name for name, times in Counter(names).items() if times > 1] == [], path.name
        assert len(names) == len(read_yaml(path)), path.name


def test_the_checks_cost_less_than_the_reading():
    """Every command waits for it: some 60 ms for 150 records. Measured against the parser, whatever the machine."""
    reading = min(_seconds(lambda: [read_yaml(path) for path in FOLDER.glob("*.yaml")]) for _ in range(5))
    evidence()  # the bibliography
    everything = min(_seconds(_load_again) for _ in range(5))
    assert everything < 2 * reading, f"{everything:.3f} s, {reading:.3f} of them to read the files"


def _load_again() -> None:
    evidence.cache_clear()
    evidence()


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_every_option_that_a_record_speaks_of_is_a_therapy():
    spoken_of = {option: one.id for one in evidence().values() for option in one.options}
    assert {option: id for option, id in spoken_of.items() if option not in therapies()} == {}


def test_every_bias_is_one_line_of_its_own():
    """No two rows share their words, but the two products that one report has in the same words."""
    assert [one.id for one in evidence().values() if "\n" in one.bias or not 10 <= len(one.bias) <= 300] == []
    told = Counter(one.bias for one in salvage())
    assert [bias for bias, times in told.items() if times > 1] == [evidence()["steinhardt-2024-ide-cel"].bias]


def test_errata_name_their_seed_and_differ_from_it():
    assert errata()
    assert {one.seed for one in errata().values()} <= SEEDS
    assert [one.id for one in errata().values() if one.says == one.right] == []


def test_patients_of_one_cohort_are_never_taken_for_two():
    """The links that the notes of the table ask for, by row."""
    part = {"SV015": "SV014", "SV016": "SV014", "SV036": "SV035", "SV037": "SV035", "SV042": "SV041", "SV043": "SV041"}
    part |= {"SV048": "SV047", "SV049": "SV047", "SV020": "SV022", "SV021": "SV022", "SV054": "SV053"}
    part |= {"SV028": "SV030", "SV029": "SV030", "SV069": "SV068", "SV002": "SV001"}
    part |= {f"SV{n:03}": "SV003" for n in range(4, 11)}
    assert {row: whole for row, whole in part.items() if record_of(row).subset_of != record_of(whole).id} == {}
    shared_patients = [("SV041", "SV040"), ("SV041", "SV039"), ("SV042", "SV040"), ("SV015", "SV016")]
    shared_patients += [("SV048", "SV049"), ("SV042", "SV043"), ("SV028", "SV029")]
    assert [(a, b) for a, b in shared_patients if record_of(b).id not in record_of(a).overlaps] == []


# Row by row against the table beside the checkout


def rows() -> list[dict[str, str]]:
    with shared("evidence/salvage.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def salvage() -> list[Evidence]:
    """The records of the table of salvage; those of the pivotal studies have their own."""
    return [one for one in evidence().values() if one.ours and all(row.startswith("SV") for row in one.ours)]


def record_of(row: str) -> Evidence:
    """The record made from a row itself, not from another population in its note."""
    return next(one for one in salvage() if row in one.ours and not one.id.endswith(NOTED))


def test_every_row_of_the_table_is_a_record():
    told = {row for one in salvage() for row in one.ours}
    assert [row["id"] for row in rows() if row["id"] not in told] == []


def test_every_number_of_patients_and_response_is_that_of_its_row():
    astray = []
    for row in rows():
        one = record_of(row["id"])
        response = one.orr or Outcome(None, None, None, None, None, "", "", False, False, "")
        found = (one.n, response.events, response.n, response.percent)
        wanted = [row[name].lstrip(">") for name in ("n", "orr_events", "orr_n", "orr_pct")]
        if found != tuple(float(text) if text else None for text in wanted):
            astray.append((row["id"], found, wanted))
        if (response.low, response.high) != bounds(row["orr_ci"]) or response.more_than != (">" in row["orr_pct"]):
            astray.append((row["id"], response, row["orr_ci"]))
    assert astray == []


def test_every_median_is_that_of_its_row():
    astray = []
    for row in rows():
        one = record_of(row["id"])
        for column, name in MEDIANS.items():
            median = one.median(NOT_PFS.get(row["id"], name) if column == "mPFS" else name)
            wanted = (row[f"{column}_months"], *bounds(row[f"{column}_ci"]))
            if (as_told(median) if median else ("", None, None)) != _numbered(wanted):
                astray.append((row["id"], name, median, wanted))
    assert astray == []


def test_every_other_figure_is_that_of_its_row():
    astray = []
    for row in rows():
        one = record_of(row["id"])
        for column, name in PERCENTAGES.items():
            percent, low, high = _split(row[column])
            found = one.proportion(name) or Outcome(None, None, None, None, None, "", "", False, False, "")
            if (found.percent, found.low, found.high) != (percent, low, high):
                astray.append((row["id"], name, found, row[column]))
        follow_up = float(row["median_followup_months"]) if row["median_followup_months"] else None
        if one.follow_up_months != follow_up:
            astray.append((row["id"], "follow-up", one.follow_up_months, follow_up))
    assert astray == []


def test_who_had_car_t_cells_before_is_told_as_in_the_table():
    told = {row["id"]: (record_of(row["id"]).after_car_t, row["post_CART"].split(" ")[0]) for row in rows()}
    assert {id: pair for id, pair in told.items() if pair[0] != pair[1]} == {}


def test_rows_without_a_figure_say_so():
    without = {row["id"] for row in rows() if not record_of(row["id"]).outcomes}
    assert without == WITHOUT_FIGURE
    assert [row for row in sorted(without) if "No figure was found" not in record_of(row).note] == []


def test_a_row_from_memory_is_memory_in_all_its_figures():
    recalled = {row["id"] for row in rows() if row["verified"].startswith("memory")}
    assert len(recalled) > 25
    for one in salvage():
        if recalled & set(one.ours):
            assert one.checked == "memory" and one.memory_only, one.id
            assert [name for name, figure in one.outcomes.items() if not figure.from_memory] == [], one.id


def test_a_row_that_was_read_marks_just_the_fields_that_were_recalled():
    for row in rows():
        if row["verified"].startswith("memory"):
            continue
        one = record_of(row["id"])
        assert one.checked in {"abstract", "secondary-table"}, one.id
        marked = {name for name, figure in one.outcomes.items() if figure.checked == "memory"}
        marked |= {"orr counts"} if one.orr and one.orr.counts_checked == "memory" else set()
        marked |= {"n"} if one.n_checked == "memory" else set()
        marked |= {"follow-up"} if one.follow_up_checked == "memory" else set()
        assert marked == RECALLED.get(row["id"], set()), one.id


def test_counts_that_no_page_prints_are_marked_as_worked_out():
    """SV035, SV042, SV043, SV071: the note has the counts; SV055, SV057: every patient is told."""
    printed = {"SV035", "SV042", "SV043", "SV055", "SV057", "SV071"}
    for row in rows():
        one = record_of(row["id"]).orr
        if one and one.events is not None:
            assert one.derived is (row["id"] not in printed), row["id"]


def bounds(text: str) -> tuple[Any, Any]:
    low, _, high = text.partition("-")
    return _number(low), _number(high)


def as_told(one: Median) -> tuple[Any, Any, Any]:
    return (one.word or one.median, one.low_word or one.low, one.high_word or one.high)


def _numbered(wanted: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    median, low, high = wanted
    return (_number(median) if median else "", low, high)


def _number(text: str) -> Any:
    return text if text in ("NR", "NE") else float(text) if text else None


def _split(text: str) -> tuple[float | None, float | None, float | None]:
    found = re.fullmatch(r"([\d.]+)(?: \(([\d.]+)-([\d.]+)\))?", text)
    if not found:
        return None, None, None
    return float(found[1]), _number(found[2] or ""), _number(found[3] or "")
