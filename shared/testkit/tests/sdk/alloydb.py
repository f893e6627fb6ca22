"""Google's own clients, unmodified, against a running Safepoint.

Takes SAFEPOINT_URL, SAFEPOINT_TOKEN, SAFEPOINT_PROJECT, SAFEPOINT_REGION, SAFEPOINT_CLUSTER, SAFEPOINT_DATABASE and
SAFEPOINT_BUCKET from the environment, as `make up` writes them to .dev/env. Tells what it does step by step, and ends
with a code other than 0 at the first thing that is not as it should be.
"""

import json
import os
import time
import urllib.error
import urllib.request
import uuid

import google.oauth2.credentials
from google.api_core import exceptions
from google.api_core import operation as lro
from google.api_core.client_options import ClientOptions
from google.cloud import alloydb_v1
from google.longrunning import operations_pb2
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

URL = os.environ["SAFEPOINT_URL"]
TOKEN = os.environ["SAFEPOINT_TOKEN"]
PROJECT = os.environ["SAFEPOINT_PROJECT"]
DATABASE = os.environ["SAFEPOINT_DATABASE"]
BUCKET = os.environ["SAFEPOINT_BUCKET"]
LOCATION = f"projects/{PROJECT}/locations/{os.environ['SAFEPOINT_REGION']}"
CLUSTER = f"{LOCATION}/clusters/{os.environ['SAFEPOINT_CLUSTER']}"
FOREIGN = f"projects/not-{PROJECT}/locations/{os.environ['SAFEPOINT_REGION']}"

# Everything this run writes lies under one name, so that runs do not meet.
RUN = f"sdk/{uuid.uuid4()}"
QUICK = "SELECT g, g * g AS square FROM generate_series(1, 1000) g"
# Ten thousand million rows, as they come: it runs until it is cancelled.
ENDLESS = "SELECT a, b FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
# Far above what any step needs: what exceeds it hangs.
LIMIT = 60.0


def main():
    gapic = alloydb_v1.AlloyDBAdminClient(
        transport="rest", credentials=credentials(TOKEN), client_options=ClientOptions(api_endpoint=URL)
    )
    discovery = build(
        "alloydb",
        "v1",
        credentials=credentials(TOKEN),
        client_options={"api_endpoint": URL},
        static_discovery=True,
        cache_discovery=False,
    )
    looks_round(gapic, discovery)
    gapic_export_completes(gapic)
    gapic_export_is_cancelled(gapic)
    discovery_export_completes(discovery)
    discovery_export_is_cancelled(discovery)
    lists_over_pages(gapic, discovery)
    filters(gapic, discovery)
    deletes(gapic, discovery)
    bad_requests_are_told(gapic, discovery)
    strangers_are_refused(gapic, discovery)
    describe_is_get(discovery)
    print("all as it should be")


def credentials(token):
    return google.oauth2.credentials.Credentials(token=token)


def step(text):
    print(f"--- {text}", flush=True)


def csv_request(query, name):
    return alloydb_v1.ExportClusterRequest(
        name=CLUSTER,
        database=DATABASE,
        gcs_destination=alloydb_v1.GcsDestination(uri=f"gs://{BUCKET}/{RUN}/{name}"),
        csv_export_options=alloydb_v1.ExportClusterRequest.CsvExportOptions(select_query=query, field_delimiter="3B"),
    )


def csv_body(query, name):
    return {
        "database": DATABASE,
        "gcsDestination": {"uri": f"gs://{BUCKET}/{RUN}/{name}"},
        "csvExportOptions": {"selectQuery": query},
    }


def eventually(what, name, look):
    """Looks whenever the operation has changed, as the native API's events tell; the first one is how it is now."""
    address = f"{URL}/api/v1/projects/{PROJECT}/operations/{name.rsplit('operation-', 1)[1]}/events"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
    end = time.monotonic() + LIMIT
    with urllib.request.urlopen(request, timeout=LIMIT) as events:
        for line in events:
            found = line.startswith(b"data:") and look()
            if found:
                return found
            # Events stop coming when there is nothing new; heartbeats do not.
            assert time.monotonic() < end, f"{what}: not seen within {LIMIT} s"
    raise AssertionError(f"{what}: not seen before the end of {name}")


