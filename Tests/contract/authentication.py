"""Every operation that takes a token, with none, an unknown one and one of the wrong kind."""

import re

KINDS = {"operatorToken": "operator", "publisherKey": "publisher", "appToken": "app"}


def findings(server, contract: dict, known) -> list[str]:
    found = []
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            if method not in ("get", "put", "post", "patch", "delete") or not operation.get("security"):
                continue
            allowed = {name for entry in operation["security"] for name in entry}
            tries = [(None, 401), ("nobodys", 401), ("op_nobodys", 401), ("pub_nobodys", 401), ("AT_nobodys", 401)]
            tries += [(getattr(known, kind), 403) for scheme, kind in KINDS.items() if scheme not in allowed]
            for token, due in tries:
                found += refusal(server, method.upper(), fill(path, known), operation, token, due)
    return found


def refusal(server, method, path, operation, token, due) -> list[str]:
    content = list(operation.get("requestBody", {}).get("content", {}))
    headers = {"Content-Type": content[0]} if content else {}
    answer = server.call(method, path, token, data="{}" if content else None, headers=headers)
    shown = f"{method} {path} with {'no token' if token is None else token[:3] + '…'}"
    found = []
    if answer.status_code != due:
        found.append(f"{shown}: {answer.status_code}, not {due}")
    if not answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        found.append(f"{shown}: {answer.headers.get('Content-Type')}, not application/problem+json")
    if due == 401 and not answer.headers.get("WWW-Authenticate", "").startswith("Bearer"):
        found.append(f"{shown}: no WWW-Authenticate: Bearer")
    if token and token in answer.text:
        found.append(f"{shown}: the answer repeats the token")
    return found


def fill(path: str, known) -> str:
    """Ids that exist, for a refusal must not hang on what is there."""
    return re.sub(r"\{(\w+)\}", lambda match: str(known.ids.get(match[1], [1])[0]), path)
