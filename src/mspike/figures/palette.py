"""Colours and marks of every figure: the IMWG categories, classes of therapy, groups that are compared.

Colour is never the only channel: a category has its own mark, a group its own dash, a class of therapy its name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

INK, MUTED, LINE, GROUND = "#1A1A1A", "#5C6670", "#D9DEE3", "#FFFFFF"
ACCENT, ALARM = "#1B6CA8", "#C8343F"  # alarm: progression, overdue and danger only
FONT = "Inter, Arial, Helvetica, sans-serif"
READABLE = 4.5  # contrast of text to its ground, at least (WCAG 2.1, level AA)


def _polygon(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.3f},{y:.3f}" for x, y in points) + "Z"


def _star() -> str:
    corners = [(1.0 if corner % 2 == 0 else 0.42, math.pi * corner / 5) for corner in range(10)]
    return _polygon([(radius * math.sin(turn), -radius * math.cos(turn)) for radius, turn in corners])


def _cross() -> str:
    a, b = 0.95, 0.3  # end and half width of an arm
    upright = [
        (-b, -a),
        (b, -a),
        (b, -b),
        (a, -b),
        (a, b),
        (b, b),
        (b, a),
        (-b, a),
        (-b, b),
        (-a, b),
        (-a, -b),
        (-b, -b),
    ]
    half = math.sqrt(0.5)
    return _polygon([(half * (x - y), half * (x + y)) for x, y in upright])


# Shapes are drawn as paths, not as letters: a machine without the glyph would print an empty box.
BAR = "M-1,-0.38H1V0.38H-1Z"
DAGGER = "M-0.2,-1H0.2V-0.5H0.7V-0.1H0.2V1H-0.2V-0.1H-0.7V-0.5H-0.2Z"


@dataclass(frozen=True)
class Category:
    """A category of response: its colour, its mark in text and the same mark as a shape of Vega."""

    name: str
    colour: str
    mark: str
    shape: str

    @property
    def fill(self) -> str:
        """Unknown is hollow, never a blank and never a colour of its own."""
        return GROUND if self.name == "NE" else self.colour


CATEGORIES = (
    Category("sCR", "#0B3C5D", "★", _star()),
    Category("CR", "#1B6CA8", "●", "circle"),
    Category("VGPR", "#4AA3DF", "◆", "diamond"),
    Category("PR", "#A6D3F2", "■", "square"),
    Category("MR", "#CFE3C8", "▲", "triangle-up"),
    Category("SD", "#E9DFB3", "▬", BAR),
    Category("PD", ALARM, "✖", _cross()),
    Category("NE", "#B8BEC4", "○", "circle"),
)
BY_NAME = {category.name: category for category in CATEGORIES}
NE = BY_NAME["NE"]


def category(name: str | None) -> Category:
    """The category of that name; what is not stated is not evaluable."""
    return BY_NAME.get(name or "NE", NE)


def contrast(one: str, other: str) -> float:
    """How well two colours (#RRGGBB) stand apart, 1 to 21 (relative luminance of WCAG 2.1)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def text_on(colour: str) -> str:
    """Ink or white, whichever can be read on that ground."""
    return max((INK, GROUND), key=lambda text: contrast(text, colour))


@dataclass(frozen=True)
class Band:
    """A class of therapy as a pale band: its name and its lightness."""

    name: str
    colour: str


# One hue, lighter from class to class; none of the hues of the categories, so that a band is no response.
_SHADES = ("#8F85B5", "#9B92BD", "#A79FC6", "#B3ACCE", "#BFB9D6", "#CBC6DE", "#D7D3E6", "#E2DFEE")
_BANDS = ("CAR-T", "bispecific", "ADC", "anti-CD38", "IMiD/CELMoD", "PI", "alkylator/transplant", "other therapy")
BANDS = {name: Band(name, shade) for name, shade in zip(_BANDS, _SHADES, strict=True)}
# Classes of mspike.cohort (SALVAGE_CLASSES) and of knowledge/therapies/agents.yaml, and the band each is shown in.
_BAND_OF = {
    "car_t": "CAR-T", "adc": "ADC", "anti_cd38": "anti-CD38", "anti_CD38": "anti-CD38", "imid_celmod": "IMiD/CELMoD",
    "IMiD": "IMiD/CELMoD", "CELMoD": "IMiD/CELMoD", "pi": "PI", "alkylator_transplant": "alkylator/transplant",
    "alkylator": "alkylator/transplant", "transplant": "alkylator/transplant",
}  # fmt: skip


def band(therapy: str) -> Band:
    """The band of a class of therapy, by the class or by the name of the band."""
    return BANDS.get(_BAND_OF.get(therapy, therapy), BANDS["other therapy"])


@dataclass(frozen=True)
class Stroke:
    """How the line of a group is drawn: colour and dash (pixels on, pixels off)."""

    colour: str
    dash: tuple[int, ...]


# Blue, black, orange-brown, green, purple and on: apart for the colour-blind and never the alarm red.
STROKES = (
    Stroke(ACCENT, (1, 0)),
    Stroke(INK, (6, 3)),
    Stroke("#A65E00", (2, 2)),
    Stroke("#00715A", (9, 3, 2, 3)),
    Stroke("#85479B", (12, 4)),
    Stroke("#3D7FB8", (4, 2, 1, 2)),
    Stroke(MUTED, (1, 3)),
    Stroke("#5F6F00", (8, 2, 2, 2, 2, 2)),
)
