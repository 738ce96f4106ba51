"""Holds a running server to openapi.yaml: first who may call what, then generated requests, right and wrong ones."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

import authentication
from client import Known, Server, prepare

HERE = Path(__file__).resolve().parent
CONTRACT = HERE.parent.parent / "openapi.yaml"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/contract", description=__doc__)
    parser.add_argument("base", help="where the server listens: http://127.0.0.1:8080")
    parser.add_argument("operator", help="an operator token, op_…")
    parser.add_argument("publisher", help="a publisher key with both scopes, pub_…; the run leaves apps and payments behind")
    parser.add_argument("app", help="an app token of that publisher, AT_…")
    parser.add_argument("inbound", help="an inbound key of that publisher, the last part of inboundUrl")
    parser.add_argument("--seconds", type=int, default=150, help="how long to generate requests (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="repeat a run's requests")
    parser.add_argument("--examples", type=int, default=25, help="requests of one round for each operation and phase (%(default)s)")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful", help="of schemathesis (%(default)s)")
    parser.add_argument("--only", metavar="OPERATION_ID", action="append", default=[], help="this operation alone; may be repeated")
    return parser.parse_args()


def generate(options: argparse.Namespace, known: Known) -> int:
    """The exit code of schemathesis: 0 without findings."""
    environment = {**os.environ, **known.save(), "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    # A walk along links needs the operations at their other ends.
    phases = [name for name in options.phases.split(",") if not (options.only and name == "stateful")]
    command = [
        str(Path(sys.executable).parent / "st"), "--config-file", str(HERE / "schemathesis.toml"), "run", str(CONTRACT),
        "--url", options.base, "--seed", str(options.seed), "--max-time", str(options.seconds),
        "--max-examples", str(options.examples), "--phases", ",".join(phases),
        "--request-timeout", "20", "--continue-on-failure", "--warnings", "off", "--no-color",
    ]  # fmt: skip
    for name in options.only:
        command += ["--include-operation-id", name]
    # The limit is schemathesis's own; this one is for the case that the server hangs.
    limit = options.seconds + 120
    # What it leaves in the current folder goes with the folder.
    with tempfile.TemporaryDirectory() as folder:
        try:
            return subprocess.run(command, env=environment, cwd=folder, timeout=limit, check=False).returncode
        except subprocess.TimeoutExpired:
            print(f"schemathesis did not end within {limit} seconds")
            return 1


def main() -> int:
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    started = time.monotonic()
    server = Server(options.base)
    known = prepare(server, Known(options.operator, options.publisher, options.app, options.inbound))
    if not known.appTokenResources:
        print("the app token is of none of the publisher's apps: its answers will all be 404")

    refused = authentication.findings(server, yaml.safe_load(CONTRACT.read_text("utf-8")), known)
    for finding in refused:
        print(f"token: {finding}")
    failed = generate(options, known)
    verdict = "no findings" if not refused and failed == 0 else f"{len(refused)} token findings, schemathesis ended with {failed}"
    print(f"contract: {verdict}; {time.monotonic() - started:.0f} s; repeat with --seed {options.seed}")
    return 1 if refused or failed else 0


if __name__ == "__main__":
    sys.exit(main())
