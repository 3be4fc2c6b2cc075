"""The methods of a study say what was done under the settings in force, and nothing else. All data SYNTHETIC."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mspike.asking import Question, question
from mspike.cohort.frame import SCHEMA
from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import bibliography, editions
from mspike.response.meanings import MEANING
from mspike.response.settings import CHOICES, Settings
from mspike.study.cited import NAMED, Cited, sentences_of
from mspike.study.gathered import Gathered
from mspike.study.methods import methods_paragraph, references_told, settings_section
from mspike.study.parts import Section, StudyFigure, StudyTable
from mspike.study.plan import plan_of
from mspike.study.settings_words import CLAUSES, KEYS, Said

SOFTWARE = ("lifelines-2019", "statsmodels-2010", "altair-2018", "ema-pfs-2012", "firth-1993")


@pytest.fixture(autouse=True)
def _every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bibliography does not hold yet stands in it, invented."""
    for key in {*SOFTWARE, *NAMED} - set(bibliography()):
        told = {"authors": "SYNTHETIC A", "title": key, "where": "Nowhere 2000;1:1", "read": "no; invented"}
        monkeypatch.setitem(bibliography(), key, told)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("registry") / "invented"
    room.mkdir()
    (room / "patients.csv").write_text("patient_id,last_contact_date\nSYNTHETIC-1,2024-06-30\n")
    (room / "treatments.csv").write_text(
        "patient_id,start_date,agent,role\nSYNTHETIC-1,2023-01-05,cilta-cel,infusion\n"
    )
    return room


def gathered_of(tables: str = "patients results lesions treatments", **facts: Any) -> Gathered:
    """One infused patient, judged by serum M where the registry holds results."""
    by = ["serum_m"] if "results" in tables else []
    one = {"patient_id": "SYNTHETIC-1", "line": 1, "infused": True, "infusion_number": 1, "index_day": 19_362}
    one |= {"measurable_by": by, "failed": False, **facts}
    cohort = pl.DataFrame([one], schema={**SCHEMA, "unconfirmed_pd_days": pl.Int32})
    rows = {name: {"rows": 1, "used": 1, "set_aside": 0} for name in tables.split()}
    nothing = pl.DataFrame()
    return Gathered(cohort, nothing.lazy(), nothing.lazy(), nothing, nothing, rows, 1)


def section(*methods: str, references: tuple[str, ...] = (), figures: int = 0) -> Section:
    twin = StudyTable("twin", "twin", pl.DataFrame())
    parts = tuple(StudyFigure(f"figure_{n}", "figure", None, "figure", twin) for n in range(figures))
    return Section("invented", "Invented", (), parts, methods=methods, references=references)


def text_of(
    asked: Question, plan: Any = None, sections: tuple[Section, ...] = (), gathered: Gathered | None = None
) -> str:
    told, _ = methods_paragraph(asked, plan or plan_of(), sections, gathered or gathered_of())
    return "\n".join(told)


@pytest.mark.parametrize(
    ("settings", "plan", "usual", "changed"),
    [
        ({"censoring": "ema"}, {}, "censored at the last evaluable visit before it", "therapy was ignored"),
        ({"censoring": "ema"}, {}, "No visit interval was set", "Missed visits censored nobody"),
        ({"visit_interval_days": "28"}, {}, "No visit interval was set", "missed visits (more than 70 days since"),
        ({"dor_death": "myeloma_only"}, {}, "Death from any cause ended", "Only death from myeloma ended a response"),
        ({"ttnt_death": "censor"}, {}, "Death was an event of the time to", "censored the time to next therapy"),
        ({"pd_confirmation": "same_limb"}, {}, "visit, in any marker.", "visit, in the same marker."),
        ({"pd_confirmation": "two_markers"}, {}, "visit, in any marker.", "or at once by two markers on one day"),
        ({"death_confirms": "false"}, {}, "within 84 days confirmed", "Death from myeloma did not confirm"),
        ({"lines": "claims"}, {}, "by what was planned", "by drugs and dates alone"),
        ({"early_relapse_days": "152"}, {}, "up to day 183", "up to day 152"),
        ({"nadir": "lowest_confirmed"}, {}, "the lowest value observed", "that two consecutive measurements held"),
        ({"baseline": "apheresis"}, {}, "last value before lymphodepletion", "last value up to apheresis"),
        ({"urine_carry_forward_days": "30"}, {}, "never replaced by an earlier one", "A 24 h urine stood for 30 days"),
        ({"qiga_index": "true"}, {}, "Quantitative IgA never replaced", "quantitative IgA replaced"),
        ({}, {"origin": "failure"}, "time from the infusion to death", "time from failure to death"),
        ({}, {"origin": "apheresis"}, "time from the infusion to death", "on (delayed entry), with apheresis as day 0"),
        ({}, {"origin": "apheresis", "observed_from": "apheresis"}, "(delayed entry)", "(intention to treat)"),
        ({}, {"min_cell": 5}, "2023-01", "Counts from 1 to 4 were suppressed"),
        ({}, {"penalty": "firth"}, "without a finite estimate was refused", "All hazard ratios were penalised (Firth)"),
    ],
)  # fmt: skip
def test_the_sentence_follows_the_setting(folder: Path, settings: dict, plan: dict, usual: str, changed: str):
    hazards = (section("Hazards were compared by Cox regression.", references=("cox-1972",)),)
    before = text_of(question(folder), sections=hazards)
    after = text_of(question(folder, settings=settings), plan_of(**plan), hazards)
    assert changed in after and changed not in before
    assert usual not in after
    assert usual in before or plan.get("observed_from")


