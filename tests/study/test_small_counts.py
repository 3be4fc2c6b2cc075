"""An adversary with every file of a study kept discreet: can anybody work out a small count? SYNTHETIC patients.

The adversary writes down all that the files tell as linear equations over counts that are at least 0, and asks of each
count that is kept back, and of each sum or difference that means patients of a kind, for the lowest and the highest
value that agree with them. Where both are one number from 1 to K - 1 the study has given it away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from gathering import demo, demo_registry  # noqa: F401
from scipy.optimize import linprog

from mspike.study.characteristics import first_infusions
from mspike.study.competing import competing
from mspike.study.gathered import Gathered
from mspike.study.landmarks import landmarks
from mspike.study.parts import Section, StudyTable
from mspike.study.people import people
from mspike.study.plan import Plan, plan_of
from mspike.study.quality import quality
from mspike.study.responses import responses
from mspike.study.survival import survival
from mspike.study.toxicity import toxicity

SECTIONS: tuple[Callable[[Gathered, Plan], Section], ...] = (
    people, responses, survival, landmarks, competing, toxicity, quality,
)  # fmt: skip
MARK = "*"


class Adversary:
    """Counts by name, known or not, and the equations between them."""

    def __init__(self) -> None:
        self.known: dict[Hashable, int] = {}
        self.places: dict[Hashable, int] = {}
        self.equations: list[dict[Hashable, int]] = []

    def hears(self, name: Hashable, text: object) -> None:
        """A cell of a file. The same count told twice must be told alike."""
        self.places.setdefault(name, len(self.places))
        if text is not None and str(text) != MARK:
            n = int(str(text).replace(",", ""))
            assert self.known.get(name, n) == n, (name, n, self.known[name])
            self.known[name] = n

    def adds(self, total: Hashable, parts: Iterable[Hashable]) -> None:
        """The total is the sum of the parts."""
        row: dict[Hashable, int] = {}
        for part in parts:
            self.places.setdefault(part, len(self.places))
            row[part] = row.get(part, 0) + 1
        self.places.setdefault(total, len(self.places))
        row[total] = row.get(total, 0) - 1
        self.equations.append(row)

    def finds(self, k: int) -> list[tuple[Hashable, int]]:
        """What has one feasible value from 1 to K - 1."""
        open_ = {name: at for at, name in enumerate(name for name in self.places if name not in self.known)}
        if not open_:
            return [(name, n) for name, n in self.known.items() if 0 < n < k]
        left, right = [], []
        for equation in self.equations:
            row = np.zeros(len(open_))
            for name, factor in equation.items():
                if name in open_:
                    row[open_[name]] += factor
            left.append(row)
            right.append(-sum(f * self.known[name] for name, f in equation.items() if name in self.known))
        matrix, sums = np.array(left), np.array(right)
        for row, total in zip(matrix, sums, strict=True):
            assert row.any() or total == 0, "the files contradict one another"
        keep = matrix.any(axis=1)
        found = [(name, n) for name, n in self.known.items() if 0 < n < k]
        for name, at in open_.items():
            ends = [self._end(matrix[keep], sums[keep], at, sign) for sign in (1, -1)]
            if ends[1] - ends[0] < 0.5 and 0.5 < ends[0] < k - 0.5:
                found.append((name, round(ends[0])))
        for row, total in zip(matrix, sums, strict=True):
            if ((row >= 0).all() or (row <= 0).all()) and 0 < abs(total) < k:
                found.append((("sum of", tuple(name for name, at in open_.items() if row[at])), int(abs(total))))
        return found

    @staticmethod
    def _end(matrix: np.ndarray, sums: np.ndarray, at: int, sign: int) -> float:
        cost = np.zeros(matrix.shape[1])
        cost[at] = sign
        solved = linprog(cost, A_eq=matrix, b_eq=sums, bounds=(0, 1_000_000), method="highs")
        assert solved.status == 0, solved.message
        return sign * float(solved.fun)


def tables_of(gathered: Gathered, plan: Plan) -> dict[str, StudyTable]:
    return {table.name: table for section in SECTIONS for table in section(gathered, plan).tables}


def groups_of(frame: pl.DataFrame) -> list[str]:
    return frame["group"].unique(maintain_order=True).to_list()


def hears_partition(
    spy: Adversary, rows: pl.DataFrame, subject: Hashable, levels: str, totals: dict[str, int], by: str
) -> None:
    """Levels that add up to the patients of each group, and groups that add up to the first of them.

    totals  patients of each group; groups that are not shown are the rest
    """
    groups = list(totals)
    for (group,), part in rows.group_by("group", maintain_order=True):
        names = [(subject, level, _of(str(group), groups, by)) for level in part[levels]]
        for name, text in zip(names, part["n"], strict=True):
            spy.hears(name, text)
        spy.hears((subject, "all levels", _of(str(group), groups, by)), totals[str(group)])
        spy.adds((subject, "all levels", _of(str(group), groups, by)), names)
    everybody, own = totals[groups[0]], sum(totals[group] for group in groups[1:])
    if len(groups) > 1:
        for level in rows.filter(pl.col("group") == groups[0])[levels]:
            parts = [(subject, level, _of(group, groups, by)) for group in groups[1:]]
            spy.adds(
                (subject, level, groups[0]), [*parts, *([(subject, level, by, "rest")] if own < everybody else [])]
            )
        if own < everybody:
            spy.hears((subject, "all levels", by, "rest"), everybody - own)
            rest = [(subject, level, by, "rest") for level in rows.filter(pl.col("group") == groups[0])[levels]]
            spy.adds((subject, "all levels", by, "rest"), rest)


def _of(group: str, groups: Sequence[str], by: str) -> Hashable:
    """All patients are the same whatever they are divided by."""
    return group if group == groups[0] else (by, group)


def hears_table_1(spy: Adversary, table: StudyTable, by: str) -> None:
    frame = table.frame.filter(pl.col("n").is_not_null())
    totals = dict(frame.select("group", "group_n").unique(maintain_order=True).iter_rows())
    for (variable,), rows in frame.group_by("variable", maintain_order=True):
        if "several may apply" in str(variable):
            for (level,), alone in rows.group_by("level", maintain_order=True):
                groups = list(totals)
                for group, text in alone.select("group", "n").iter_rows():
                    spy.hears((variable, level, _of(group, groups, by)), text)
                    spy.hears((variable, "n", _of(group, groups, by)), totals[group])
                    spy.adds(
                        (variable, "n", _of(group, groups, by)),
                        [(variable, level, _of(group, groups, by)), (variable, level, "not", _of(group, groups, by))],
                    )
            continue
        if rows["level"].to_list() == ["not known"] * rows.height:  # a number: the known are the rest
            for group in totals:
                spy.places.setdefault((variable, "known", _of(group, list(totals), by)), len(spy.places))
            known = rows.with_columns(level=pl.lit("known"), n=pl.lit(MARK))
            rows = pl.concat([known, rows])
        hears_partition(spy, rows, ("table 1", variable), "level", totals, by)


def hears_rates(spy: Adversary, frame: pl.DataFrame, whole: str, name: str, by: str) -> None:
    """Categories that add up to all, and "at least" rows that add up from the first."""
    totals = dict(frame.select("group", "total").unique("group", maintain_order=True).iter_rows())
    rows = frame.filter(pl.col("kind") == whole)
    hears_partition(spy, rows, name, "level", totals, by)
    groups = list(totals)
    for (group,), part in frame.filter(pl.col("kind").str.contains("at least")).group_by("group", maintain_order=True):
        levels = rows.filter(pl.col("group") == group)["level"].to_list()
        for level, text in part.select("level", "n").iter_rows():
            deepest = level.split(" or better")[0]
            of = _of(str(group), groups, by)
            spy.hears((name, "at least", deepest, of), text)
            spy.adds((name, "at least", deepest, of), [(name, one, of) for one in levels[: levels.index(deepest) + 1]])


def hears_survival(spy: Adversary, told: dict[str, StudyTable], plan: Plan, infused: int) -> None:
    """Followed and left out; events and none; endpoints that hold one another; groups; competing events."""
    spy.hears("infused", infused)
    for row in told["survival_medians"].frame.iter_rows(named=True):
        hears_endpoint(spy, row, row["endpoint"], "all")
    for name in plan.by:
        table = told.get(f"survival_by_{name}")
        first = told[f"table_1_by_{name}"].frame
        sizes = dict(first.select("group", "group_n").unique(maintain_order=True).iter_rows())
        if table is None:
            continue
        for (endpoint,), rows in table.frame.group_by("endpoint", maintain_order=True):
            for row in rows.iter_rows(named=True):
                hears_endpoint(spy, row, endpoint, (name, row["group"]))
                if row["group"] in sizes and endpoint != "dor":
                    spy.hears(("size", name, row["group"]), sizes[row["group"]])
                    spy.adds(
                        ("size", name, row["group"]),
                        [("n", endpoint, (name, row["group"])), ("lacking", endpoint, name, row["group"])],
                    )
            for what in ("n", "events", "none"):
                rest = (what, endpoint, (name, "rest"))
                spy.adds((what, endpoint, "all"), [*((what, endpoint, (name, g)) for g in rows["group"]), rest])
    wholes = [
        "all",
        *(
            (name, g)
            for name in plan.by
            if f"survival_by_{name}" in told
            for g in groups_of(told[f"survival_by_{name}"].frame)
        ),
    ]
    for whole in wholes:
        for more, less in (("pfs", "ttp"), ("efs", "pfs"), ("ttnt", "os"), ("pfs2", "os"), ("pfs", "dor")):
            if ("events", more, whole) in spy.places and ("events", less, whole) in spy.places:
                spy.adds(("events", more, whole), [("events", less, whole), ("more", more, less, whole)])
    for table, by in [("competing_incidence", None), *((f"competing_by_{name}", name) for name in plan.by)]:
        if table not in told:
            continue
        frame = told[table].frame
        for (group,), rows in frame.group_by("group", maintain_order=True):
            whole = "all" if by is None else (by, str(group))
            for cause, text in rows.select("cause", "events").iter_rows():
                spy.hears(("first", cause, whole), text)
            spy.adds(("events", "pfs", whole), [("first", cause, whole) for cause in rows["cause"]])
            spy.hears(("none", "pfs", whole), rows["censored"][0])
            if ("events", "ttp", whole) in spy.places:
                spy.adds(("first", "progression", whole), [("events", "ttp", whole), ("of myeloma", whole)])
        if by is not None:
            for cause in frame["cause"].unique():
                parts = [("first", cause, (by, g)) for g in groups_of(frame)]
                spy.adds(("first", cause, "all"), [*parts, ("first", cause, (by, "rest"))])
    for endpoint, rows in told["quality_left_out"].frame.group_by("endpoint", maintain_order=True):
        own = []
        for reason, text in rows.select("reason", "n").iter_rows():
            name = ("n", endpoint[0], "all") if reason == "in the analysis" else _reason(reason, endpoint[0])
            spy.hears(name, text)
            own.append(name)
        spy.adds("rows of the cohort", own)
    spy.adds("rows of the cohort", ["infused", _reason("never infused", ""), "later"])


def hears_endpoint(spy: Adversary, row: dict, endpoint: str, whole: Hashable) -> None:
    spy.hears(("n", endpoint, whole), row["n"])
    spy.hears(("events", endpoint, whole), row["events"])
    spy.adds(("n", endpoint, whole), [("events", endpoint, whole), ("none", endpoint, whole)])


def _reason(reason: str, endpoint: str) -> Hashable:
    if "later infusion" in reason:
        return "later"
    return "never" if reason == "never infused" else ("left out", reason, endpoint)


def hears_landmark(spy: Adversary, told: dict[str, StudyTable]) -> None:
    """Groups at the landmark, and the notes that say who is left out."""
    for name in ("landmark_response", "landmark_mrd"):
        table = told.get(name)
        if table is None:
            continue
        for (endpoint,), rows in table.frame.group_by("endpoint", maintain_order=True):
            of = ("landmark", endpoint)
            for row in rows.iter_rows(named=True):
                hears_endpoint(spy, row, f"landmark {endpoint}", (name, row["group"]))
            names = [("n", f"landmark {endpoint}", (name, group)) for group in rows["group"]]
            spy.adds(of, [*names, (*of, name, "rest")])
            words = {"pfs": "Progression-free survival", "os": "Overall survival"}[endpoint]
            note = next((n for n in table.notes if n.startswith("Left out of") and words in n), None)
            note = note or next((n for n in table.notes if n.startswith("Left out:")), "")
            gone = []
            for text, _, reason in (
                part.partition(" ") for part in re.split(r", (?=[*\d])", note.partition(": ")[2].rstrip(".")) if part
            ):
                if reason in ("never infused", "a later infusion of the same patient"):
                    spy.hears(_reason(reason, ""), text)
                else:
                    gone.append((*of, reason))
                    spy.hears(gone[-1], text)
            spy.adds("infused", [of, *gone])


def hears_flow(spy: Adversary, told: dict[str, StudyTable]) -> None:
    steps = dict(told["flow"].frame.select("step", "n").iter_rows())
    for step in ("registry", "car_t_line", "collected", "infused"):
        spy.hears("infused" if step == "infused" else ("flow", step), steps[step])
    spy.hears("never", steps["never_infused"])
    spy.hears("later", steps["later_infusions"])
    spy.adds(("flow", "registry"), [("flow", "car_t_line"), "without a line"])
    spy.adds(("flow", "car_t_line"), ["infused", "never"])
    spy.hears(("flow", "without"), steps["infused_no_apheresis"])
    spy.adds("infused", [("flow", "without"), ("flow", "with")])


def hears_ticks(spy: Adversary, told: dict[str, StudyTable], plan: Plan) -> None:
    """Who left between two ticks, and the groups of a month, which add up to all."""
    for endpoint in ("pfs", "os"):
        for by in (None, *plan.by):
            table = told.get(f"survival_{endpoint}{'' if by is None else f'_by_{by}'}_at_ticks")
            if table is None:
                continue
            for (group,), rows in table.frame.sort("months").group_by("group", maintain_order=True):
                whole = "all" if by is None else (by, str(group))
                before: Hashable = None
                for month, text in rows.select("months", "at_risk").iter_rows():
                    here = ("at risk", endpoint, whole, month)
                    spy.hears(here, text)
                    if before is not None:
                        spy.adds(before, [here, ("left", endpoint, whole, month)])
                    before = here
            if by is not None:
                for month in table.frame["months"].unique():
                    parts = [("at risk", endpoint, (by, group), month) for group in groups_of(table.frame)]
                    spy.adds(("at risk", endpoint, "all", month), [*parts, ("at risk", endpoint, (by, "rest"), month)])


def hears_blocks(spy: Adversary, table: StudyTable, blocks: str, level: str, total: str | None) -> None:
    """Rows that add up to one total."""
    for (block,), rows in table.frame.group_by(blocks, maintain_order=True):
        names = [(table.name, block, one) for one in rows[level]]
        for name, text in zip(names, rows["n"], strict=True):
            spy.hears(name, text)
        spy.hears((table.name, block), rows[total][0] if total else None)
        spy.adds((table.name, block), names)


def adversary(told: dict[str, StudyTable], plan: Plan, infused: int) -> Adversary:
    spy = Adversary()
    hears_flow(spy, told)
    hears_survival(spy, told, plan, infused)
    hears_landmark(spy, told)
    hears_ticks(spy, told, plan)
    for by in plan.by or ("",):
        suffix = f"_by_{by}" if by else ""
        hears_table_1(spy, told[f"table_1{suffix}"], by)
        hears_rates(spy, told[f"best_response{suffix}"].frame, "Best confirmed response", "best", by)
        status = told[f"mrd{suffix}"].frame.filter(pl.col("kind") == "Best status")
        totals = dict(status.select("group", "total").unique(maintain_order=True).iter_rows())
        hears_partition(spy, status, "mrd", "level", totals, by)
    for name in ("crs_icans", "blood_counts"):
        frame = told[name].frame
        for (kind,), rows in frame.group_by("kind", maintain_order=True):
            levels = rows.filter(~pl.col("level").str.contains(", of "))
            hears_partition(spy, levels, (name, kind), "level", {levels["group"][0]: infused}, "")
    hears_blocks(spy, told["quality_observation"], "block", "state", "patients")
    return spy


@pytest.mark.parametrize(
    ("k", "by"),
    [(3, ()), (5, ("product",)), (5, ("emd", "light_chain")), (8, ("prior_bcma",)), (11, ("risk",))],
)
def test_no_small_count_can_be_worked_out(k: int, by: tuple[str, ...], demo: Gathered):  # noqa: F811
    plan = plan_of(by=by, min_cell=k)
    told = tables_of(demo, plan)
    found = adversary(told, plan, first_infusions(demo.cohort).height).finds(k)
    assert not found, "\n".join(map(str, found))


def test_the_adversary_finds_what_is_told_openly(demo: Gathered):  # noqa: F811
    """The same, of a study that keeps nothing back: the adversary is not blind."""
    plan = plan_of(by=("product",))
    found = adversary(tables_of(demo, plan), plan, first_infusions(demo.cohort).height).finds(5)
    kinds = {str(name[0]) for name, _ in found if isinstance(name, tuple)}
    assert len(found) > 20 and {"best", "at risk"} <= kinds


def test_the_adversary_solves_a_pair():
    """42 in all, 40 shown: two hidden counts of which nothing else is known are 0 to 2; their sum is 2, and small."""
    spy = Adversary()
    spy.hears("all", 42)
    spy.hears("shown", 40)
    spy.hears("a", MARK)
    spy.hears("b", MARK)
    spy.adds("all", ["shown", "a", "b"])
    assert spy.finds(5) == [(("sum of", ("a", "b")), 2)]


def test_no_file_and_no_note_has_the_marks_of_before(demo: Gathered, tmp_path: Path):  # noqa: F811
    """One mark for every count that is kept back, small or not."""
    plan = plan_of(by=("product",), min_cell=5)
    for table in tables_of(demo, plan).values():
        frames = [table.frame, *([] if table.shown is None else [table.shown])]
        text = " ".join(frame.write_csv() for frame in frames) + " ".join(table.notes)
        assert not re.search(r"(?<![\w.])[<≥>]=?5\b", text), table.name
