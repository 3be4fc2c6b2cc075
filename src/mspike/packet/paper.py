"""A packet as a tagged PDF: the same page, set on A4 by WeasyPrint, without any request."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from mspike.errors import MspikeError
from mspike.packet.blocks import Packet
from mspike.packet.pages import page_of
from mspike.packet.shown import MADE_BY

NO_PANGO = (
    "A PDF cannot be written here: {found}. WeasyPrint with Pango is needed: on Debian or Ubuntu "
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0. "
    "Or name the file .html and print it from a browser, or .docx."
)


def paper_of(packet: Packet) -> bytes:
    """The packet as a PDF for people who see it and for programs that read it out (PDF/UA-1).

    The same packet with the same fonts gives the same bytes. Its last line is a comment that says who made it; a
    program that changes a PDF writes behind it. Raises MspikeError where Pango is lacking.
    """
    weasyprint = _weasyprint()
    html = weasyprint.HTML(string=page_of(packet, paper=True), url_fetcher=_only_what_is_inside)
    return bytes(html.write_pdf(pdf_variant="pdf/ua-1")).rstrip() + f"\n% {MADE_BY}\n".encode()


def _weasyprint() -> ModuleType:
    try:
        import weasyprint
    except (ImportError, OSError) as lack:  # OSError: the package is there, Pango is not
        raise MspikeError(NO_PANGO.format(found=str(lack).splitlines()[0])) from None
    return weasyprint


def _only_what_is_inside(url: str) -> Any:
    """Pictures inside the page are read; nothing is asked of a disk or a network."""
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols=["data"], allow_redirects=False).fetch(url)