def looks_round(gapic, discovery):
    step("locations and clusters, with both clients")
    assert LOCATION in [location.name for location in gapic.list_locations(request={"name": f"projects/{PROJECT}"}).locations]
    assert gapic.get_location(request={"name": LOCATION}).location_id == os.environ["SAFEPOINT_REGION"]
    clusters = list(gapic.list_clusters(parent=LOCATION))
    assert CLUSTER in [cluster.name for cluster in clusters], clusters
    assert gapic.get_cluster(name=CLUSTER).state == alloydb_v1.Cluster.State.READY
    locations = discovery.projects().locations()
    assert locations.clusters().get(name=CLUSTER).execute()["state"] == "READY"
    everywhere = f"projects/{PROJECT}/locations/-"
    assert CLUSTER in [cluster["name"] for cluster in locations.clusters().list(parent=everywhere).execute()["clusters"]]


def gapic_export_completes(gapic):
    step("GAPIC: export_cluster, then result()")
    operation = gapic.export_cluster(request=csv_request(QUICK, "gapic.csv"))
    assert operation.operation.name.startswith(f"{LOCATION}/operations/operation-"), operation.operation.name
    assert operation.metadata.verb == "export" and operation.metadata.target == CLUSTER, operation.metadata
    response = operation.result(timeout=LIMIT)
    assert response.gcs_destination.uri == f"gs://{BUCKET}/{RUN}/gapic.csv", response
    assert operation.done() and not operation.cancelled()
    assert operation.metadata.api_version == "v1" and not operation.metadata.requested_cancellation
    assert operation.metadata.end_time >= operation.metadata.create_time
    print(f"    {operation.metadata.status_message}")
    written = object_lines("gapic.csv")
    assert written is None or (len(written) == 1000 and written[1] == "2;4"), written[:3]

    step("GAPIC: a SQL export with its optional flags set to false")
    request = alloydb_v1.ExportClusterRequest(
        name=CLUSTER,
        database=DATABASE,
        gcs_destination=alloydb_v1.GcsDestination(uri=f"gs://{BUCKET}/{RUN}/gapic.sql"),
        sql_export_options=alloydb_v1.ExportClusterRequest.SqlExportOptions(
            schema_only=True, clean_target_objects=False, if_exist_target_objects=False
        ),
    )
    gapic.export_cluster(request=request).result(timeout=LIMIT)
    written = object_lines("gapic.sql")
    assert written is None or any("PostgreSQL database dump" in line for line in written)

    step("GAPIC: the same export twice more: one writes over the other, each whole")
    for _ in range(2):
        gapic.export_cluster(request=csv_request(QUICK, "gapic.csv")).result(timeout=LIMIT)

    step("GAPIC: an export that fails says why")
    request = csv_request("SELECT 1 / (g - 5) FROM generate_series(1, 10) g", "failed.csv")
    operation = gapic.export_cluster(request=request)
    try:
        operation.result(timeout=LIMIT)
        raise AssertionError("a division by zero succeeded")
    except exceptions.GoogleAPICallError as error:
        print(f"    {type(error).__name__}: {error.message}")
        assert "division by zero" in str(error), error
    assert operation.done() and not operation.cancelled()
    assert object_lines("failed.csv", missing=True)


def gapic_export_is_cancelled(gapic):
    step("GAPIC: export_cluster of an endless query, then cancel(), cancelled(), result()")
    operation = gapic.export_cluster(request=csv_request(ENDLESS, "gapic-endless.csv"))
    name = operation.operation.name
    message = lambda: read(gapic, name).metadata.status_message
    eventually("the export runs", name, lambda: message().startswith("Running"))
    assert not operation.done()
    asked = time.monotonic()
    assert operation.cancel()
    eventually("the end", name, operation.done)
    print(f"    CANCELLED {1000 * (time.monotonic() - asked):.0f} ms after cancel(), as this client sees it")
    assert operation.cancelled()
    assert operation.metadata.requested_cancellation
    print(f"    {operation.metadata.status_message}")
    try:
        operation.result(timeout=LIMIT)
        raise AssertionError("a cancelled operation has a result")
    except exceptions.Cancelled as error:
        print(f"    result() raises Cancelled: {error.message}")
    assert operation.operation.error.code == 1
    assert object_lines("gapic-endless.csv", missing=True)

    step("GAPIC: a cancel of what is done, by both of its roads, succeeds and changes nothing")
    assert operation.cancel() is False
    before = gapic.get_operation(request={"name": name})
    gapic.cancel_operation(request={"name": name})
    gapic.transport.operations_client.cancel_operation(name)
    assert gapic.get_operation(request={"name": name}) == before


def read(gapic, name):
    """The operation by a new look, with its metadata unpacked."""
    raw = gapic.get_operation(request={"name": name})
    return lro.from_gapic(
        raw,
        gapic.transport.operations_client,
        alloydb_v1.ExportClusterResponse,
        metadata_type=alloydb_v1.OperationMetadata,
    )


