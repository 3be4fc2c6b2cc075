"""SYNTHETIC: a small literal packet with every kind of block, and text that no page and no document must obey."""

from __future__ import annotations

from dataclasses import replace

import altair as alt

from mspike.figures.saved import PRINT_WIDTH, Figure, dressed
from mspike.packet.blocks import Bullets, Drawing, Facts, Grid, Heading, Packet, PageBreak, Paragraph

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
TURNED = "SYN\u202e1\x07"  # a mark that turns the text around it, and a bell
SAYS = "The M-protein fell from 2.1 to 0.2 g/dL and rose again to 1.4 by day 142."


def chart() -> Figure:
    rows = [(0, 2.1), (30, 0.2), (90, 0.3), (142, 1.4)]
    drawn = alt.Chart(alt.Data(values=[{"day": day, "m": m} for day, m in rows])).mark_line(point=True)
    axes = {"x": alt.X("day:Q", title="Days from infusion"), "y": alt.Y("m:Q", title="Serum M-protein, g/dL")}
    return dressed(drawn.encode(**axes).properties(width=PRINT_WIDTH - 60, height=220), "SYNTHETIC & <b>invented</b>")


def drawing() -> Drawing:
    twin = Grid("M-protein by day (SYNTHETIC)", ("Day", "Serum M, g/dL"), (("0", "2.1"), ("30", None)), right=("Day",))
    return Drawing("timeline", "M-protein over time (SYNTHETIC)", chart(), SAYS, twin)


def results(rows: int = 60) -> Grid:
    body = tuple((f"2024-0{1 + n % 9}-15", "serum_m", f"{n / 10:.1f}", "g/dL", None) for n in range(rows))
    heads = ("Date", "Analyte", "Value as reported", "Unit", "Method")
    return Grid("All results (SYNTHETIC)", heads, body, right=("Value as reported",), notes=("As reported.",))


def wide() -> Grid:
    heads = tuple(f"Column {n} of a table" for n in range(1, 11))
    cells = tuple(f"a longer text of the cell number {n}" for n in range(1, 11))
    return Grid("Ten columns of sentences (SYNTHETIC)", heads, (cells, cells))


def packet(*, plain: bool = False, synthetic: bool = True) -> Packet:
    blocks = (
        Paragraph("Progressed 142 days after ide-cel, confirmed on day 170; BCMA not tested since [1].", "lead"),
        Paragraph("Calcium is due since 2024-05-01.", "alarm"),
        Heading("What happened"),
        Facts((("Product", "ide-cel"), ("Age", None), ("Sent by", EVIL), ("Target", "not tested"))),
        Paragraph("The nadir was 0.2 g/dL, range [3, 12]; see [2] and [99], https://www.myeloma.org for more."),
        Paragraph("A note in small type.", "note"),
        Bullets(("First thing.", "Second thing, " + EVIL)),
        Heading("Steps", 3),
        Bullets(("One.", "Two."), ordered=True),
        Bullets(("Again one.", "Again two."), ordered=True),
        Grid("Courses (SYNTHETIC)", ("Line", "Agents", "Days"), (("1", "VRd & <b>co</b>", "142"), ("2", None, "")),
             right=("Days",), notes=("Days are from the infusion [2].",)),
        PageBreak(),
        Heading("Timeline", id="timeline"),
        drawing(),
        Heading("What happened"),
        results(),
        wide(),
        Grid("Nothing <on> record", ("A", "B"), ()),
    )  # fmt: skip
    return Packet(
        title=f"Tumour board: patient {TURNED} </style><script>alert(1)</script>",
        head=f"Patient {TURNED} · as of 2024-05-31 · mspike 0.1.0",
        blocks=blocks,
        references=(
            "1. Kumar S. Lancet Oncol 2016;17:e328-46. doi:10.1016/S1470-2045(16)30206-6",
            "[2] Another <one>.",
        ),
        stamp={"mspike": "0.1.0", "edition": "imwg-2016", "registry": "/home/someone/secret-folder/exa<mple"},
        synthetic=synthetic,
        plain=plain,
    )


def small(**changed: object) -> Packet:
    """A packet without a figure and without a long table: quick to write."""
    return replace(packet(), **{"title": "SYNTHETIC packet", "blocks": packet().blocks[:4], **changed})  # type: ignore[arg-type]