def test_every_setting_has_a_sentence_for_every_value_and_no_two_read_alike():
    assert sorted(CLAUSES) == sorted(Settings().as_text()) == sorted(MEANING)
    plain = Settings()
    for name, clause in CLAUSES.items():
        value = getattr(plain, name)
        values: list[Any] = list(CHOICES.get(name, ()))
        if isinstance(value, bool):
            values = [True, False]
        elif not values:
            values = [value, 7 if not isinstance(value, tuple) else (value[0], value[1] * 2)]
        told = [clause.told(name, replace(plain, **{name: one})) for one in values]
        assert len(set(told)) == len(values), name
        assert all(sentence.endswith(".") for sentence in told), name


def test_the_edition_is_named_and_its_source_cited(folder: Path):
    old, keys = methods_paragraph(question(folder, edition="imwg-2006"), plan_of(), [], gathered_of())
    assert "IMWG uniform response criteria 2006 (edition imwg-2006) [1]" in old[1]
    assert keys[0] == "durie-2006" and "kumar-2016" not in keys
    assert "any plasma cell percentage from 10 %" in old[1] and "Hypercalcaemia by myeloma was progression" in old[1]
    assert "minimal response" not in old[1]  # 2006 has none
    _, keys = methods_paragraph(question(folder), plan_of(), [], gathered_of())
    assert keys[0] == "kumar-2016" and "durie-2006" not in keys  # 2016 takes hypercalcaemia from there, if it is set
    _, keys = methods_paragraph(question(folder, settings={"hypercalcaemia_pd": "true"}), plan_of(), [], gathered_of())
    assert "durie-2006" in keys


def test_nothing_is_said_of_rules_that_had_nothing_to_judge(folder: Path):
    told = text_of(question(folder), gathered=gathered_of("patients responses treatments"))
    assert "they stood as assigned" in told and "in any marker" in told
    for absent in ("Baseline was", "nadir", "IgA", "urine", "plasmacytoma", "imaging"):
        assert absent not in told
    told = text_of(question(folder), gathered=gathered_of("patients treatments"))
    assert "Response was" not in told and "confirmed at the next" not in told
    told = text_of(question(folder), gathered=gathered_of("patients results"))
    assert "plasmacytoma" not in told and "Lines of therapy" not in told


def test_only_the_endpoints_of_the_plan_are_defined(folder: Path):
    told = text_of(question(folder), plan_of(origin="failure"))
    for absent in ("Duration of response", "ended a response", "Event-free", "PFS2", "Time to progression was"):
        assert absent not in told


def test_no_method_is_claimed_that_no_section_used(folder: Path):
    told = text_of(question(folder))
    for absent in ("log-rank", "Cox", "hazard", "Kaplan", "lifelines", "statsmodels", "Altair", "suppressed", "Firth"):
        assert absent not in told


def test_the_sections_methods_stand_once_in_their_order_with_their_sources(folder: Path):
    sections = (
        section("Curves were estimated by Kaplan-Meier.", "Groups were compared by the log-rank test.",
                references=("mantel-1966", "kaplan-meier-1958"), figures=1),
        section("Curves were estimated by Kaplan-Meier.", "Incidence was estimated by Aalen-Johansen.",
                references=("aalen-johansen-1978", "lee-2019")),
    )  # fmt: skip
    told, keys = methods_paragraph(question(folder), plan_of(), sections, gathered_of("patients"))
    statistics, software = told[2:]
    number = {key: place + 1 for place, key in enumerate(keys)}
    assert statistics == (
        f"Curves were estimated by Kaplan-Meier [{number['kaplan-meier-1958']}]. Groups were compared by the log-rank "
        f"test [{number['mantel-1966']}]. Incidence was estimated by Aalen-Johansen "
        f"[{number['aalen-johansen-1978']}, {number['lee-2019']}]."
    )
    assert f"Kaplan-Meier estimates came from lifelines 0.30.3 [{number['lifelines-2019']}]" in software
    assert "Log-rank tests and cumulative incidence came from statsmodels" in software
    assert "Vega-Altair" in software and "cox-1972" not in keys


def test_numbers_follow_the_first_citation_and_a_source_has_one():
    cited = Cited()
    assert cited.text(Said("One.", ("b", "a"))) == "One [1, 2]."
    assert cited.text(Said("Two.")) == "Two."
    assert cited.text(Said("Three.", ("c", "b"))) == "Three [1, 3]."
    assert cited.keys == ["b", "a", "c"]


