"""What the contract says and a schema of one body cannot: the platform's envelope, and answers of many lines."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import schemathesis

from client import Known

KNOWN = Known.load()
UID = re.compile(r"[0-9A-Za-z_\-.@|*:]{1,64}")
NDJSON = "application/x-ndjson"


def media_type(response) -> str:
    return (response.headers.get("content-type") or [""])[0].split(";")[0].strip().lower()


@schemathesis.check
def platform_envelope(context, response, case):
    """/api/…: always HTTP 200; the code says whether the parameters, as they were sent, were good."""
    if not case.operation.path.startswith("/api/"):
        return True
    assert response.status_code == 200, f"HTTP {response.status_code}: the platform's routes always answer 200"
    answer = json.loads(response.content)
    code = answer["code"]
    assert answer["success"] is (code == 1000), f"success is {answer['success']} with code {code}"
    assert (answer["data"] is not None) is (code == 1000), f"data is {answer['data']} with code {code}"
    sent = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True, errors="surrogateescape")
    values = dict(sent)
    if len(values) < len(sent):
        return True  # which of two values counts is not said
    uid, product = values.get("uid", ""), values.get("prodId", "")
    good = UID.fullmatch(uid) and re.fullmatch(r"[1-9][0-9]{0,15}", product) and int(product) < 2**53
    if not good and not re.fullmatch(r"[+0-9]*", product):
        assert code == 1001, f"code {code} for uid {uid!r} and prodId {product!r}"
    if good and int(product) in KNOWN.ids["productId"]:
        assert code == 1000, f"code {code} for a product that exists: {answer['msg']}"
    return None


@schemathesis.check
def ndjson_lines(context, response, case):
    """Every line of NDJSON fits the contract's item; a backfill answers each of its lines, an audience is in order."""
    if response.status_code != 200 or media_type(response) != NDJSON:
        return True
    if response.content:
        assert response.content.endswith(b"\n"), "the last line does not end with a line feed"
    found = [json.loads(line) for line in response.content.split(b"\n")[:-1]]
    validator = item_validator(case)
    for number, value in enumerate(found, 1):
        problems = [f"{problem.message} at {'/'.join(map(str, problem.instance_path))}" for problem in validator.iter_errors(value)]
        assert not problems, f"line {number}: {problems}: {value}"
    if case.operation.path == "/v1/payment-events":
        body = response.request.body or b""
        due = [number for number, line in enumerate(body.split(b"\n"), 1) if line.strip(b" \t\r")]
        assert [value["line"] for value in found] == due, f"{len(found)} answers to {len(due)} lines, or in another order"
    if case.operation.path.endswith("/audience"):
        uids = [value["uid"].encode() for value in found]
        assert uids == sorted(set(uids)), "the audience is not in ascending order, or somebody is there twice"
    return None


def item_validator(case):
    raw = case.operation.schema.raw_schema
    content = raw["paths"][case.operation.path][case.operation.method.lower()]["responses"]["200"]["content"]
    return jsonschema_rs.Draft202012Validator({**content[NDJSON]["x-item-schema"], "components": raw["components"]})
