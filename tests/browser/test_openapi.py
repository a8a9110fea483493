"""openapi.json against the table of routes and the running server, route by route."""
import json
import re

import pytest

from tiffin_stack import ROOT

jsonschema = pytest.importorskip("jsonschema", reason="no python3-jsonschema: make deps-browser")

SPEC = json.loads((ROOT / "html" / "openapi.json").read_text())
OPERATIONS = {(method.upper(), path): operation for path, item in SPEC["paths"].items()
              for method, operation in item.items()}
PAGES = {"/", "/docs", "/openapi.json", "/track/{order_id}"}
CHAT = "/ws/support-chat"  # the bridge's, and no ordinary request
KNOWN = {"restaurant_id": "resto_123", "user_id": "123"}
UNKNOWN = {"restaurant_id": "resto_none", "user_id": "nobody", "order_id": "order_00" + "a" * 20}


def resolve(node):
    while "$ref" in node:
        target = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def check(value, schema):
    """By JSON Schema 2020-12, as OpenAPI 3.1 has it."""
    jsonschema.Draft202012Validator({**schema, "components": SPEC["components"]}).validate(value)


def content(operation, status):
    """(media type, its description) of an answer, (None, None) when it has no body."""
    response = resolve(operation["responses"][str(status)])
    return next(iter(response.get("content", {}).items()), (None, None))


def is_stream(operation):
    return "200" in operation["responses"] and content(operation, 200)[0] == "text/event-stream"


def fill(path, values):
    return re.sub(r"{(\w+)}", lambda hole: values[hole[1]], path)


def check_answer(operation, answer):
    """It is one of those described, in type, headers and shape."""
    assert str(answer.status) in operation["responses"], answer
    response = resolve(operation["responses"][str(answer.status)])
    for name in response.get("headers", {}):
        assert name in ("Idempotency-Replayed",) or answer.headers[name], (name, answer)
    media, description = content(operation, answer.status)
    if not media:
        return
    assert answer.headers["Content-Type"].split(";")[0] == media, answer
    if media.endswith("json"):
        check(answer.json, description["schema"])


@pytest.fixture
def order_id(site):
    return site.http.place().json["order_id"]


# ---- the description itself ---------------------------------------------------------------------

def test_every_route_is_described_and_nothing_else():
    source = (ROOT / "fcgi" / "api" / "routes.c").read_text()
    table = re.findall(r'\.method = "(\w+)",\s*\.pattern = "([^"]+)"', source)
    assert len(table) == source.count(".pattern =")
    described = {(method, re.sub(r"{\w+}", "{id}", path)) for method, path in OPERATIONS
                 if path not in PAGES and path != CHAT}
    assert described == set(table)


