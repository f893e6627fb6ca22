"""What schemathesis can't know: which projects, clusters and operations there are.

Values that are valid by the document are mostly replaced by ones that exist; invalid ones stay as they are. Streams and
waits are sent to operations that have ended: they answer at once. No worker runs, so what is created stays as it is.
"""

import json
import os
import random
import re
import urllib.request

import schemathesis

URL, TOKEN = os.environ["SAFEPOINT_URL"], os.environ["SAFEPOINT_TOKEN"]
OPERATIONS = f"{URL}/api/v1/projects/{os.environ['SAFEPOINT_PROJECT']}/operations"
KNOWN = {
    "project": os.environ["SAFEPOINT_PROJECT"],
    "location": os.environ["SAFEPOINT_REGION"],
    "cluster": os.environ["SAFEPOINT_CLUSTER"],
}
ID = re.compile(r"\A(operation-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
NAME = re.compile(r"\A[A-Za-z0-9_-]{1,63}\Z")


def call(path, body):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(OPERATIONS + path, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def create():
    return call("", {"kind": "demo.steps", "spec": {"steps": 3, "stepMillis": 0}, "labels": {"env": "test"}})["id"]


PENDING = [create() for _ in range(8)]
ENDED = [create() for _ in range(8)]
for operation in ENDED:
    call(f"/{operation}:cancel", {"reason": "for schemathesis"})


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.path_parameters or {}
    for name, known in KNOWN.items():
        # "-" stands for all locations.
        if NAME.match(str(path.get(name, "")) or " ") and path[name] != "-":
            path[name] = known
    if not ID.match(str(path.get("operation", ""))):
        return
    prefix = "operation-" if path["operation"].startswith("operation-") else ""
    if case.path.endswith(("/events", ":wait")):
        path["operation"] = prefix + random.choice(ENDED)
    elif case.method != "DELETE" and random.random() < 0.8:
        path["operation"] = prefix + random.choice(PENDING + ENDED)


@schemathesis.hook
def filter_body(context, body):
    # Blanks are no JSON, but clients send them for no body at all, and are served.
    return not isinstance(body, bytes) or bool(body.strip())
