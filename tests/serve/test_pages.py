"""Pages as a browser on this machine gets them: what stands in them, what never does, and who is refused."""

from __future__ import annotations

import re
import time

import pytest

from mspike.serve.app import app_of
from mspike.serve.guard import POLICY
from mspike.serve.hall import Hall, open_hall

NASTY = "SYNTHETIC-<script>alert(1)</script>"


def paths(hall: Hall) -> list[str]:
    token = next(iter(hall.rows))
    line = hall.rows[token]["line"] or 1
    return [
        "/",
        "/?show=all",
        f"/patient/{token}",
        f"/patient/{token}/line/{line}",
        "/criteria/imwg-2016",
        "/criteria/imwg-2006",
    ]


def test_every_page_opens_and_asks_nothing_of_elsewhere(ask, hall):
    for path in paths(hall):
        answer = ask(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//|<script|style=", answer.text), path
        assert answer.text.count("<h1>") == 1


def test_every_patient_has_a_page_that_says_what_is_not_known(ask, hall):
    for token, row in hall.rows.items():
        page = ask(f"/patient/{token}").text
        assert f"<h1>{row['patient_id']}</h1>" in page
        assert "None" not in re.sub(r"<[^>]*>", "", page)
        assert "<td></td>" not in page


def test_no_id_of_a_patient_stands_in_an_address_or_a_title(ask, hall):
    ids = list(hall.tokens)
    for path in paths(hall):
        text = ask(path).text
        places = re.findall(r"(?:href|src|action)=\"([^\"]*)\"", text) + re.findall(r"<title>(.*?)</title>", text)
        assert not [p for p in places if any(i in p for i in ids)]


def test_a_patient_is_found_by_id_without_the_id_in_the_address(ask, hall):
    patient, token = next(iter(hall.tokens.items()))
    answer = ask("/find", "POST", data={"patient": f" {patient} "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patient/{token}")


def test_an_error_page_repeats_nothing_that_was_sent(ask):
    for answer in (ask("/find", "POST", data={"patient": "SECRET"}), ask("/patient/SECRET"), ask("/SECRET"),
                   ask("/?show=SECRET"), ask("/patient/x/line/SECRET"), ask("/?page=SECRET")):  # fmt: skip
        assert answer.status_code in (404, 422)
        assert "SECRET" not in answer.text


def test_a_fault_tells_its_place_and_nothing_of_a_patient(ask, hall, monkeypatch, caplog):
    def fails(*_):
        raise ValueError("SECRET value 2.8")

    monkeypatch.setattr("mspike.serve.app.patient_page", fails)
    answer = ask(f"/patient/{next(iter(hall.rows))}")
    assert (answer.status_code, answer.headers["content-security-policy"]) == (500, POLICY)
    assert "ValueError at test_pages.py" in caplog.text
    assert "SECRET" not in answer.text + caplog.text
    assert not any(patient in repr(hall) for patient in hall.tokens)


def test_a_page_beyond_the_list_is_refused(ask):
    assert ask("/?show=all&page=2").status_code == 404
    assert ask("/?show=all&page=0").status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.1", "[", ""])
def test_another_name_for_this_machine_is_refused(ask, host):
    assert ask("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "head", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_form_of_another_page_is_refused(ask, hall, head):
    data = {"patient": next(iter(hall.tokens))}
    assert ask("/find", "POST", data=data, headers=head).status_code == 403
    assert ask("/find", "POST", data=data, headers={"origin": "http://127.0.0.1:8000"}).status_code == 303


def test_a_body_that_is_no_form_is_refused(ask):
    assert ask("/find", "POST", data={"patient": "x" * 20_000}).status_code == 413


def test_the_worklist_counts_what_the_pages_list(ask, hall):
    page = ask("/?show=overdue").text
    rows = [r for r in hall.rows.values() if r["overdue"] and not r["died"]]
    assert rows
    assert page.count('<th scope="row">') == len(rows)


def test_the_drawing_is_kept(ask, hall):
    token = next(iter(hall.rows))
    first = ask(f"/chart/{token}.svg")
    assert first.headers["content-type"] == "image/svg+xml"
    assert (hall.folder / "charts" / f"{token}.svg").read_bytes() == first.content


def test_options_are_worked_out_once_and_the_page_says_so(ask, hall):
    token = next(t for t, r in hall.rows.items() if not r["died"])
    first = ask(f"/patient/{token}/options?region=US")
    assert (first.status_code, first.headers["refresh"]) == (202, "2")
    assert "Being worked out" in first.text
    until = time.monotonic() + 90
    while (answer := ask(f"/patient/{token}/options?region=US")).status_code == 202 and time.monotonic() < until:
        time.sleep(0.5)
    assert answer.status_code == 200
    assert "Each option with its reasons" in answer.text
    assert (hall.folder / "options" / f"{token}-US.json.z").exists()
    assert ask(f"/patient/{token}/options?region=../../x").status_code == 404


def test_text_of_a_registry_is_never_markup(tmp_path):
    folder = tmp_path / "nasty"
    folder.mkdir()
    (folder / "patients.csv").write_text(f'patient_id,sex\n"{NASTY}",female\n')
    (folder / "treatments.csv").write_text(
        f'patient_id,start_date,agent,role\n"{NASTY}",2024-01-01,"<img src=x onerror=alert(2)>",infusion\n'
    )
    opened = open_hall(folder, tmp_path / "house")
    import asyncio

    import httpx

    async def pages() -> list[str]:
        transport = httpx.ASGITransport(app=app_of(opened))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            token = next(iter(opened.rows))
            urls = ("/?show=all", f"/patient/{token}", f"/chart/{token}.svg", f"/patient/{token}/line/1")
            return [(await client.get(url)).text for url in urls]

    for page in asyncio.run(pages()):
        assert "<script" not in page
        assert "<img src=x" not in page
    opened.close()
