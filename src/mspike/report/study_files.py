"""A study as a folder: the page, each table as CSV, each figure as a file; study.json: what was asked and answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mspike import INTENDED_USE
from mspike.errors import WrongUsage
from mspike.report.study_figures import Drawing, drawings, kinds_asked, write_figure
from mspike.report.study_page import page_of
from mspike.write.place import MADE, put_in_place, refuse_out, room_beside
from mspike.write.table import flat

if TYPE_CHECKING:
    from mspike.study.parts import StudyTable
    from mspike.study.study import Study

PAGE, TOLD = "study.html", "study.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_OURS = re.compile(rf"{re.escape(PAGE)}|{re.escape(TOLD)}|tables/[a-z0-9_]+\.csv|figures/[a-z0-9_]+\.(svg|png|pdf)")
# A spreadsheet runs a cell that begins so; a number may begin so and stays one.
_FORMULA, _FIGURE = r"^\s*[=+\-@\t\r]", r"^\s*[+\-]?[0-9][0-9.,]*\s*%?$"


def refuse_place(registry: Path, out: Path) -> None:
    """Raises WrongUsage, before any work, where `out` is the registry, a file, or holds a page of somebody else."""
    refuse_out(registry, out)
    ours = files_of_a_study(out)
    if foreign := [name for name in (PAGE, TOLD) if (out / name).exists() and name not in ours]:
        raise WrongUsage(
            f"--out {out} holds {' and '.join(foreign)}, not known to be of an earlier study. Choose another folder, "
            "or move these files away."
        )


def write_study(
    study: Study,
    out: Path,
    figures: Sequence[str] = ("svg",),
    *,
    plan: Mapping[str, Any] | None = None,
    progress: Drawing | None = None,
) -> dict[str, Any]:
    """Writes study.html, tables/*.csv, figures/* and study.json into `out`; returns what study.json holds.

    figures  kinds of file a figure is also written as: svg, png, pdf; none of them: the page only
    plan     what was asked, for study.json
    progress told the name of each figure before it is drawn

    An earlier study in the folder is replaced, files of others are kept, and a killed run leaves the folder as it was.
    Raises WrongUsage where a file of somebody else has the name of one of ours.
    """
    kinds, tables = kinds_asked(figures), _tables(study)
    drawn = drawings(study, progress)
    with room_beside(out) as room:
        made = room / MADE
        (made / PAGE).write_text(page_of(study, drawn), encoding="utf-8")
        for name, table in tables.items():
            _write_csv(table.frame, made / "tables" / f"{name}.csv")
        for name, svg in drawn.items():
            for kind in kinds:
                (made / "figures").mkdir(exist_ok=True)
                write_figure(svg, made / "figures" / f"{name}.{kind}")
        told = _told(study, plan, sorted([*_names(made), TOLD]))
        (made / TOLD).write_text(_json(told), encoding="utf-8")
        earlier = files_of_a_study(out)
        begun = {**told, "complete": False, "files": sorted({*earlier, *told["files"]})}
        put_in_place(room, out, earlier, TOLD, _json(begun))
    return told


def files_of_a_study(folder: Path) -> set[str]:
    """The files that an earlier study wrote there, as its study.json says; none without a study.json of ours."""
    try:
        told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(told, dict) or not isinstance(told.get("stamp"), dict) or "mspike" not in told["stamp"]:
        return set()
    listed = told.get("files")
    # The list may have been edited: nothing outside our own kinds of names is ever replaced or removed.
    return {TOLD, *(name for name in listed if isinstance(name, str) and _OURS.fullmatch(name))} if listed else {TOLD}


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as CSV may hold it: text that a spreadsheet would run as a formula starts with an apostrophe."""
    plain = flat(frame)
    kinds = (pl.Categorical, pl.Enum)
    plain = plain.with_columns(pl.col(n).cast(pl.String) for n, k in plain.schema.items() if isinstance(k, kinds))
    texts = [name for name, kind in plain.schema.items() if kind == pl.String]
    risky = {name: pl.col(name).str.contains(_FORMULA) & ~pl.col(name).str.contains(_FIGURE) for name in texts}
    plain = plain.with_columns(
        pl.when(risky[name]).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name) for name in texts
    )
    return plain.rename({name: f"'{name}" for name in plain.columns if re.match(_FORMULA, name)})


def _write_csv(frame: pl.DataFrame, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    without_formulas(frame).write_csv(file)


def _tables(study: Study) -> dict[str, StudyTable]:
    """Every table by its name. Two of one name would overwrite each other: a defect, not a mistake of the user."""
    tables = [table for section in study.sections for table in section.tables]
    names = [table.name for table in tables]
    figures = [figure.name for section in study.sections for figure in section.figures]
    sections = [section.id for section in study.sections]
    for given in (names, figures):
        if wrong := sorted({name for name in given if given.count(name) > 1 or not _NAME.fullmatch(name)}):
            raise ValueError(f"names of files that are double or not plain: {', '.join(wrong)} (sections {sections})")
    return dict(zip(names, tables, strict=True))


def _told(study: Study, plan: Mapping[str, Any] | None, files: list[str]) -> dict[str, Any]:
    sections = [
        {
            "id": section.id, "title": section.title, "says": section.says, "refused": section.refused,
            "tables": [table.name for table in section.tables], "figures": [f.name for f in section.figures],
        }
        for section in study.sections
    ]  # fmt: skip
    return {
        "title": study.title, "answer": study.answer, "synthetic": study.synthetic, "stamp": study.stamp,
        "plan": dict(plan or {}), "sections": sections, "methods": study.methods, "references": study.references,
        "complete": True, "files": files,
        "tables": [name for name in files if name.startswith("tables/")],
        "figures": [name for name in files if name.startswith("figures/")], "intended_use": INTENDED_USE,
    }  # fmt: skip


def _names(made: Path) -> list[str]:
    return [path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()]


def _json(told: Mapping[str, Any]) -> str:
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
