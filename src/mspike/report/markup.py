"""Small pieces of markup that every page needs: a string of CSS, a reference with its link."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_DOI = re.compile(r"\b(?:doi:\s?|https://doi\.org/)(10\.\d{4,9}/[^\s<>\"]*[^\s<>\".,;)])", re.IGNORECASE)
_NUMBER = re.compile(r"^\s*\[?\d+[.\])]\s+")


def css_text(text: str) -> Markup:
    """A string of CSS. What is no plain letter goes by its number, so that no text can end the string or the style."""
    return Markup('"{}"').format("".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text))


def linked(text: str) -> Markup:
    """A reference with its DOI as a link."""
    return Markup(_DOI.sub(r'<a href="https://doi.org/\1">doi:\1</a>', str(escape(text))))


def bare(reference: str) -> str:
    """A reference without its number: the list counts itself."""
    return _NUMBER.sub("", reference)
