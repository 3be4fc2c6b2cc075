"""SYNTHETIC patients for the board and the second opinion, one for each way in which a page could mislead."""

from __future__ import annotations

from pathlib import Path

from mspike.asking import of_patient, question
from mspike.packet.blocks import Bullets, Facts, Grid, Heading, Packet, Paragraph
from mspike.packet.case import Case, case_of
from mspike.report.explain import explained
from mspike.report.history import history_patient
from mspike.report.safety import safety_patient
from mspike.report.watch import watch_patient
from mspike.report.why import why_patient

WHO = "SYNTHETIC-P2"
PERSON = "patient_id,sex,birth_year,diagnosis_date,heavy_chain,light_chain,death_date,death_cause,last_contact_date"
TREATED = """patient_id,start_date,end_date,agent,role,line,stop_reason,best_response
{who},2019-02-01,2020-06-30,bortezomib,treatment,1,progression,PR
{who},2019-02-01,2020-06-30,lenalidomide,treatment,1,progression,PR
{who},2020-08-01,2021-11-30,daratumumab,treatment,2,progression,VGPR
{who},2020-08-01,2021-11-30,pomalidomide,treatment,2,progression,VGPR
{who},2022-01-10,2022-01-10,leukapheresis,apheresis,3,completed,
{who},2022-02-20,2022-02-22,fludarabine,lymphodepletion,3,completed,
{who},2022-02-25,2022-02-25,ide-cel,infusion,3,,
"""
SERUM = (("2022-02-15", "3.40"), ("2022-03-25", "0.60"), ("2022-04-25", "0.30"), ("2022-06-25", "0.30"),
         ("2022-09-12", "1.10"), ("2022-10-10", "1.60"))  # fmt: skip
OTHERS = """{who},2022-02-15,urine_m_24h,120,mg/24h,
{who},2022-03-25,urine_m_24h,0,mg/24h,
{who},2022-04-25,urine_m_24h,0,mg/24h,
{who},2022-06-25,urine_m_24h,0,mg/24h,
{who},2022-10-10,creatinine,1.3,mg/dL,
{who},2022-10-10,haemoglobin,9.8,g/dL,
{who},2022-10-12,bcma_expression,71,%,
{who},2023-06-01,creatinine,7.7,mg/dL,
"""
GENES = (
    "patient_id,date,marker,finding,fraction\n{who},2022-01-08,t(4;14),present,0.62\n{who},2022-01-08,del17p,absent,\n"
)
EVENTS = "patient_id,date,end_date,event,grade,detail\n{who},2022-02-27,2022-03-02,crs,2,\n"
RESULTS = "patient_id,date,analyte,value,unit,method\n"


def written(folder: Path, who: str = WHO, died: str = "") -> Path:
    """A registry of one patient who progressed 199 days after ide-cel; some rows are from after the day asked."""
    cause = "myeloma" if died else ""
    serum = "".join(f"{who},{day},serum_m,{value},g/dL,\n" for day, value in SERUM)
    tables = {
        "patients": f"{PERSON}\n{who},female,1960,2019-01-15,IgG,kappa,{died},{cause},2023-12-01\n",
        "treatments": TREATED.format(who=who), "results": RESULTS + serum + OTHERS.format(who=who),
        "genetics": GENES.format(who=who), "events": EVENTS.format(who=who),
    }  # fmt: skip
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def progressed(folder: Path) -> Case:
    """Asked shortly after the confirmed progression."""
    return case_of(written(folder), WHO, "US", on="2022-11-01")


def held(folder: Path) -> Case:
    """The same patient, asked before it progressed."""
    return case_of(written(folder), WHO, "US", on="2022-07-15")


def died(folder: Path) -> Case:
    """The same patient after death: no options are asked of the dead."""
    asked = question(written(folder, died="2023-12-01"))
    derived = of_patient(asked, WHO, "case")
    return Case(
        asked=asked, patient=WHO, on=None, derived=derived,
        explained=explained(derived.record, asked.rules, asked.settings, WHO, folder),
        history=history_patient(asked, WHO), safety=safety_patient(asked, WHO), why=why_patient(asked, WHO),
        watch=watch_patient(asked, WHO), options={}, trials={},
    )  # fmt: skip


def never(folder: Path) -> Case:
    """Cells were collected and never given back."""
    rows = [row for row in TREATED.format(who=WHO).splitlines() if "infusion" not in row and "depletion" not in row]
    written(folder)
    (folder / "treatments.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return case_of(folder, WHO, "US", on="2022-03-01")


def bare(folder: Path) -> Case:
    """Nothing is recorded but an id."""
    (folder / "patients.csv").write_text(f"{PERSON}\n{WHO},,,,,,,,\n", encoding="utf-8")
    return case_of(folder, WHO, "EU", on="2022-03-01")


def in_days(folder: Path) -> Case:
    """A registry that counts days and holds categories only; a later line without a date."""
    tables = {
        "patients": f"{PERSON}\n{WHO},male,,-900,IgA,lambda,,,400\n",
        "treatments": "patient_id,start_date,end_date,agent,role,line\n"
        f"{WHO},,,VRd,treatment,1\n{WHO},0,,cilta-cel,infusion,2\n",
        "responses": "patient_id,date,response,confirmed,assessor\n"
        f"{WHO},30,CR,yes,study\n{WHO},183,CR,yes,study\n{WHO},277,PD,yes,study\n",
    }
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return case_of(folder, WHO, "EU")


CASES = {f.__name__: f for f in (progressed, held, died, never, bare, in_days)}


def words(packet: Packet) -> str:
    """All that the packet prints, without figures."""
    told = [packet.title, packet.head, *packet.references]
    for block in packet.blocks:
        if isinstance(block, Heading | Paragraph):
            told.append(block.words)
        elif isinstance(block, Bullets):
            told += block.items
        elif isinstance(block, Facts):
            told += [f"{name}: {_said(value)}" for name, value in block.rows]
        elif isinstance(block, Grid):
            told += [block.title, *block.heads, *block.notes, *(" | ".join(map(_said, row)) for row in block.rows)]
    return "\n".join(told)


def _said(value: str | None) -> str:
    return "not known" if value is None else value


def cells(packet: Packet) -> list[str | None]:
    """Every cell that is printed in a table or beside a name."""
    grids = [cell for block in packet.blocks if isinstance(block, Grid) for row in block.rows for cell in row]
    facts = [value for block in packet.blocks if isinstance(block, Facts) for _, value in block.rows]
    return [*grids, *facts]


def facts_of(packet: Packet) -> dict[str, str | None]:
    """The first value of each name."""
    told: dict[str, str | None] = {}
    for block in packet.blocks:
        if isinstance(block, Facts):
            for name, value in block.rows:
                told.setdefault(name, value)
    return told
