"""Published results as data, one record a result: who was treated, with what, what came of it, and what biases it.

evidence() holds every record of this folder, errata() the mistakes of the seed documents with the right fact.
"""

from __future__ import annotations

from mspike.knowledge.evidence.figures import Median, Outcome
from mspike.knowledge.evidence.loading import FOLDER, errata, evidence, read_errata, read_evidence
from mspike.knowledge.evidence.records import Erratum, Evidence

__all__ = [
    "FOLDER",
    "Erratum",
    "Evidence",
    "Median",
    "Outcome",
    "errata",
    "evidence",
    "read_errata",
    "read_evidence",
]