def test_it_is_sound():
    assert SPEC["openapi"].startswith("3.1.")
    ids = [o["operationId"] for o in OPERATIONS.values() if "operationId" in o]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in SPEC["tags"]}
    text = json.dumps(SPEC)
    for pointer in set(re.findall(r'"\$ref": "([^"]+)"', text)):
        resolve({"$ref": pointer})
    for schema in SPEC["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for (_, path), operation in OPERATIONS.items():
        assert set(operation["tags"]) <= tags and operation["summary"]
        parameters = [resolve(p) for p in operation.get("parameters", [])]
        assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
        for status in operation["responses"]:
            response = resolve(operation["responses"][status])
            assert response["description"]


@pytest.mark.parametrize("method, path", OPERATIONS)
def test_every_example_fits_its_schema(method, path):
    operation = OPERATIONS[method, path]
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for holder in [*bodies, *map(resolve, operation["responses"].values())]:
        for media, description in holder.get("content", {}).items():
            if "example" in description and media.endswith("json"):
                check(description["example"], description["schema"])


# ---- the running server -------------------------------------------------------------------------

@pytest.mark.parametrize("method, path", [
    key for key, o in OPERATIONS.items() if not is_stream(o) and key[1] != CHAT])
def test_a_good_request(site, method, path):
    operation = OPERATIONS[method, path]
    body = None
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["example"]
    with site.stack.frozen("worker"):  # or the kitchen might be quicker than a cancel
        order_id = site.http.place().json["order_id"]
        answer = site.http.request(method, fill(path, {**KNOWN, "order_id": order_id}), data=body)
    assert answer.status < 300, answer
    check_answer(operation, answer)


@pytest.mark.parametrize("method, path", [
    key for key in OPERATIONS if "{" in key[1] and key[1] not in PAGES])
def test_an_unknown_id(site, method, path):
    answer = site.http.request(method, fill(path, UNKNOWN))
    assert answer.status == 404
    check_answer(OPERATIONS[method, path], answer)


@pytest.mark.parametrize("method, path", [key for key in OPERATIONS if key[1] not in PAGES])
def test_another_method(site, order_id, method, path):
    answer = site.http.request("DELETE", fill(path, {**KNOWN, "order_id": order_id}))
    assert answer.status == 405
    if path != CHAT:
        check_answer(OPERATIONS[method, path], answer)


@pytest.mark.parametrize("path", [p for (m, p), o in OPERATIONS.items() if "requestBody" in o])
@pytest.mark.parametrize("status, body, headers", [
    (400, "{", {"Content-Type": "application/json"}),
    (415, "<a/>", {"Content-Type": "text/xml"}),
    (422, "{}", {"Content-Type": "application/json"}),
    (413, " " * 70000, {"Content-Type": "application/json"}),
])
def test_a_bad_body(site, path, status, body, headers):
    answer = site.http.post(path, body=body, headers=headers)
    assert answer.status == status, answer
    check_answer(OPERATIONS["POST", path], answer)


def test_an_order_that_is_too_late_to_cancel(site, order_id):
    assert site.http.follow(order_id)[-1].type == "end"
    answer = site.http.post(f"/order/{order_id}/cancel")
    assert answer.status == 409
    check_answer(OPERATIONS["POST", "/order/{order_id}/cancel"], answer)
    etag = site.http.get(f"/order/{order_id}").headers["ETag"]
    answer = site.http.get(f"/order/{order_id}", headers={"If-None-Match": etag})
    assert answer.status == 304 and "304" in OPERATIONS["GET", "/order/{order_id}"]["responses"]


# ---- streams ------------------------------------------------------------------------------------

SCHEMAS = SPEC["components"]["schemas"]


def test_the_streams_are_those_that_are_tested_here():
    assert {path for (_, path), o in OPERATIONS.items() if is_stream(o)} == {
        "/order/{order_id}/live-status", "/live-monitor", "/exhibits/waiter"}


def test_the_live_status(site, order_id):
    with site.http.live(order_id) as stream:
        events = list(stream)
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    for event in events[:-1]:
        check(event.json, SCHEMAS["OrderEvent"])
        assert event.id == str(event.json["version"])
    assert events[-1].type == "end" and set(events[-1].json) == {"status"}
    with site.http.live(order_id, last=events[-1].id) as stream:
        assert stream.status == 204


def test_the_waiter(site):
    operation = OPERATIONS["GET", "/exhibits/waiter"]
    with site.http.stream("/exhibits/waiter?n=3") as stream:
        *served, end = list(stream)
    assert len(served) == 3
    for event in served:
        check(event.json, SCHEMAS["WaiterEvent"])
    check(end.json, SCHEMAS["WaiterEnd"])
    answer = site.http.get("/exhibits/waiter?n=201")
    assert answer.status == 422
    check_answer(operation, answer)


def test_the_monitor(site):
    with site.http.stream("/live-monitor") as stream:
        event = stream.next_event()
    check(event.json, SCHEMAS["MonitorEvent"])
    told = SCHEMAS["Status"]["properties"].keys() | SCHEMAS["MonitorEvent"]["allOf"][1]["properties"].keys()
    assert set(event.json) == told
