"""What schemathesis cannot know: which token an operation takes, which ids exist, and what an NDJSON body looks like."""

import json
import time
import zlib

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

import checks  # noqa: F401  registers the checks
from client import Known, event

KNOWN = Known.load()
TOKENS = {"operatorToken": KNOWN.operator, "publisherKey": KNOWN.publisher, "appToken": KNOWN.app}
ENDS_A_SECRET = {"deleteApiKey": "keyId", "replaceAppToken": "appId", "replaceInboundKey": "appId"}
FAR = 1 << 45  # beyond any id that a server gives in a test


@schemathesis.hook
def before_call(context, case, kwargs):
    name = case.operation.definition.raw.get("operationId", "")
    scheme = token(case)
    if case.meta is not None and case.meta.phase.name.value != "stateful":
        use_known(case, scheme)
    if isinstance(case.body, dict) and str(case.body.get("callbackUrl")).partition("://")[2].startswith("["):
        case.body["callbackUrl"] = "https://example.com/cb"  # schemathesis 4.32.5 falls over an answer with a host such as [::::]
    if name == "getAudience":
        case.headers["Accept"] = ("application/x-ndjson", "text/csv", "*/*")[dice(case) % 3]
    guard(case, name)


def token(case) -> str | None:
    """Sends one of the tokens that the operation takes; the choice hangs on the case alone, so that a failure repeats."""
    schemes = [name for entry in case.operation.definition.raw.get("security", []) for name in entry]
    if not schemes:
        return None
    scheme = schemes[dice(case) % len(schemes)]
    case.headers["Authorization"] = f"Bearer {TOKENS[scheme]}"
    return scheme


def use_known(case, scheme):
    """Two cases of three ask for what exists; the others keep what was generated. Values that are wrong on purpose stay."""
    roll = dice(case)
    # One key for many bodies would leave little but 409.
    if roll % 4 and not case.meta.is_negative_at(ParameterLocation.HEADER):
        case.headers.pop("Idempotency-Key", None)
    if roll % 3 == 0:
        return
    if case.path_parameters and not case.meta.is_negative_at(ParameterLocation.PATH):
        for name in case.path_parameters:
            case.path_parameters[name] = pick(name, roll, case.path_parameters[name], scheme)
    if case.query and not case.meta.is_negative_at(ParameterLocation.QUERY):
        for name in [name for name in ("resourceId", "uid", "prodId") if name in case.query]:
            case.query[name] = pick("productId" if name == "prodId" else name, roll, case.query[name], scheme)
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        known_body(case.body, roll, scheme)


def known_body(body, roll, scheme):
    if "resourceIds" in body:
        body["resourceIds"] = KNOWN.ids["resourceId"][: 1 + roll % 2]
    if isinstance(body.get("replaces"), int):
        body["replaces"] = pick("productId", roll, None)
    if "resourceId" in body:
        body["resourceId"] = pick("resourceId", roll, None, scheme)
    if body.get("action") == "order_pay" and isinstance(body.get("data"), dict):
        body["data"].update(appId=pick("appId", roll, None), prodId=pick("productId", roll, None))


def pick(name, roll, otherwise, scheme=None):
    values = KNOWN.ids.get(name, [])
    if name == "resourceId" and scheme == "appToken":
        values = KNOWN.appTokenResources
    return values[roll % len(values)] if values else otherwise


def guard(case, name):
    """Keeps the run from revoking the keys and tokens that it lives on."""
    parameter = ENDS_A_SECRET.get(name)
    if parameter is None or not case.path_parameters:
        return
    value = str(case.path_parameters.get(parameter, ""))
    if value.isdigit() and int(value) in KNOWN.guarded[parameter]:
        case.path_parameters[parameter] = int(value) + FAR


def dice(case) -> int:
    """A number that hangs on what was generated, so that the same seed makes the same choices."""
    shown = repr((case.path_parameters, case.query, case.body if isinstance(case.body, (dict, list, str)) else None))
    return zlib.crc32(shown.encode("utf-8", "surrogatepass"))


# ---------------------------------------------------------------- NDJSON


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_generate_body(context, strategy):
    operation = context.operation
    if operation is None or operation.definition.raw.get("operationId") != "recordPaymentEvents":
        return strategy
    return st.lists(st.one_of(lines(), lines(), broken()), max_size=20).map(lambda found: "".join(line + "\n" for line in found))


def lines():
    """Events of few subscribers with few trade numbers, so that they meet: duplicates, conflicts, refunds."""
    now = int(time.time() * 1000)
    paid = st.builds(
        event,
        st.sampled_from(KNOWN.ids["appId"]),
        st.sampled_from(KNOWN.ids["productId"]),
        st.integers(0, 50).map(lambda number: f"FUZZ{number:06}"),
        st.sampled_from(KNOWN.ids["uid"]),
        st.integers(0, 9).map(lambda days: now - now % 86_400_000 - days * 86_400_000),
    )
    refunded = st.builds(lambda line, part: {**line, "type": 2, "amount": -part, "addTime": -part * 1_000_000}, paid, st.integers(0, 80))
    return st.one_of(paid, refunded).map(json.dumps)


def broken():
    """Lines of which each is wrong in one way."""
    value = st.one_of(
        st.none(), st.booleans(), st.just(""), st.text(max_size=5), st.floats(), st.just([]), st.just({}), st.integers(),
        st.sampled_from([0, -1, 2**53, 2**63 - 1, -(2**63), 2**63, 10**30, "9" * 100, "\u0000", "UID_\ud800"]),
    )
    whole = event(KNOWN.ids["appId"][0], KNOWN.ids["productId"][0], "FUZZ-WRONG", "UID_0", int(time.time() * 1000))
    changed = st.builds(lambda name, found: {**whole, name: found}, st.sampled_from(sorted(whole)), value)
    missing = st.sampled_from(sorted(whole)).map(lambda name: {key: found for key, found in whole.items() if key != name})
    text = st.sampled_from(
        ["", " ", "\r", "{", "[]", "null", "1", '"x"', "not json", "{}" * 2, '{"uid":1,"uid":2}', "[" * 10_000, '{"a":"' + "x" * 70_000 + '"}', "\ufeff{}"]
    )
    return st.one_of(changed.map(json.dumps), missing.map(json.dumps), text)
