"""What can be given after CAR-T failure: every therapy is there, labels change on their day, nothing lacks a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED, bibliography
from mspike.knowledge.therapies import agents
from mspike.knowledge.therapies.salvage import Therapy, read_therapies, therapies
from mspike.knowledge.therapies.salvage.atoms import ANALYTES, check_atom
from mspike.record.analytes import ANALYTES as DECLARED

EXPECTED = [
    "ide_cel",
    "cilta_cel",
    "anito_cel",
    "eque_cel",
    "arlo_cel",
    "gprc5d_car_t",
    "dual_target_car_t",
    "allogeneic_car_t",
    "switchable_car_t",
    "gsi_car_t",
    "gsi_bispecific",
    "teclistamab",
    "teclistamab_daratumumab",
    "elranatamab",
    "linvoseltamab",
    "talquetamab",
    "talquetamab_teclistamab",
    "cevostamab",
    "belantamab",
    "belantamab_bortezomib",
    "belantamab_pomalidomide",
    "lenalidomide_combination",
    "pomalidomide_combination",
    "iberdomide",
    "mezigdomide",
    "bortezomib_combination",
    "carfilzomib_combination",
    "ixazomib_combination",
    "daratumumab_combination",
    "isatuximab_combination",
    "elotuzumab_combination",
    "selinexor",
    "selinexor_bortezomib",
    "venetoclax",
    "alkylator_chemotherapy",
    "intensive_chemotherapy",
    "melflufen",
    "autologous_transplant",
    "allogeneic_transplant",
    "radiotherapy",
    "checkpoint_combination",
    "palliative_care",
]
ALL = list(therapies().values())


def asked(id_: str, region: str, day: str) -> list[list[dict[str, Any]]]:
    """What each label in force asks, atom by atom."""
    return [[need.atom for need in label.needs] for label in therapies()[id_].in_force(region, date.fromisoformat(day))]


def least_lines(id_: str, region: str, day: str) -> list[int]:
    """The fewest prior lines that each label in force asks for."""
    return [
        a["lines"]["at_least"] for atoms in asked(id_, region, day) for a in atoms if "at_least" in a.get("lines", {})
    ]


def atoms_in(atom: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    (kind, body), *_ = atom.items()
    yield kind, body
    for inner in body if kind in ("any_of", "all_of") else [body] if kind == "not" else []:
        yield from atoms_in(inner)


def every_atom(therapy: Therapy) -> Iterator[dict[str, Any]]:
    for told in (*therapy.needs, *therapy.cautions, *(need for label in therapy.approvals for need in label.needs)):
        yield told.atom


def test_every_therapy_the_field_has_is_there_and_no_other():
    assert sorted(therapies()) == sorted(EXPECTED)


def test_therapies_come_in_their_order():
    assert [t.order for t in ALL] == sorted({t.order for t in ALL})


@pytest.mark.parametrize("therapy", ALL, ids=lambda t: t.id)
def test_every_agent_exists(therapy: Therapy):
    assert set(therapy.agents) <= agents().keys()


@pytest.mark.parametrize("therapy", ALL, ids=lambda t: t.id)
def test_everything_names_its_source_its_place_and_how_it_was_checked(therapy: Therapy):
    told = [therapy, *therapy.needs, *therapy.cautions, *therapy.approvals, *therapy.marketed]
    told += [need for label in therapy.approvals for need in label.needs]
    assert [t for t in told if t.source not in bibliography() or not t.where or t.checked not in CHECKED] == []
    assert therapy.visits and therapy.visits_checked in CHECKED and therapy.says.endswith(".")


@pytest.mark.parametrize("therapy", [t for t in ALL if t.approvals], ids=lambda t: t.id)
def test_a_label_holds_from_its_first_day_and_no_longer_on_its_last(therapy: Therapy):
    for label in therapy.approvals:
        assert label in therapy.in_force(label.region, label.start)
        assert label not in therapy.in_force(label.region, date.fromordinal(label.start.toordinal() - 1))
        if label.until:
            assert label.start < label.until
            assert label in therapy.in_force(label.region, date.fromordinal(label.until.toordinal() - 1))
            assert label not in therapy.in_force(label.region, label.until)


@pytest.mark.parametrize("therapy", [t for t in ALL if t.approvals], ids=lambda t: t.id)
def test_labels_start_after_the_first_drug_and_none_lies_in_the_future(therapy: Therapy):
    assert all(date(2003, 5, 1) <= label.start <= date(2026, 11, 1) for label in therapy.approvals)


def test_a_word_from_memory_stays_memory():
    """A day recalled marks the whole label; what it asks tells for itself how it was checked."""
    label = therapies()["cilta_cel"].in_force("US", date(2024, 6, 1))[0]
    assert (label.checked, {need.checked for need in label.needs}) == ("memory", {"secondary-table"})


@pytest.mark.parametrize(
    ("id_", "region", "day", "lines"),
    [
        ("ide_cel", "US", "2021-03-25", []),
        ("ide_cel", "US", "2021-03-26", [4]),
        ("ide_cel", "US", "2024-04-03", [4]),
        ("ide_cel", "US", "2024-04-04", [2]),
        ("ide_cel", "EU", "2021-08-18", []),
        ("ide_cel", "EU", "2021-08-19", [3]),
        ("ide_cel", "EU", "2024-06-01", [2]),
        ("cilta_cel", "US", "2022-02-27", []),
        ("cilta_cel", "US", "2022-02-28", [4]),
        ("cilta_cel", "US", "2024-04-04", [4]),
        ("cilta_cel", "US", "2024-04-05", [1]),
        ("cilta_cel", "EU", "2022-06-01", [3]),
        ("cilta_cel", "EU", "2024-06-01", [1]),
        ("teclistamab", "US", "2022-10-24", []),
        ("teclistamab", "US", "2022-10-25", [4]),
        ("teclistamab", "US", "2026-11-01", [4]),
        ("teclistamab", "EU", "2022-09-01", [3]),
        ("teclistamab_daratumumab", "US", "2026-03-05", []),
        ("teclistamab_daratumumab", "US", "2026-03-06", [1]),
        ("teclistamab_daratumumab", "EU", "2026-07-01", []),
        ("talquetamab", "US", "2023-08-08", []),
        ("talquetamab", "US", "2023-08-09", [4]),
        ("elranatamab", "US", "2023-08-13", []),
        ("elranatamab", "US", "2023-08-14", [4]),
        ("elranatamab", "EU", "2024-01-01", [3]),
        ("linvoseltamab", "US", "2025-07-01", []),
        ("linvoseltamab", "US", "2025-07-02", [4]),
        ("linvoseltamab", "EU", "2025-06-01", [3]),
        ("belantamab", "US", "2021-03-01", [4]),
        ("belantamab", "US", "2023-06-01", []),
        ("belantamab", "EU", "2024-02-22", [4]),
        ("belantamab", "EU", "2024-02-23", []),
        ("belantamab_bortezomib", "US", "2025-10-22", []),
        ("belantamab_bortezomib", "US", "2025-10-23", [2]),
        ("belantamab_bortezomib", "EU", "2025-08-01", [1]),
        ("belantamab_pomalidomide", "US", "2026-06-01", []),
        ("melflufen", "US", "2024-02-22", [4]),
        ("melflufen", "US", "2024-02-23", []),
        ("melflufen", "EU", "2024-02-23", [3]),
        ("selinexor", "US", "2019-07-02", []),
        ("selinexor", "US", "2021-01-01", [4]),
        ("selinexor_bortezomib", "US", "2020-12-18", [1]),
        ("selinexor_bortezomib", "EU", "2022-01-01", []),
    ],
)
def test_the_label_of_the_day_asks_for_its_lines(id_: str, region: str, day: str, lines: list[int]):
    assert least_lines(id_, region, day) == lines


def test_teclistamab_alone_became_a_standard_approval_in_march_2026():
    one = therapies()["teclistamab"]
    statuses = [one.in_force("US", date.fromisoformat(day))[0].status for day in ("2026-03-05", "2026-03-06")]
    assert statuses == ["accelerated", "standard"]


def test_the_cilta_cel_label_of_2024_asks_for_lenalidomide_refractoriness_and_no_longer_for_anti_cd38():
    before, after = asked("cilta_cel", "US", "2024-04-04")[0], asked("cilta_cel", "US", "2024-04-05")[0]
    assert {"exposed": "triple_class"} in before and {"refractory": "lenalidomide"} not in before
    assert {"refractory": "lenalidomide"} in after and {"exposed": "triple_class"} not in after


def test_the_ide_cel_label_asks_for_three_classes_before_and_after_2024():
    for day in ("2024-04-03", "2024-04-04"):
        assert {"exposed": "triple_class"} in asked("ide_cel", "US", day)[0]


def test_several_daratumumab_labels_hold_side_by_side():
    assert least_lines("daratumumab_combination", "US", "2018-01-01") == [1, 2]


def test_antigen_is_asked_for_where_one_is_aimed_at_and_not_for_naked_antibodies():
    aimed = {t.id for t in ALL if any(kind == "target_present" for n in t.needs for kind, _ in atoms_in(n.atom))}
    against = {t.id for t in ALL if t.cls in ("car_t", "bispecific", "adc") and {"BCMA", "GPRC5D"} & set(t.targets)}
    assert aimed == against


def test_the_antigen_asked_for_is_the_one_aimed_at():
    for therapy in ALL:
        named = {body for n in therapy.needs for kind, body in atoms_in(n.atom) if kind == "target_present"}
        assert named <= set(therapy.targets), therapy.id


def test_infection_closes_cells_bispecifics_transplants_and_intensive_chemotherapy_only():
    closed = {t.id for t in ALL if {"absent": "infection"} in [n.atom for n in t.needs]}
    classes = {t.id for t in ALL if t.cls in ("car_t", "bispecific", "transplant")}
    assert closed == classes | {"intensive_chemotherapy"}


def test_fitness_closes_cells_transplants_and_intensive_chemotherapy_only():
    fit = {"value": {"analyte": "ecog", "at_most": 2, "within_days": 30}}
    closed = {t.id for t in ALL if fit in [n.atom for n in t.needs]}
    assert closed == {t.id for t in ALL if t.cls in ("car_t", "transplant")} | {"intensive_chemotherapy"}


def test_age_never_closes_anything():
    for therapy in ALL:
        needs = [*therapy.needs, *(need for label in therapy.approvals for need in label.needs)]
        assert [n for n in needs if any(kind == "age" for kind, _ in atoms_in(n.atom))] == [], therapy.id


def test_only_venetoclax_asks_for_a_genetic_finding():
    wanting = {t.id: n.atom for t in ALL for n in t.needs if "genetic" in n.atom}
    assert wanting == {"venetoclax": {"genetic": "t(11;14)"}}


def test_off_label_drugs_must_be_on_the_market():
    together = therapies()["talquetamab_teclistamab"]
    assert [together.on_market("US", date(2023, 8, d)) for d in (8, 9)] == [False, True]
    assert therapies()["venetoclax"].basis == "off_label"
    assert not therapies()["cevostamab"].on_market("US", date(2026, 1, 1))


def test_every_analyte_that_is_asked_for_can_be_recorded():
    assert set(ANALYTES) <= DECLARED.keys()


def test_every_atom_is_in_the_language():
    for therapy in ALL:
        for atom in every_atom(therapy):
            assert check_atom(atom, therapy.id) is atom


# The seed documents' mistakes (clinical rules, section 8) are not repeated.


def test_teclistamab_and_elranatamab_bind_bcma_and_only_talquetamab_of_the_four_binds_gprc5d():
    four = {id_: therapies()[id_].targets for id_ in ("teclistamab", "elranatamab", "linvoseltamab", "talquetamab")}
    assert four == {
        "teclistamab": ("BCMA",), "elranatamab": ("BCMA",), "linvoseltamab": ("BCMA",), "talquetamab": ("GPRC5D",),
    }  # fmt: skip


def test_three_of_the_four_bispecifics_are_given_under_the_skin_and_linvoseltamab_into_a_vein():
    four = ("teclistamab", "elranatamab", "talquetamab", "linvoseltamab")
    assert ["skin" in therapies()[id_].route for id_ in four] == [True, True, True, False]
    assert "vein" in therapies()["linvoseltamab"].route


def test_belantamab_is_not_given_without_restriction():
    assert not therapies()["belantamab"].in_force("US", date(2024, 1, 1))
    assert not therapies()["belantamab"].in_force("EU", date(2025, 1, 1))
    assert therapies()["belantamab_bortezomib"].boxed == ("ocular toxicity",)


def test_car_t_never_asks_for_three_lines_in_the_us():
    days = ("2021-06-01", "2023-01-01", "2024-06-01", "2026-06-01")
    assert all(3 not in least_lines(id_, "US", day) for id_ in ("ide_cel", "cilta_cel") for day in days)


def test_arlo_cel_is_no_bcma_product_and_imids_are_no_chemotherapy():
    assert therapies()["arlo_cel"].targets == ("GPRC5D",)
    assert therapies()["lenalidomide_combination"].cls == "IMiD"


def test_gprc5d_cells_have_toxicity_off_the_tumour():
    ids = ("arlo_cel", "gprc5d_car_t", "talquetamab", "talquetamab_teclistamab")
    assert all("taste_skin_nail" in therapies()[id_].toxicities for id_ in ids)


# Planted defects: each must be refused, with file and entry in the message.


def sound() -> dict[str, Any]:
    place = {"source": "labels-from-memory", "where": "label", "checked": "memory"}
    label = {
        "region": "US", "from": date(2020, 1, 1), "until": date(2021, 1, 1), "status": "standard",
        "indication": "For myeloma.", "needs": [{"needs": {"lines": {"at_least": 4}}, "says": "Four lines."}], **place,
    }  # fmt: skip
    return {
        "name": "x", "says": "It is x.", "agents": ["teclistamab"], "class": "bispecific", "targets": ["BCMA"],
        "route": "vein", "schedule": "continuous", "visits": "Weekly.", "basis": "label", "approvals": [label],
        "toxicities": ["crs"], "order": 1, **place,
        "needs": [{"needs": {"target_present": "BCMA"}, "says": "BCMA.", **place}],
        "cautions": [{"when": {"age": {"at_least": 75}}, "says": "Old.", **place}],
    }  # fmt: skip


def read(folder: Path, *bodies: dict[str, Any]) -> dict[str, Therapy]:
    told = {f"x{n}": body for n, body in enumerate(bodies)}
    (folder / "planted.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return read_therapies(folder)


def test_the_sound_entry_is_read(tmp_path: Path):
    one = read(tmp_path, sound())["x0"]
    assert (one.approvals[0].start, one.needs[0].atom, one.visits_per_month) == (
        date(2020, 1, 1), {"target_present": "BCMA"}, None,
    )  # fmt: skip
    assert one.approvals[0].needs[0].source == "labels-from-memory"


def put(path: str, value: Any) -> Any:
    """A defect: the value at a dotted path is replaced, or taken out where it is None."""

    def spoil(body: dict[str, Any]) -> None:
        *way, last = path.split(".")
        at: Any = body
        for step in way:
            at = at[int(step)] if step.isdigit() else at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return spoil


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        (put("source", None), "no source"),
        (put("source", "nowhere-1999"), "bibliography"),
        (put("checked", "surely"), "surely"),
        (put("agents", ["aspirin"]), "aspirin"),
        (put("class", "magic"), "magic"),
        (put("schedule", "now and then"), "now and then"),
        (put("basis", "established"), "approvals"),
        (put("basis", "off_label"), "marketed"),
        (put("approvals", []), "approvals"),
        (put("toxicities", ["sadness"]), "sadness"),
        (put("order", "first"), "order"),
        (put("dose", 5), "dose"),
        (put("route", None), "route"),
        (put("shares", ["nothing"]), "nothing"),
        (put("approvals.0.region", "UK"), "UK"),
        (put("approvals.0.until", date(2020, 1, 1)), "until"),
        (put("approvals.0.from", "spring"), "spring"),
        (put("approvals.0.from_precision", "year"), "year"),
        (put("approvals.0.where", None), "no where"),
        (put("approvals.0.status", "lucky"), "lucky"),
        (put("approvals.0.needs.0.says", None), "says"),
        (put("approvals.0.needs.0.needs", {"lines": {"more": 4}}), "lines"),
        (put("needs.0.source", None), "no source"),
        (put("needs.0.needs", {"target_present": "CD38"}), "CD38"),
        (put("needs.0.needs", {"wish": True}), "wish"),
        (put("needs.0.needs", {"exposed": "PI", "refractory": "PI"}), "one key"),
        (put("needs.0.needs", {"exposed": "PIs"}), "PIs"),
        (put("needs.0.needs", {"exposed_to": {"class": "car_t"}}), "target"),
        (put("needs.0.needs", {"washout": {"of": "something", "at_least": 28}}), "something"),
        (put("needs.0.needs", {"value": {"analyte": "mood", "at_least": 1, "within_days": 5}}), "mood"),
        (put("needs.0.needs", {"value": {"analyte": "anc", "at_least": 1}}), "within_days"),
        (put("needs.0.needs", {"value": {"analyte": "anc", "at_least": 1, "below": 2, "within_days": 5}}), "below"),
        (put("needs.0.needs", {"genetic": "t(1;99)"}), "genetic"),
        (put("needs.0.needs", {"present": "bad luck"}), "bad luck"),
        (put("needs.0.needs", {"any_of": [{"exposed": "PI"}]}), "two or more"),
        (put("needs.0.needs", {"not": {"any_of": [{"exposed": "PI"}, {"exposed": "PIs"}]}}), "PIs"),
        (put("needs.0.needs", {"lines": {"at_least": 3, "at_most": 4}}), "at_least or at_most"),
        (put("cautions.0.when", None), "when"),
    ],
)
def test_a_planted_defect_is_refused(tmp_path: Path, defect: Any, message: str):
    body = sound()
    defect(body)
    with pytest.raises(KnowledgeError) as refused:
        read(tmp_path, body)
    assert message in str(refused.value) and str(refused.value).startswith("planted.yaml, x0")


def test_a_month_must_be_written_as_its_first_day(tmp_path: Path):
    body = sound()
    body["approvals"][0] |= {"from": date(2020, 1, 15), "from_precision": "month"}
    with pytest.raises(KnowledgeError, match="first of that month"):
        read(tmp_path, body)


def test_two_therapies_with_one_place_in_the_order_are_refused(tmp_path: Path):
    with pytest.raises(KnowledgeError, match="order 1"):
        read(tmp_path, sound(), sound())


def test_an_id_in_two_files_is_refused(tmp_path: Path):
    (tmp_path / "another.yaml").write_text(yaml.safe_dump({"x0": sound() | {"order": 2}}), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="used twice"):
        read(tmp_path, sound())
