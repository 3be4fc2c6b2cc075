"""What can be given after CAR-T failure: target, route, label by region and date, needs, cautions.

One YAML file a topic; `shared.yaml` holds needs and cautions that several therapies have in common. A label is in force
from its first day on and no longer on the day of its `until`.
"""

from mspike.knowledge.therapies.salvage.atoms import check_atom
from mspike.knowledge.therapies.salvage.entries import (
    BASES,
    LABELS_READ,
    PRECISIONS,
    REGIONS,
    SCHEDULES,
    STATUSES,
    TOXICITIES,
    Approval,
    Caution,
    Criterion,
    Marketed,
    Therapy,
)
from mspike.knowledge.therapies.salvage.reading import read_therapies, therapies

__all__ = [
    "BASES",
    "LABELS_READ",
    "PRECISIONS",
    "REGIONS",
    "SCHEDULES",
    "STATUSES",
    "TOXICITIES",
    "Approval",
    "Caution",
    "Criterion",
    "Marketed",
    "Therapy",
    "check_atom",
    "read_therapies",
    "therapies",
]
