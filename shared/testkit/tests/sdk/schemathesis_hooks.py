"""What schemathesis can't know: which projects, clusters, buckets, operations and transfer jobs there are.

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


PROJECT = re.compile(r"\A[A-Za-z0-9_.:-]{1,100}\Z")
JOB = re.compile(r"\A[A-Za-z0-9._~-]{0,114}[A-Za-z0-9]\Z")
RUN = re.compile(r"\AtransferJobs-[A-Za-z0-9._~-]*[A-Za-z0-9]-[0-9a-f-]{36}\Z")
SOURCE, SINK = os.environ["SAFEPOINT_STS_SOURCE_BUCKET"], os.environ["SAFEPOINT_STS_SINK_BUCKET"]


def call(path, body):
    return post(OPERATIONS + path, body)


def post(url, body):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def create():
    return call("", {"kind": "demo.steps", "spec": {"steps": 3, "stepMillis": 0}, "labels": {"env": "test"}})["id"]


PENDING = [create() for _ in range(8)]
ENDED = [create() for _ in range(8)]
for operation in ENDED:
    call(f"/{operation}:cancel", {"reason": "for schemathesis"})


def transfer(number):
    """A transfer job that is run; what stands behind the collections in their two names."""
    spec = {"gcsDataSource": {"bucketName": SOURCE}, "gcsDataSink": {"bucketName": SINK, "path": f"{number}/"}}
    job = {"projectId": KNOWN["project"], "status": "ENABLED", "transferSpec": spec}
    name = post(f"{URL}/v1/transferJobs", job)["name"]
    run = post(f"{URL}/v1/{name}:run", {"projectId": KNOWN["project"]})["name"]
    return name.split("/")[1], run.split("/")[1]


JOBS, RUNS = zip(*(transfer(number) for number in range(6)))


def of_transfers(case):
    """The project stands in the query, the filter or the body."""
    path, query, body = case.path_parameters or {}, case.query or {}, case.body
    if JOB.match(str(path.get("job", ""))) and random.random() < 0.8:
        path["job"] = random.choice(JOBS)
    if RUN.match(str(path.get("operation", ""))) and random.random() < 0.8:
        path["operation"] = random.choice(RUNS)
    if PROJECT.match(str(query.get("projectId", ""))):
        query["projectId"] = KNOWN["project"]
    if isinstance(query.get("filter"), str) and len(query["filter"]) > 1 and random.random() < 0.5:
        query["filter"] = json.dumps({"projectId": KNOWN["project"]})
    if isinstance(body, dict):
        if isinstance(body.get("projectId"), str) and PROJECT.match(body["projectId"]):
            body["projectId"] = KNOWN["project"]
        for spec in (body.get("transferSpec"), (body.get("transferJob") or {}), body.get("spec")):
            if isinstance(spec, dict):
                name_buckets(spec.get("transferSpec", spec), SOURCE)


def name_buckets(value, bucket):
    """Buckets that are there, in the place of any that are named."""
    for name, member in value.items() if isinstance(value, dict) else ():
        if name in ("bucketName", "bucket") and isinstance(member, str) and member:
            value[name] = bucket
        else:
            name_buckets(member, SINK if name in ("gcsDataSink", "sink") else bucket)


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.path_parameters or {}
    of_transfers(case)
    # The empty text is absent, as protobuf has it, which the format of a time cannot say.
    if isinstance(case.body, dict) and case.body.get("deadline") == "":
        case.body["deadline"] = "never"
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
