"""What is published after CAR-T failure: a list, one result in full, and pooled proportions."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mspike import INTENDED_USE, __version__
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import bibliography, knowledge_hash
from mspike.knowledge.evidence import Erratum, Evidence, Median, errata, evidence
from mspike.options.pool import METHODS, TESTS, median_range, pool
from mspike.options.strata import AFTER, current, independent
from mspike.report.pooled import MEMORY, MEMORY_SAYS, pooled_line, pooled_told, studies_told
from mspike.report.terminal import counted, say, wrapped

Told = dict[str, Any]
AFTERS = {"car-t": ("yes",), "car-t-mostly": AFTER, "any-bcma": None, "no-car-t": ("no",), "none": None}
WORDS = {"orr": "Response", "vgpr": "Very good partial response or better", "cr": "Complete response or better"}
MEDIANS = ("pfs_months", "dor_months", "os_months")


def chosen(
    *,
    after: str | None = None,
    cls: str | None = None,
    target: str | None = None,
    therapy: str | None = None,
    superseded: bool = False,
) -> list[Evidence]:
    """The results that fit every filter given; those replaced by a later one only where asked for."""
    records = list(evidence().values()) if superseded else list(current())
    for name, value, known in (
        ("after", after, AFTERS),
        ("class", cls, {e.cls for e in records}),
        ("target", target, {t for e in records for t in e.targets}),
        ("therapy", therapy, {o for e in records for o in e.options}),
    ):
        if value is not None and value not in known:
            raise WrongUsage(f"--{name} {value}: expected one of {', '.join(sorted(known))}.")
    return [e for e in records if _fits(e, after, cls, target, therapy)]


def _fits(e: Evidence, after: str | None, cls: str | None, target: str | None, therapy: str | None) -> bool:
    if after == "any-bcma" and "bcma" not in e.prior:
        return False
    if after == "none" and (e.after_car_t != "no" or set(e.prior) - {"none"}):
        return False
    wanted = AFTERS.get(after) if after else None
    return (
        (wanted is None or e.after_car_t in wanted)
        and (cls is None or e.cls == cls)
        and (target is None or target in e.targets)
        and (therapy is None or therapy in e.options)
    )


def record_told(e: Evidence) -> Told:
    """One result as plain values, every figure with how it was checked."""
    return {
        "id": e.id, "study": e.study, "year": e.year, "design": e.design, "population": e.population,
        "prior": list(e.prior), "after_car_t": e.after_car_t, "therapy": e.therapy, "options": list(e.options),
        "targets": list(e.targets), "class": e.cls, "n": e.n,
        "outcomes": {name: _outcome(one) for name, one in e.outcomes.items()},
        "follow_up_months": e.follow_up_months, "bias": e.bias, "source": e.source, "where": e.where,
        "checked": e.checked, "memory_only": e.memory_only, "superseded_by": e.superseded_by,
        "subset_of": e.subset_of, "overlaps": list(e.overlaps), "note": e.note, "ours": list(e.ours),
    }  # fmt: skip


def _outcome(one: Any) -> Told:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def show(name: str) -> Told:
    """One result or erratum. Raises WrongUsage, with close ids, where there is none."""
    if name in evidence():
        told = record_told(evidence()[name])
        about = [e for e in errata().values() if name in e.concerns]
        return {**told, "errata": [_erratum(e) for e in about], "reference": bibliography()[told["source"]]}
    same_study = [e.id for e in evidence().values() if name.lower() in (e.study.lower(), f"{e.study} {e.year}".lower())]
    if len(same_study) == 1:
        return show(same_study[0])
    if same_study:
        raise WrongUsage(f"evidence show {name}: {len(same_study)} results: {', '.join(same_study)}.")
    if name in errata():
        return _erratum(errata()[name])
    close = get_close_matches(name, [*evidence(), *errata()], n=3, cutoff=0.4)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    raise WrongUsage(f"evidence show {name}: no result of that name; `mspike evidence list` shows all.{hint}")


def _erratum(e: Erratum) -> Told:
    return {
        "id": e.id, "erratum_of": f"seed {e.seed}", "says": e.says, "right": e.right, "concerns": list(e.concerns),
        "source": e.source, "where": e.where, "checked": e.checked, "reference": bibliography()[e.source],
    }  # fmt: skip


def pooled_answer(
    records: list[Evidence], outcome: str, method: str, test: str, svg: Path | None = None
) -> tuple[Told, list[str]]:
    """Studies, pooled proportion and medians of these results, what was left out and why; and the forest plot."""
    from mspike.report.forest import drawn, forest_svg, forest_text  # a list needs no drawing

    if test == "knha" and method == "glmm":
        raise WrongUsage(
            "--test knha goes with --method logit_reml or double_arcsine_reml; the GLMM has --test z or t."
        )
    for name, value, allowed in (("method", method, METHODS), ("test", test, TESTS)):
        if value not in allowed:
            raise WrongUsage(f"--{name} {value}: expected one of {', '.join(allowed)}.")
    used = independent(records, outcome)
    if not used:
        raise WrongUsage(
            f"evidence pool: none of the {counted(len(records), 'result')} gives counts for {outcome}. "
            "`mspike evidence list` with the same filters shows them."
        )
    counts = [(e.study, _counts(e, outcome)[0], _counts(e, outcome)[1]) for e in used]
    left = [e for e in records if e not in used]
    pooled = pool(counts, method=method, test=test)
    rows = [drawn(e.study, *_counts(e, outcome), _memory(e, outcome)) for e in used]
    if svg is not None:
        svg.write_text(forest_svg(rows, pooled, f"{WORDS.get(outcome, outcome)}: {_therapies(used)}"), encoding="utf-8")
    told = {
        "outcome": outcome, "studies": studies_told(used, outcome),
        "pooled": pooled_told(pooled),
        "left_out": [{"id": e.id, "study": e.study, "therapy": e.therapy, "why": _why_left(e, outcome)} for e in left],
        "medians": _medians(used), "mspike": __version__, "knowledge_hash": knowledge_hash(),
        "intended_use": INTENDED_USE,
    }  # fmt: skip
    return told, forest_text(rows, pooled)


def _memory(e: Evidence, outcome: str) -> str:
    found = e.proportion(outcome)
    return "memory" if e.memory_only or (found is not None and found.from_memory) else e.checked


def _therapies(used: tuple[Evidence, ...]) -> str:
    return ", ".join(dict.fromkeys(e.cls.replace("_", " ") for e in used))


def _counts(e: Evidence, outcome: str) -> tuple[int, int]:
    found = e.proportion(outcome)
    assert found is not None and found.events is not None and found.n is not None
    return found.events, found.n


def _why_left(e: Evidence, outcome: str) -> str:
    found = e.proportion(outcome)
    if found is None or found.events is None or not found.n:
        return "no counts given"
    return "shares patients with a larger result"


def _medians(records: tuple[Evidence, ...]) -> Told:
    """The range of the published medians; they are never averaged."""
    told = {}
    for name in MEDIANS:
        values = [_median_value(m) for e in records if (m := e.median(name))]
        known = [v for v in values if v is not None]
        if known:
            told[name] = {"range": list(median_range(known)), "studies": len(known)}
    return told


def _median_value(m: Median) -> float | str | None:
    return m.median if m.median is not None else "NR" if m.reached is False else None


def print_list(records: list[Evidence]) -> None:
    say(f"{counted(len(records), 'published result')}. `mspike evidence show ID` tells all of one.", "")
    for e in records:
        number = f", {counted(e.n, 'patient')}" if e.n else ""
        print(wrapped(f"{e.id}: {e.therapy}{number}; after CAR-T: {e.after_car_t}; response {_response(e)}", hang=4))
    if any(e.memory_only for e in records):
        say("", MEMORY_SAYS)


def _response(e: Evidence) -> str:
    if e.orr is None:
        return f"not given{' ' + MEMORY if e.memory_only else ''}"
    return f"{e.orr}{' ' + MEMORY if e.memory_only else ''}"


def print_record(told: Told) -> None:
    if "erratum_of" in told:
        say(
            f"{told['id']}: a mistake of {told['erratum_of']}",
            f"  It says: {told['says']}",
            f"  Right: {told['right']}",
        )
        say(f"  Source: {told['source']}, {told['where']} ({told['checked']})")
        return
    say(f"{told['study']}, {told['year']}: {told['therapy']}", f"  {told['population']}; {told['design']}")
    record = evidence()[told["id"]]
    for name, one in record.outcomes.items():
        memory = f" {MEMORY}" if one.from_memory else ""
        say(f"  {name.replace('_', ' ')}: {one} ({one.checked}){memory}")
    say(f"  Read with care: {told['bias']}")
    for key in ("note", "superseded_by", "subset_of"):
        if told[key]:
            say(f"  {key.replace('_', ' ')}: {told[key]}")
    for one in told["errata"]:
        say(f"  Wrong in circulation: {one['says']} Right: {one['right']}")
    reference = told["reference"]
    say(f"  Source: {reference.get('title')}; {reference.get('where')}; {told['where']} ({told['checked']})")
    if told["memory_only"]:
        say(f"  {MEMORY_SAYS}")


def print_pooled(told: Told, drawing: list[str]) -> None:
    pooled = told["pooled"]
    memory = any(s["memory"] for s in told["studies"])
    say(f"{WORDS.get(told['outcome'], told['outcome'])}, pooled: {pooled_line(pooled, marks=memory)}.", "")
    print("\n".join(drawing))
    print()
    if pooled["note"]:
        say(pooled["note"][0].upper() + pooled["note"][1:] + "." * (not pooled["note"].endswith(".")))
    for name, one in told["medians"].items():
        low, high = one["range"]
        what = name.replace("_months", "")
        studies = counted(one["studies"], "study", "studies")
        say(f"Medians of {what} in months, never averaged: {low} to {high} ({studies}).")
    for left in told["left_out"]:
        say(f"Not pooled: {left['id']}, {left['why']}.")
    say("", INTENDED_USE)