def test_a_source_that_no_sentence_names_goes_to_the_last():
    told = sentences_of(["By Cox regression.", "By hand."], ("cox-1972", "lee-2019"))
    assert [sentence.keys for sentence in told] == [("cox-1972",), ("lee-2019",)]
    assert sentences_of([], ("lee-2019",)) == []


def test_a_source_stands_in_the_sentence_that_names_it_also_where_several_were_given_in_one():
    told = sentences_of(["By Cox regression. No adjustment was made."], ("cox-1972",))
    assert told == [Said("By Cox regression.", ("cox-1972",)), Said("No adjustment was made.")]


def test_references_are_numbered_and_say_where_they_are_from_memory(monkeypatch: pytest.MonkeyPatch):
    invented = {
        "authors": "SYNTHETIC A, et al.",
        "title": "A title",
        "where": "J 2000;1:2",
        "read": "no; cited from memory",
    }
    monkeypatch.setitem(bibliography(), "invented-2000", invented)
    first, second = references_told(["kumar-2016", "invented-2000", "kumar-2016"])
    assert first.startswith("1. Kumar S, Paiva B, Anderson KC, et al. International Myeloma Working Group consensus")
    assert first.endswith("Lancet Oncol 2016;17:e328-e346. doi:10.1016/S1470-2045(16)30206-6.")
    assert second == "2. SYNTHETIC A, et al. A title. J 2000;1:2. (Cited from memory.)"
    with pytest.raises(KnowledgeError, match=r"'nobody-1900'.*bibliography"):
        references_told(["nobody-1900"])


def test_population_and_period_are_told_or_kept_back(folder: Path):
    asked = question(folder)
    first = methods_paragraph(asked, plan_of(), [], gathered_of(os_days=542))[0][0]  # 5 January 2023 is day 19,362
    assert first == (
        "Data came from the registry invented (1 patient). The patients are invented (SYNTHETIC). 1 was infused with "
        "CAR T cells. Infusions took place in 2023-01; the last of them was heard of on 2024-06-30."
    )
    many = replace(gathered_of(), patients=8)
    kept = methods_paragraph(asked, plan_of(min_cell=5), [], many)[0][0]
    assert "(8 patients)" in kept and "1 was" not in kept and "7 had" not in kept and "2023-01" not in kept


def test_an_empty_registry_claims_nothing(folder: Path):
    empty = replace(gathered_of("patients"), patients=0)
    empty = replace(empty, cohort=empty.cohort.clear())
    told, keys = methods_paragraph(question(folder), plan_of(min_cell=5), [], empty)
    assert len(told) == 2 and told[0] == "Data came from the registry invented (0 patients)." and keys == []


def test_the_settings_section_lists_all_settings_and_marks_who_set_them(folder: Path):
    asked = question(folder, edition="imwg-2006", settings={"dor_death": "myeloma_only", "blq": "interval"})
    told = settings_section(asked, plan_of())
    frame = next(table.frame for table in told.tables if table.name == "settings")
    assert frame["setting"].to_list() == list(Settings().as_text()) and frame["meaning"].to_list() == list(
        MEANING.values()
    )
    by = dict(frame.select("setting", "set_by").rows())
    assert {name for name, who in by.items() if who == "user"} == {"dor_death"}  # blq was set to what it is
    assert {name for name, who in by.items() if who == "edition"} == {"marrow_pd", "hypercalcaemia_pd"}
    assert told.says[0].endswith("1 setting was changed from the default of the edition: dor_death=myeloma_only.")


def test_files_have_the_hash_of_their_bytes_and_versions_are_those_that_ran(folder: Path):
    told = {table.name: table.frame for table in settings_section(question(folder), plan_of()).tables}
    expected = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.csv")}
    assert dict(told["settings_files"].select("file", "sha256").rows()) == expected
    assert dict(told["settings_versions"].rows())["polars"] == pl.__version__


def test_the_plan_is_told_in_words(folder: Path):
    plan = plan_of(origin="apheresis", by=["prior_bcma"], min_cell=5, penalty="firth")
    told = next(
        t.frame for t in settings_section(question(folder), plan, "apheresis").tables if t.name == "settings_plan"
    )
    words = {option: (value, meaning) for option, value, meaning in told.rows()}
    assert words["by"] == ("prior_bcma", "Earlier BCMA-directed therapy")
    assert words["observed_from"][1].endswith("(intention to treat)")
    assert words["min_cell"][1].startswith("counts from 1 to 4")
    assert words["penalty"][0] == "firth"


@pytest.mark.parametrize("edition", editions())
def test_the_same_methods_come_out_twice(folder: Path, edition: str):
    asked = question(folder, edition=edition)
    assert text_of(asked) == text_of(asked)


def test_every_source_that_the_methods_can_name_is_in_the_bibliography(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    named = {*SOFTWARE, *NAMED, "mspike-convention", *(key for keys in KEYS.values() for key in keys)}
    assert sorted(named - set(bibliography())) == []
