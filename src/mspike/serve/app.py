"""The web application over one open registry, for one person on their own machine. Its pages need no JavaScript."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from mspike.knowledge.criteria import editions
from mspike.report.criteria import declared_rules
from mspike.report.options import REGIONS
from mspike.serve.desk import Desk, Waiting
from mspike.serve.guard import Guard
from mspike.serve.hall import Hall
from mspike.serve.pages import rendered, style
from mspike.serve.patient import chart_of, line_page, patient_page
from mspike.serve.worklist import QUEUES, ROWS_A_PAGE, Row

SECONDS = 2  # until a page that waits for a worker asks again
# The M-spike, for the tab of the browser; a data: address would need a weaker policy.
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<path d="M1 14C5 14 6 12 7 2h1c1 10 2 12 7 12" fill="none" stroke="#1B6CA8" stroke-width="2"/></svg>'
)
SAYS_NOTHING = ("Not Found", "Method Not Allowed")
LOOK_KEPT = "public, max-age=31536000, immutable"  # its address changes with its content


def app_of(hall: Hall) -> FastAPI:
    """The application that serves this registry. It closes the hall when it stops."""
    desk = Desk(hall)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # the worklist is for good: collecting garbage among it again and again held pages up
        yield
        desk.close()
        hall.close()

    # The documentation that FastAPI brings loads its script from elsewhere; ours comes with the API.
    app = FastAPI(title="mspike", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Guard)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _problem_page(hall))
    _add_lists(app, hall)
    _add_patient(app, hall, desk)
    _add_rest(app, hall)
    return app


def _add_lists(app: FastAPI, hall: Hall) -> None:
    @app.get("/", response_class=HTMLResponse)
    async def worklist(show: str = "progressed", page: int = 1) -> HTMLResponse:
        queue = next((q for q in QUEUES if q.name == show), None)
        if queue is None:
            raise HTTPException(404, f"There is no list of that name; the lists are {', '.join(hall.queues)}.")
        rows = hall.queues[queue.name]
        last = max(1, -(-len(rows) // ROWS_A_PAGE))
        if not 1 <= page <= last:
            raise HTTPException(404, f"This list has {last} pages.")
        first = (page - 1) * ROWS_A_PAGE
        return HTMLResponse(
            rendered("worklist.html.j2", hall=hall, queue=queue, rows=rows[first : first + ROWS_A_PAGE], first=first,
                     total=len(rows), page=page, last=last)
        )  # fmt: skip

    @app.post("/find")
    async def find(patient: Annotated[str, Form(max_length=200)] = "") -> Response:
        token = hall.tokens.get(patient.strip())
        if token is None:
            raise HTTPException(404, "No patient of this registry has that id. Ids are compared letter by letter.")
        return RedirectResponse(f"/patient/{token}", status_code=303)


def _add_patient(app: FastAPI, hall: Hall, desk: Desk) -> None:
    def row_of(token: str) -> Row:
        row = hall.patient(token)
        if row is None:
            raise HTTPException(404, "No such patient here. The registry may have changed since this link was made.")
        return row

    @app.get("/patient/{token}", response_class=HTMLResponse)
    async def patient(token: str) -> HTMLResponse:
        return HTMLResponse(patient_page(hall, token, row_of(token)))

    @app.get("/patient/{token}/line/{line}", response_class=HTMLResponse)
    async def line_of(token: str, line: int) -> HTMLResponse:
        page = line_page(hall, token, row_of(token), line)
        if page is None:
            raise HTTPException(404, "This patient has no line of therapy of that number.")
        return HTMLResponse(page)

    @app.get("/patient/{token}/options", response_class=HTMLResponse)
    async def options(token: str, region: str = "US") -> HTMLResponse:
        row = row_of(token)
        if region not in REGIONS:
            raise HTTPException(404, f"Labels are known for {' and '.join(REGIONS)}.")
        told = desk.options(token, row["patient_id"], region)
        if isinstance(told, Waiting):
            page = rendered("waiting.html.j2", hall=hall, row=row, token=token, region=region, before=told.before)
            return HTMLResponse(page, status_code=202, headers={"refresh": str(SECONDS)})
        return HTMLResponse(
            rendered("options.html.j2", hall=hall, row=row, token=token, region=region, told=told, regions=REGIONS)
        )

    @app.get("/chart/{token}.svg")
    async def chart(token: str) -> Response:
        row_of(token)
        return Response(
            chart_of(hall, token), media_type="image/svg+xml", headers={"cache-control": "private, max-age=600"}
        )


def _add_rest(app: FastAPI, hall: Hall) -> None:
    @app.get("/criteria/{edition}", response_class=HTMLResponse)
    async def criteria(edition: str) -> HTMLResponse:
        if edition not in editions():
            raise HTTPException(404, f"There is no edition of that name; there are {', '.join(editions())}.")
        return HTMLResponse(
            rendered("criteria.html.j2", hall=hall, edition=edition, editions=editions(), rules=declared_rules(edition))
        )

    @app.get("/look.css")
    async def look() -> Response:
        return Response(style()[0], media_type="text/css", headers={"cache-control": LOOK_KEPT})

    @app.get("/mark.svg")
    async def mark() -> Response:
        return Response(MARK, media_type="image/svg+xml", headers={"cache-control": LOOK_KEPT})

    @app.get("/health")
    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok")


def _problem_page(hall: Hall) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def problem_page(_: Request, problem: Exception) -> Response:
        """What went wrong and what to do; never the address or what was typed."""
        status, words = 404, "There is no page here."
        if isinstance(problem, HTTPException):
            status = problem.status_code
            words = words if problem.detail in SAYS_NOTHING else str(problem.detail)
        if isinstance(problem, RequestValidationError):
            status, words = 422, "The address or the form holds something that is not expected here."
        return HTMLResponse(rendered("problem.html.j2", hall=hall, words=words), status_code=status)

    return problem_page
