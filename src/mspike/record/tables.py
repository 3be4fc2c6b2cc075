"""The canonical tables. Each column is declared once: this validates, documents and feeds the generators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "date", "choice", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Column:
    """One column: its type, unit, meaning and what is plausible in it.

    unless  the column is needed in every row where that other one is empty
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    required: bool = False
    unless: str = ""


@dataclass(frozen=True)
class Table:
    """One table: one row per what, and its columns."""

    name: str
    row: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def dates(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.kind == "date")


HEAVY_CHAINS = ("IgG", "IgA", "IgM", "IgD", "IgE", "none", "unknown")
LIGHT_CHAINS = ("kappa", "lambda", "none", "unknown")
DEATH_CAUSES = ("myeloma", "toxicity", "infection", "second_malignancy", "other", "unknown")
ATTRIBUTIONS = ("myeloma", "other", "spurious")
SITES = ("bone", "paraskeletal", "extraosseous", "cns")
LESION_FINDINGS = ("measured", "resolved", "new", "new_uptake", "fracture")
ROLES = (
    "induction",
    "transplant",
    "maintenance",
    "apheresis",
    "bridging",
    "lymphodepletion",
    "infusion",
    "treatment",
    "radiotherapy",
    "supportive",
)
CATEGORIES = ("sCR", "CR", "VGPR", "PR", "MR", "SD", "PD", "NE")
ASSIGNED = (*CATEGORIES, "not_PD")

# Where a reader puts the first cell that has no name in the header.
EXTRA = "_one_column_too_many"

_PATIENT = Column("patient_id", "id", "Identifies the patient within the registry.", required=True)


def _date(meaning: str, *, name: str = "date", required: bool = True) -> Column:
    return Column(name, "date", meaning, unit="ISO date, or days from infusion", required=required)


PATIENTS = Table(
    "patients",
    "patient",
    (
        _PATIENT,
        Column("sex", "text", "Sex as recorded (female, male, other)."),
        Column("birth_year", "integer", "Year of birth.", unit="year", low=1880, high=2100),
        _date("Diagnosis of myeloma.", name="diagnosis_date", required=False),
        Column("heavy_chain", "choice", "Heavy chain of the clone.", choices=HEAVY_CHAINS),
        Column("light_chain", "choice", "Light chain of the clone.", choices=LIGHT_CHAINS),
        _date("Death from any cause.", name="death_date", required=False),
        Column("death_cause", "choice", "Recorded cause of death.", choices=DEATH_CAUSES),
        _date("Last day the patient was known to be alive.", name="last_contact_date", required=False),
    ),
)

RESULTS = Table(
    "results",
    "result of one analyte",
    (
        _PATIENT,
        _date("Day the specimen was taken (never the report date)."),
        Column("analyte", "choice", "What was measured; `mspike columns --analytes` lists them.", required=True),
        Column("value", "text", "As reported: 2.8, <0.1, negative, positive, oligoclonal ...", required=True),
        Column("unit", "text", "Unit as reported, UCUM or a common spelling."),
        Column("method", "text", "Assay or technique; a change makes values incomparable."),
        Column("specimen_id", "text", "Tells two specimens of one day apart."),
        Column("ref_low", "number", "Lower limit of normal, in the unit of the value."),
        Column("ref_high", "number", "Upper limit of normal, in the unit of the value."),
        Column("attribution", "choice", "A clinician's judgement of the value's cause.", choices=ATTRIBUTIONS),
    ),
)

MRD = Table(
    "mrd",
    "MRD sample",
    (
        _PATIENT,
        _date("Day the marrow was taken."),
        Column(
            "method",
            "choice",
            "Next-generation flow, sequencing, or conventional flow.",
            choices=("ngf", "ngs", "flow"),
        ),
        Column("result", "choice", "What the laboratory reported.", choices=("negative", "positive", "indeterminate")),
        Column("fraction", "number", "Clonal cells per nucleated cell.", unit="fraction", low=0, high=1),
        Column("limit_of_detection", "number", "Detection limit of this sample.", unit="fraction", low=0, high=1),
        Column("total_events", "number", "Nucleated cells analysed.", unit="cells", low=0),
        Column("adequate", "boolean", "Is the sample adequate (not haemodilute)?"),
    ),
)

LESIONS = Table(
    "lesions",
    "lesion on one imaging day",
    (
        _PATIENT,
        _date("Day of imaging."),
        Column("lesion_id", "text", "Names the lesion; the same name over time.", required=True),
        Column("site", "choice", "Contact with bone decides: paraskeletal touches it.", choices=SITES),
        Column("longest_mm", "number", "Longest diameter.", unit="mm", low=0, high=500),
        Column("perpendicular_mm", "number", "Diameter perpendicular to it.", unit="mm", low=0, high=500),
        Column("finding", "choice", "What was seen.", choices=LESION_FINDINGS),
        Column("deauville", "integer", "Deauville score of uptake.", low=1, high=5),
        Column("irradiated", "boolean", "Was the lesion irradiated?"),
    ),
)

TREATMENTS = Table(
    "treatments",
    "agent given",
    (
        _PATIENT,
        Column(
            "start_date",
            "date",
            "First dose, or the day of the procedure. May be empty where `line` tells the order.",
            unit="ISO date, or days from infusion",
            unless="line",
        ),
        _date("Last dose.", name="end_date", required=False),
        Column("agent", "text", "Agents, product or regimen (VRd); `mspike columns --agents` lists the names."),
        Column("role", "choice", "Part it plays in the line.", choices=ROLES, required=True),
        Column("line", "integer", "Line of therapy, where already numbered.", low=1, high=50),
        Column("stop_reason", "text", "Why it was stopped."),
        Column("best_response", "choice", "Best response to that line, as recorded.", choices=CATEGORIES),
    ),
)

RESPONSES = Table(
    "responses",
    "category that somebody already assigned",
    (
        _PATIENT,
        _date("Day of the assessment."),
        Column(
            "response", "choice", "Category as assigned; not_PD: seen, not progressed.", choices=ASSIGNED, required=True
        ),
        Column("confirmed", "boolean", "yes stands as given; no or empty goes through confirmation."),
        Column("assessor", "text", "Who assigned it."),
    ),
)

EVENTS = Table(
    "events",
    "clinical event",
    (
        _PATIENT,
        _date("Onset."),
        _date("Resolution.", name="end_date", required=False),
        Column("event", "text", "What happened: crs, icans, infection, dialysis, second_malignancy ...", required=True),
        Column("grade", "integer", "Grade, where graded.", low=0, high=5),
        Column("detail", "text", "Free detail."),
    ),
)

GENETICS = Table(
    "genetics",
    "marker tested",
    (
        _PATIENT,
        _date("Day of the sample."),
        Column("marker", "text", "Marker: del17p, t(4;14), gain1q, TNFRSF17 ...", required=True),
        Column("finding", "text", "present, absent, or as reported."),
        Column("fraction", "number", "Fraction of clonal cells.", unit="fraction", low=0, high=1),
    ),
)

TABLES = {t.name: t for t in (PATIENTS, RESULTS, MRD, LESIONS, TREATMENTS, RESPONSES, EVENTS, GENETICS)}