def discovery_export_completes(discovery):
    step("discovery: clusters.export, then operations.get until it is done")
    locations = discovery.projects().locations()
    created = locations.clusters().export(name=CLUSTER, body=csv_body(QUICK, "discovery.csv")).execute()
    done = until_done(locations, created["name"])
    assert done["response"]["gcsDestination"]["uri"] == f"gs://{BUCKET}/{RUN}/discovery.csv", done
    assert "error" not in done and done["metadata"]["endTime"].endswith("Z"), done
    assert set(done) == {"name", "metadata", "done", "response"}, done
    written = object_lines("discovery.csv")
    assert written is None or (len(written) == 1000 and written[1] == "2,4"), written[:3]


def discovery_export_is_cancelled(discovery):
    step("discovery: clusters.export of an endless query, then operations.cancel, without a body and with an empty one")
    locations = discovery.projects().locations()
    created = locations.clusters().export(name=CLUSTER, body=csv_body(ENDLESS, "discovery-endless.csv")).execute()
    get = lambda: locations.operations().get(name=created["name"]).execute()
    eventually("the export runs", created["name"], lambda: get()["metadata"]["statusMessage"].startswith("Running"))
    assert locations.operations().cancel(name=created["name"]).execute() == {}
    assert locations.operations().cancel(name=created["name"], body={}).execute() == {}
    assert get()["metadata"]["requestedCancellation"] is True
    done = until_done(locations, created["name"])
    assert done["error"]["code"] == 1 and "response" not in done, done
    assert set(done["error"]) == {"code", "message"}, done
    assert locations.operations().cancel(name=created["name"]).execute() == {}
    assert get() == done
    assert object_lines("discovery-endless.csv", missing=True)


def until_done(locations, name):
    return eventually("the end", name, lambda: (lambda seen: seen["done"] and seen)(locations.operations().get(name=name).execute()))


def lists_over_pages(gapic, discovery):
    step("lists over pages, newest first, with three clients")
    walked, token = [], ""
    while True:
        page = gapic.list_operations(request={"name": LOCATION, "page_size": 2, "page_token": token})
        assert len(page.operations) <= 2
        walked += [operation.name for operation in page.operations]
        token = page.next_page_token
        if not token:
            break
    assert len(walked) == len(set(walked)) >= 5, walked
    assert walked == sorted(walked, reverse=True), "newest first"
    paged = gapic.transport.operations_client.list_operations(name=LOCATION, filter_="")
    assert [operation.name for operation in paged] == walked
    assert all(isinstance(operation, operations_pb2.Operation) for operation in paged)
    operations = discovery.projects().locations().operations()
    listed, request = [], operations.list(name=LOCATION, pageSize=3)
    while request is not None:
        page = request.execute()
        listed += [operation["name"] for operation in page["operations"]]
        request = operations.list_next(request, page)
    assert listed == walked
    print(f"    {len(walked)} operations")
    everywhere = operations.list(name=f"projects/{PROJECT}/locations/-", pageSize=1000).execute()
    assert set(walked) <= {operation["name"] for operation in everywhere["operations"]}


def filters(gapic, discovery):
    step("filters of AIP-160")
    operations = discovery.projects().locations().operations()

    def count(text):
        return len(operations.list(name=LOCATION, filter=text, pageSize=1000).execute()["operations"])

    every = count("")
    assert count("done = true") + count("done = false") == every
    assert count("NOT done = true") == count("done = false")
    assert count('metadata.verb = "export"') == every and count("metadata.verb = import") == 0
    assert count(f'done = true AND metadata.target = "{CLUSTER}"') == count("done = true")
    oldest = operations.list(name=LOCATION, pageSize=1000).execute()["operations"][-1]["metadata"]["createTime"]
    assert count(f'metadata.createTime > "{oldest}"') == every - 1
    assert len(list(gapic.transport.operations_client.list_operations(name=LOCATION, filter_="done=true"))) > 0
    error = refused(lambda: count("metadata.endTime > 5"), HttpError)
    assert error.status_code == 400 and "This list serves" in error.reason, error
    # So long that the client sends it as a POST that means a GET.
    many = " AND ".join([f'metadata.target = "{CLUSTER}"'] * 40)
    assert len(many) > 2048 and count(many) == every


