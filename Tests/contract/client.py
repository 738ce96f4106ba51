"""What the run knows about the server: tokens, ids that exist, and ids that must be left alone."""

import json
import os
import time
from dataclasses import asdict, dataclass, field

import requests

WAITING = 12  # how many things of each kind there are to be used up: keys to revoke, products to review, items to dismiss


@dataclass
class Known:
    """Handed from run.py to hooks.py through the environment."""

    operator: str
    publisher: str
    app: str
    inbound: str
    ids: dict = field(default_factory=dict)  # parameter name → values that exist
    appTokenResources: list = field(default_factory=list)  # what the app token may ask for
    guarded: dict = field(default_factory=dict)  # parameter name → ids whose secrets the run itself lives on

    def save(self) -> dict:
        return {"MARKET_CONTRACT_KNOWN": json.dumps(asdict(self))}

    @staticmethod
    def load() -> "Known":
        return Known(**json.loads(os.environ["MARKET_CONTRACT_KNOWN"]))


class Server:
    def __init__(self, base: str, timeout: float = 30):
        self.base, self.timeout = base.rstrip("/"), timeout
        self.session = requests.Session()
        self.session.trust_env = False

    def call(self, method: str, path: str, token: str | None = None, **options) -> requests.Response:
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        return self.session.request(method, self.base + path, headers=headers, timeout=self.timeout, **options)

    def expect(self, status: int, method: str, path: str, token: str | None, **options) -> dict:
        """The answer's JSON; ends the run when the server does not even do this."""
        answer = self.call(method, path, token, **options)
        if answer.status_code != status:
            raise SystemExit(f"{method} {path}: {answer.status_code} where {status} is due: {answer.text[:500]}")
        return answer.json() if answer.content else {}

    def every(self, path: str, token: str) -> list:
        """All pages of a list."""
        found, cursor = [], ""
        while cursor is not None:
            page = self.expect(200, "GET", f"{path}?limit=200{cursor}", token)
            found += page["data"]
            cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
        return found


def prepare(server: Server, known: Known) -> Known:
    """Makes an app, a topic, products, payments and conflicts of its own, so that ids exist to be asked for."""
    keys = [key["id"] for key in server.every("/v1/publishers/me/api-keys", known.publisher)]
    apps = [app["id"] for app in server.every("/v1/apps", known.publisher)]
    known.guarded = {"keyId": keys, "appId": apps}
    known.appTokenResources = [app for app in apps if asks(server, known.app, app)][:1]

    app = server.expect(201, "POST", "/v1/apps", known.publisher, json={"name": "Contract"})["id"]
    topic = server.expect(201, "POST", f"/v1/apps/{app}/topics", known.publisher, json={"name": "Contract"})["id"]
    products = [
        server.expect(201, "POST", "/v1/products", known.publisher, json=product([app, topic]))["id"] for _ in range(WAITING)
    ]
    for number in products[: WAITING // 2]:
        review = {"decision": "approve", "commissionBps": 1000}
        server.expect(200, "POST", f"/v1/products/{number}/reviews", known.operator, json=review)
    new_keys = [
        server.expect(201, "POST", "/v1/publishers/me/api-keys", known.publisher, json={"name": "x", "scopes": ["read"]})["id"]
        for _ in range(WAITING)
    ]
    now = int(time.time() * 1000)
    trades = [f"CONTRACT{now}{index:03}" for index in range(WAITING)]
    paid = [event(app, products[0], trade, f"UID_{index}", now - 1000) for index, trade in enumerate(trades)]
    disputed = [{**line, "amount": 60} for line in paid]
    answers = backfill(server, known.publisher, paid + disputed)
    known.ids = {
        "appId": [app],
        "resourceId": [app, topic],
        "productId": products,
        "keyId": new_keys,
        "quarantineId": [answer["quarantineId"] for answer in answers if answer.get("quarantineId")],
        "uid": [line["uid"] for line in paid],
        "inboundKey": [known.inbound],
    }
    if not known.ids["quarantineId"]:
        raise SystemExit(f"the same trade with another amount was no conflict: {answers[-1]}")
    return known


def asks(server: Server, token: str, resource: int) -> bool:
    return server.call("GET", f"/v1/entitlements?resourceId={resource}&uid=UID_0", token).status_code == 200


def backfill(server: Server, token: str, lines: list) -> list:
    body = "".join(json.dumps(line) + "\n" for line in lines)
    answer = server.call("POST", "/v1/payment-events", token, data=body, headers={"Content-Type": "application/x-ndjson"})
    if answer.status_code != 200:
        raise SystemExit(f"POST /v1/payment-events: {answer.status_code}: {answer.text[:500]}")
    return [json.loads(line) for line in answer.text.splitlines()]


def product(resources: list) -> dict:
    plans = [{"name": "1 day", "amount": 50, "addTime": 86_400_000}]
    text = {"name": "Contract", "summary": "s", "description": "d", "contact": "c"}
    return {**text, "resourceIds": resources, "pricePlans": plans}


def event(app: int, prod: int, trade: str, uid: str, at: int) -> dict:
    plan = {"addTime": 86_400_000, "amount": 50, "type": 1}
    return {**plan, "appId": app, "prodId": prod, "tradeNo": trade, "uid": uid, "createTime": at}
