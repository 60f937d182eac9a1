"""The page about the API: all that ``/openapi.json`` describes, for people, and nothing from elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from bs4 import BeautifulSoup, Tag

from bridge.domain.model import EventType
from bridge.domain.settings.external_url import parse_external
from bridge.server.auth import Access
from tests.world.api import SHOWN, TOKEN, Api
from tests.world.records import NOW, fail_some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store

OUTSIDE = "https://bridge.example.com/wa"


@pytest.fixture
def api(sqlite_store: Store) -> Iterator[Api]:
    with Api(sqlite_store, Access(token=TOKEN)).running() as running:
        yield running


def docs(api: Api, path: str = "/docs", **headers: str) -> BeautifulSoup:
    answer = api.ask("GET", path, headers=headers)
    assert answer.status_code == 200, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def calls(api: Api) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api.get("/openapi.json")["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def part(page: BeautifulSoup, id_: str) -> Tag:
    found = page.find(id=id_)
    assert isinstance(found, Tag), id_
    return found


@pytest.mark.slow
def test_every_call_is_described(api: Api) -> None:
    page = docs(api)
    for method, path, call in calls(api):
        shown = part(page, call["operationId"])
        assert words(shown.select(".line")[0]).removesuffix(" token") == f"{method} {path}"
        assert ("token" in [words(pill) for pill in shown.select(".pill")]) == ("security" in call)
        assert call["description"].split("`")[0].split("\n")[0].strip() in words(shown)
        named = {words(name) for name in shown.select("dt > code:first-child")}
        assert {each["name"] for each in call.get("parameters", ())} <= named
        for status in call["responses"]:
            assert status in words(shown)


@pytest.mark.slow
def test_what_is_allowed_is_said(api: Api) -> None:
    listed = words(part(docs(api), "list_messages"))
    assert "status list: pending, sent, failed, cancelled, expired, unknown or unseen Only messages" in listed
    assert "limit integer (1 to 1,000), default 50 Maximum number of items" in listed
    assert "since time From this time on (with a time zone). Example: 2026-12-24T09:00:00+05:30" in listed
    handed = words(part(docs(api), "watch_messages"))
    assert "id integer (1 to 9,007,199,254,740,991) or text required" in handed
    assert "label text (up to 1,000 characters) or null Your own text" in handed


@pytest.mark.slow
def test_every_event_is_described(api: Api) -> None:
    page = docs(api)
    for type_ in EventType:
        shown = part(page, f"receive_{type_.replace('.', '_')}")
        assert words(shown.select("h3")[0]) == type_
        (example,) = [json.loads(each.get_text()) for each in shown.select("pre")]
        assert example["type"] == type_
        named = {words(name) for name in shown.select("dt > code:first-child")}
        assert example["data"].keys() <= named
    assert "webhook-signature" in words(page)


@pytest.mark.slow
def test_examples_of_bodies_are_allowed(api: Api) -> None:
    page, described = docs(api), api.get("/openapi.json")
    for _, _, call in calls(api):
        shown = [json.loads(each.get_text()) for each in part(page, call["operationId"]).select("pre")[:-1]]
        assert bool(shown) == ("requestBody" in call)
        for example in shown:
            schema = call["requestBody"]["content"]["application/json"]["schema"]
            jsonschema_rs.validator_for({**schema, "components": described["components"]}).validate(example)


@pytest.mark.slow
def test_curl_lines_are_taken(api: Api) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    fail_some(api.store, [12345, 12346], NOW)
    page = docs(api)
    for _, _, call in calls(api):
        line = part(page, call["operationId"]).select("pre")[-1].get_text()
        more = "-s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 1"
        ran = subprocess.run(
            ["sh", "-c", line.replace("curl", f"curl {more}", 1)],
            env={"WBIZ_BRIDGE_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout in {"200", "202", "204", "404", "409"}, (line, ran)


@pytest.mark.slow
def test_links_lead_somewhere(api: Api) -> None:
    page = docs(api)
    ids = [str(each["id"]) for each in page.find_all(id=True)]
    assert len(set(ids)) == len(ids)
    links = [str(each["href"]) for each in page.select("main a[href]")]
    assert {link for link in links if not link.startswith("#")} == {"./openapi.json"}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)
    assert [words(each) for each in page.select("footer a")] == ["What statuses mean", "Health", "Metrics", "API"]


@pytest.mark.slow
def test_it_needs_no_script_and_nothing_from_elsewhere(api: Api) -> None:
    answer = api.ask("GET", "/docs")
    page = BeautifulSoup(answer.text, "html.parser")
    assert not page.select("script, style, [style], iframe")
    for tag in page.select("link[href], img[src]"):
        assert str(tag.get("href") or tag.get("src")).startswith("./page/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert api.ask("HEAD", "/docs").status_code == 200


@pytest.mark.slow
def test_behind_a_reverse_proxy_it_shows_the_address_outside(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access("127.0.0.1", TOKEN, parse_external(OUTSIDE))).running() as api:
        assert api.ask("GET", "/wa/docs", headers={}).status_code == 401
        for path in ("/wa/docs", "/docs"):
            page = docs(api, path, **SHOWN)
            assert f"curl '{OUTSIDE}/v1/messages?status=failed'" in words(part(page, "list_messages"))
            assert "$WBIZ_BRIDGE_TOKEN" in words(part(page, "list_messages"))
            assert str(page.select("main a[href$='openapi.json']")[0]["href"]) == "./openapi.json"


@pytest.mark.slow
def test_a_host_with_odd_letters_does_no_harm_in_a_shell(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access("0.0.0.0", TOKEN)).running() as api:
        page = docs(api, **SHOWN, Host="a;reboot")
        assert "curl 'http://a;reboot/v1/messages?status=failed'" in words(part(page, "list_messages"))