def deletes(gapic, discovery):
    step("delete, then get: NotFound with the reason of its ErrorInfo")
    operation = gapic.export_cluster(request=csv_request(QUICK, "deleted.csv"))
    operation.result(timeout=LIMIT)
    name = operation.operation.name
    gapic.delete_operation(request={"name": name})
    for call in (
        lambda: gapic.get_operation(request={"name": name}),
        lambda: gapic.transport.operations_client.get_operation(name),
        lambda: gapic.delete_operation(request={"name": name}),
        lambda: gapic.cancel_operation(request={"name": name}),
    ):
        error = refused(call, exceptions.NotFound)
        assert (error.reason, error.domain) == ("OPERATION_NOT_FOUND", "safepoint"), error
        assert error.metadata["resource"] == name, error.metadata
    operations = discovery.projects().locations().operations()
    created = discovery.projects().locations().clusters().export(name=CLUSTER, body=csv_body(QUICK, "d.csv")).execute()
    until_done(discovery.projects().locations(), created["name"])
    assert operations.delete(name=created["name"]).execute() == {}
    error = refused(operations.get(name=created["name"]).execute, HttpError)
    assert error.status_code == 404, error
    assert error.error_details[0]["reason"] == "OPERATION_NOT_FOUND", error.error_details
    assert name not in [operation.name for operation in gapic.transport.operations_client.list_operations(LOCATION, "")]


def bad_requests_are_told(gapic, discovery):
    step("bad requests: the field stands in the answer")
    error = refused(lambda: gapic.export_cluster(request=csv_request("DELETE FROM t", "x.csv")), exceptions.BadRequest)
    fields = [violation["field"] for detail in error.details for violation in detail.get("fieldViolations", [])]
    assert fields == ["csvExportOptions.selectQuery"], error.details
    request = csv_request(QUICK, "x.csv")
    request.name = f"{LOCATION}/clusters/nobodys"
    error = refused(lambda: gapic.export_cluster(request=request), exceptions.NotFound)
    assert error.reason == "CLUSTER_NOT_FOUND", error
    body = csv_body(QUICK, "x.csv") | {"sqlExportOptions": {}}
    export = discovery.projects().locations().clusters().export
    error = refused(export(name=CLUSTER, body=body).execute, HttpError)
    assert error.status_code == 400 and "exactly one" in error.reason, error
    imported = alloydb_v1.ImportClusterRequest(name=CLUSTER, gcs_uri="gs://x/y", database=DATABASE)
    imported.sql_import_options = alloydb_v1.ImportClusterRequest.SqlImportOptions()
    refused(lambda: gapic.import_cluster(request=imported), exceptions.MethodNotImplemented)


def strangers_are_refused(gapic, discovery):
    step("another project: PERMISSION_DENIED, whether it exists or not; no token and a wrong one: 401")
    for call in (
        lambda: gapic.get_operation(request={"name": f"{FOREIGN}/operations/operation-{uuid.uuid4()}"}),
        lambda: gapic.list_operations(request={"name": FOREIGN}),
        lambda: gapic.cancel_operation(request={"name": f"{FOREIGN}/operations/x"}),
        lambda: gapic.list_clusters(parent=FOREIGN),
    ):
        assert refused(call, exceptions.Forbidden).reason == "PERMISSION_DENIED"
    error = refused(discovery.projects().locations().operations().list(name=FOREIGN).execute, HttpError)
    assert error.status_code == 403, error
    # The clients hide the answer to a 401 behind their own attempt to refresh: asked for without them.
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        status, answer = plain("GET", f"/v1/{LOCATION}/operations", headers)
        assert status == 401 and answer["error"]["status"] == "UNAUTHENTICATED", answer


def describe_is_get(discovery):
    step("the :describe form of the seed is the same as GET")
    operation = discovery.projects().locations().operations().list(name=LOCATION, pageSize=1).execute()["operations"][0]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for form in (":describe", "%3Adescribe"):
        assert plain("GET", f"/v1/{operation['name']}{form}", headers) == (200, operation)


def refused(call, expected):
    try:
        call()
    except expected as error:
        return error
    raise AssertionError(f"{expected.__name__} was expected")


def plain(method, path, headers):
    request = urllib.request.Request(URL + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def object_lines(name, missing=False):
    """The lines of an object, where the bucket is a folder that this machine can see."""
    folder = os.environ.get("SAFEPOINT_DATA_DIR")
    if not folder:
        return True if missing else None
    path = os.path.join(folder, RUN, name)
    if missing:
        return not os.path.exists(path)
    with open(path, encoding="utf-8") as lines:
        return lines.read().splitlines()


if __name__ == "__main__":
    main()
