"""Google's own clients of Storage Transfer, unmodified, against a running Safepoint.

Takes SAFEPOINT_URL, SAFEPOINT_TOKEN, SAFEPOINT_PROJECT and the buckets SAFEPOINT_STS_SOURCE_BUCKET,
SAFEPOINT_STS_SLOW_SOURCE_BUCKET and SAFEPOINT_STS_SINK_BUCKET from the environment, as `make up` writes them to .dev/env.
Tells what it does step by step, and ends with a code other than 0 at the first thing that is not as it should be.

`storage_transfer.py jobs` does what needs no worker, and wants that there is none: what is run stays where it is.
`storage_transfer.py transfers` lets workers transfer.
"""

import datetime
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

import google.oauth2.credentials
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import storage_transfer_v1 as sts
from google.protobuf import duration_pb2, field_mask_pb2
from google.type import date_pb2, timeofday_pb2
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

URL = os.environ["SAFEPOINT_URL"]
TOKEN = os.environ["SAFEPOINT_TOKEN"]
PROJECT = os.environ["SAFEPOINT_PROJECT"]
SOURCE = os.environ["SAFEPOINT_STS_SOURCE_BUCKET"]
SLOW_SOURCE = os.environ["SAFEPOINT_STS_SLOW_SOURCE_BUCKET"]
SINK = os.environ["SAFEPOINT_STS_SINK_BUCKET"]
FOREIGN = f"not-{PROJECT}"

# Everything this run makes bears one name, so that runs do not meet.
RUN = f"sdk-{uuid.uuid4()}"
# Far above what any step needs: what exceeds it hangs.
LIMIT = 60.0
Status = sts.TransferOperation.Status


def main():
    gapic = sts.StorageTransferServiceClient(
        transport="rest", credentials=credentials(TOKEN), client_options=ClientOptions(api_endpoint=URL)
    )
    discovery = build(
        "storagetransfer",
        "v1",
        credentials=credentials(TOKEN),
        client_options={"api_endpoint": URL},
        static_discovery=True,
        cache_discovery=False,
    )
    if "jobs" in sys.argv[1:]:
        gapic_makes_and_changes_jobs(gapic)
        discovery_makes_and_changes_jobs(discovery)
        lists_jobs(gapic, discovery)
        runs_wait_pause_and_are_cancelled(gapic, discovery)
        lists_runs(gapic, discovery)
        bad_requests_are_told(gapic, discovery)
        strangers_are_refused(gapic, discovery)
        deletes_jobs(gapic, discovery)
    if "transfers" in sys.argv[1:]:
        gapic_transfers(gapic)
        discovery_transfers(discovery)
        gapic_pauses_resumes_and_cancels(gapic)
        discovery_cancels(discovery)
    print("all as it should be")


def credentials(token):
    return google.oauth2.credentials.Credentials(token=token)


def step(text):
    print(f"--- {text}", flush=True)


def job_name(name):
    return f"transferJobs/{RUN}-{name}"


def spec(path, source=SOURCE):
    """From a bucket into a path of this run's own."""
    return sts.TransferSpec(
        gcs_data_source=sts.GcsData(bucket_name=source),
        gcs_data_sink=sts.GcsData(bucket_name=SINK, path=f"{RUN}/{path}/"),
    )


def body(name, source=SOURCE):
    return {
        "name": job_name(name),
        "projectId": PROJECT,
        "status": "ENABLED",
        "transferSpec": {
            "gcsDataSource": {"bucketName": source},
            "gcsDataSink": {"bucketName": SINK, "path": f"{RUN}/{name}/"},
        },
    }


def create(gapic, name, source=SOURCE, **more):
    job = sts.TransferJob(
        name=job_name(name), project_id=PROJECT, status=sts.TransferJob.Status.ENABLED, transfer_spec=spec(name, source), **more
    )
    return gapic.create_transfer_job(request={"transfer_job": job})


def get(gapic, name):
    return gapic.get_transfer_job(request={"job_name": name, "project_id": PROJECT})


def metadata(operation):
    """The metadata of an operation as the strict client reads it."""
    return sts.TransferOperation.deserialize(operation.metadata.value)


def eventually(what, name, look):
    """Looks whenever the operation has changed, as the native API's events tell; the first one is how it is now."""
    address = f"{URL}/api/v1/projects/{PROJECT}/operations/{name[-36:]}/events"
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


def gapic_makes_and_changes_jobs(gapic):
    step("GAPIC: create_transfer_job with all that a job can have, then get_transfer_job")
    asked = sts.TransferJob(
        name=job_name("gapic"),
        description="made by GAPIC",
        project_id=PROJECT,
        status=sts.TransferJob.Status.DISABLED,
        transfer_spec=sts.TransferSpec(
            gcs_data_source=sts.GcsData(bucket_name=SOURCE, path="a/"),
            gcs_data_sink=sts.GcsData(bucket_name=SINK, path=f"{RUN}/"),
            object_conditions=sts.ObjectConditions(
                include_prefixes=["x/", "y/"],
                exclude_prefixes=["x/z"],
                min_time_elapsed_since_last_modification=duration_pb2.Duration(seconds=3600, nanos=500_000_000),
                last_modified_since=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
            ),
            transfer_options=sts.TransferOptions(
                overwrite_when=sts.TransferOptions.OverwriteWhen.DIFFERENT,
                delete_objects_from_source_after_transfer=True,
            ),
        ),
        schedule=sts.Schedule(
            schedule_start_date=date_pb2.Date(year=2099, month=2, day=28),
            schedule_end_date=date_pb2.Date(year=2099, month=3, day=1),
            start_time_of_day=timeofday_pb2.TimeOfDay(hours=13, minutes=5),
            repeat_interval=duration_pb2.Duration(seconds=7200),
        ),
        notification_config=sts.NotificationConfig(
            pubsub_topic=f"projects/{PROJECT}/topics/ends",
            event_types=[sts.NotificationConfig.EventType.TRANSFER_OPERATION_FAILED],
            payload_format=sts.NotificationConfig.PayloadFormat.JSON,
        ),
    )
    made = gapic.create_transfer_job(request={"transfer_job": asked})
    for field in ("description", "project_id", "status", "transfer_spec", "schedule", "notification_config"):
        assert getattr(made, field) == getattr(asked, field), (field, made)
    assert made.name == asked.name and made.creation_time and not made.deletion_time, made
    assert get(gapic, made.name) == made

    step("GAPIC: a name is taken once; without one there is a name all the same")
    error = refused(lambda: gapic.create_transfer_job(request={"transfer_job": asked}), exceptions.Conflict)
    assert error.reason == "TRANSFER_JOB_EXISTS", error
    unnamed = sts.TransferJob(project_id=PROJECT, status=sts.TransferJob.Status.DISABLED, transfer_spec=spec("unnamed"))
    unnamed = gapic.create_transfer_job(request={"transfer_job": unnamed})
    assert unnamed.name.removeprefix("transferJobs/").isdigit(), unnamed.name

    step("GAPIC: update_transfer_job changes what the mask names")
    changed = sts.TransferJob(
        description="changed", status=sts.TransferJob.Status.ENABLED, transfer_spec=spec("elsewhere")
    )
    request = sts.UpdateTransferJobRequest(
        job_name=made.name,
        project_id=PROJECT,
        transfer_job=changed,
        update_transfer_job_field_mask=field_mask_pb2.FieldMask(paths=["description", "transfer_spec"]),
    )
    updated = gapic.update_transfer_job(request=request)
    assert (updated.description, updated.transfer_spec) == ("changed", spec("elsewhere")), updated
    assert (updated.status, updated.schedule) == (made.status, made.schedule), updated
    assert updated.notification_config == made.notification_config, updated
    assert get(gapic, made.name) == updated
    assert "@" in gapic.get_google_service_account(request={"project_id": PROJECT}).account_email


def discovery_makes_and_changes_jobs(discovery):
    step("discovery: transferJobs.create, get, patch")
    jobs = discovery.transferJobs()
    asked = body("discovery") | {"schedule": {"scheduleStartDate": {"year": 2099, "month": 1, "day": 2}}}
    made = jobs.create(body=asked).execute()
    assert {name: made[name] for name in asked} == asked, made
    assert set(made) - set(asked) == {"creationTime", "lastModificationTime"}, made
    assert jobs.get(jobName=made["name"], projectId=PROJECT).execute() == made
    request = {
        "projectId": PROJECT,
        "transferJob": {"description": "changed", "status": "DISABLED"},
        "updateTransferJobFieldMask": "description,status",
    }
    patched = jobs.patch(jobName=made["name"], body=request).execute()
    assert (patched["description"], patched["status"]) == ("changed", "DISABLED"), patched
    account = discovery.googleServiceAccounts().get(projectId=PROJECT).execute()
    assert set(account) == {"accountEmail", "subjectId"}, account


def lists_jobs(gapic, discovery):
    step("lists of jobs by every key of the filter, over pages, with both clients")
    names = [job_name("discovery"), job_name("gapic")]

    def listed(**more):
        text = json.dumps({"projectId": PROJECT, "jobNames": names} | more)
        found = [job["name"] for job in pages(discovery.transferJobs(), "transferJobs", filter=text, pageSize=1)]
        request = sts.ListTransferJobsRequest(filter=text, page_size=1)
        assert [job.name for job in gapic.list_transfer_jobs(request=request)] == found
        return found

    assert listed() == names
    assert listed(jobNames=names[:1]) == names[:1]
    assert listed(jobStatuses=["disabled"]) == names
    assert listed(jobStatuses=["ENABLED", "deleted"]) == []
    assert listed(sourceBucket=SOURCE, sinkBucket=SINK) == names
    assert listed(sourceBucket=SINK) == []
    assert listed(dataBackend="QUERY_REPLICATION_CONFIGS") == []
    snake = json.dumps({"project_id": PROJECT, "job_names": names, "job_statuses": ["DISABLED"]})
    assert [job.name for job in gapic.list_transfer_jobs(request={"filter": snake})] == names


def runs_wait_pause_and_are_cancelled(gapic, discovery):
    step("GAPIC: run_transfer_job; a second one is refused and names the first")
    job = create(gapic, "runs").name
    future = gapic.run_transfer_job(request={"job_name": job, "project_id": PROJECT})
    name = future.operation.name
    assert name.startswith(f"transferOperations/transferJobs-{RUN}-runs-"), name
    assert (future.metadata.status, future.metadata.transfer_job_name) == (Status.QUEUED, job), future.metadata
    assert future.metadata.transfer_spec == spec("runs") and not future.done()
    assert get(gapic, job).latest_operation_name == name
    error = refused(lambda: gapic.run_transfer_job(request={"job_name": job, "project_id": PROJECT}), exceptions.Conflict)
    assert error.reason == "TRANSFER_JOB_ACTIVE" and error.metadata["operation"] == name, error
    run = discovery.transferJobs().run(jobName=job, body={"projectId": PROJECT})
    assert refused(run.execute, HttpError).status_code == 409

    step("both clients: pause and resume, in the states that allow it and in others")
    operations = discovery.transferOperations()
    status = lambda: metadata(gapic.get_operation(request={"name": name})).status
    assert refused(lambda: gapic.resume_transfer_operation(request={"name": name}), exceptions.BadRequest)
    gapic.pause_transfer_operation(request={"name": name})
    assert status() == Status.PAUSED
    assert refused(operations.pause(name=name, body={}).execute, HttpError).status_code == 400
    assert operations.resume(name=name, body={}).execute() == {}
    assert status() == Status.QUEUED
    assert operations.pause(name=name).execute() == {}
    gapic.resume_transfer_operation(request={"name": name})
    assert status() == Status.QUEUED

    step("GAPIC: cancel(), cancelled(), result(); and a cancel of what has ended, by all roads, changes nothing")
    assert future.cancel() and future.cancelled()
    error = refused(lambda: future.result(timeout=LIMIT), exceptions.Cancelled)
    assert future.operation.error.code == 1 and future.metadata.status == Status.ABORTED, error
    before = gapic.get_operation(request={"name": name})
    gapic.cancel_operation(request={"name": name})
    gapic.transport.operations_client.cancel_operation(name)
    assert operations.cancel(name=name).execute() == {} and operations.cancel(name=name, body={}).execute() == {}
    assert gapic.get_operation(request={"name": name}) == before

    step("discovery: the job runs again, and its run is cancelled")
    again = run.execute()
    assert again["metadata"]["status"] == "QUEUED" and not again["done"], again
    assert operations.cancel(name=again["name"], body={}).execute() == {}
    ended = operations.get(name=again["name"]).execute()
    assert set(ended) == {"name", "metadata", "done", "error"} and set(ended["error"]) == {"code", "message"}, ended
    assert (ended["error"]["code"], ended["metadata"]["status"]) == (1, "ABORTED"), ended
    error = refused(lambda: plain("DELETE", f"/v1/{name}"), AssertionError)
    assert "501" in str(error), error


def lists_runs(gapic, discovery):
    step("lists of runs by every key of the filter, over pages, with three clients")
    runs = []
    for name in ("list-a", "list-b"):
        job = create(gapic, name).name
        runs.insert(0, gapic.run_transfer_job(request={"job_name": job, "project_id": PROJECT}).operation.name)
    jobs = [job_name("list-a"), job_name("list-b")]
    operations = discovery.transferOperations()
    operations.cancel(name=runs[0]).execute()

    def listed(**more):
        text = json.dumps({"projectId": PROJECT, "jobNames": jobs} | more)
        found = list(pages(operations, "operations", name="transferOperations", filter=text, pageSize=1))
        walked, token = [], ""
        while True:
            request = {"name": "transferOperations", "filter": text, "page_size": 256, "page_token": token}
            page = gapic.list_operations(request=request)
            walked += page.operations
            token = page.next_page_token
            if not token:
                break
        assert [operation.name for operation in walked] == [operation["name"] for operation in found]
        assert all(metadata(operation).project_id == PROJECT for operation in walked)
        return [operation["name"] for operation in found]

    assert listed() == runs, "newest first"
    assert listed(jobNames=jobs[:1]) == runs[1:]
    assert listed(jobNamePattern=f"transferJobs/{RUN}-list-*") == runs
    assert listed(jobNamePattern="transferJobs/list-*") == []
    assert listed(operationNames=runs[:1]) == runs[:1]
    assert listed(operationNamePattern=f"transferOperations/transferJobs-{RUN}-list-b-*") == runs[:1]
    assert listed(transferStatuses=["queued"]) == runs[1:]
    assert listed(transferStatuses=["ABORTED", "PAUSED", "IN_PROGRESS"]) == runs[:1]
    assert listed(transferStatuses=["SUCCESS", "FAILED", "SUSPENDING"]) == []
    hour = datetime.timedelta(hours=1)
    at = lambda delta: (datetime.datetime.now(datetime.timezone.utc) + delta).isoformat()
    assert listed(minCreationTime=at(-hour), maxCreationTime=at(hour)) == runs
    assert listed(minCreationTime=at(hour)) == [] and listed(maxCreationTime=at(-hour)) == []
    snake = json.dumps({"project_id": PROJECT, "job_names": jobs, "transfer_statuses": ["QUEUED"]})
    paged = gapic.transport.operations_client.list_operations(name="transferOperations", filter_=snake)
    assert [operation.name for operation in paged] == runs[1:]
    # So long that the client sends it as a POST that means a GET.
    many = [f"{job}-{'x' * 40}-{number}" for number in range(40) for job in jobs[:1]]
    assert listed(jobNames=jobs + many) == runs


def bad_requests_are_told(gapic, discovery):
    step("bad requests: the field stands in the answer")
    job = sts.TransferJob(project_id=PROJECT, status=sts.TransferJob.Status.ENABLED, transfer_spec=spec("bad"))
    job.transfer_spec.gcs_data_source.bucket_name = "nobodys"
    error = refused(lambda: gapic.create_transfer_job(request={"transfer_job": job}), exceptions.BadRequest)
    assert fields(error) == ["transferSpec.gcsDataSource.bucketName"], error.details
    job.transfer_spec = spec("bad")
    job.logging_config = sts.LoggingConfig(log_actions=[sts.LoggingConfig.LoggableAction.COPY])
    error = refused(lambda: gapic.create_transfer_job(request={"transfer_job": job}), exceptions.MethodNotImplemented)
    assert fields(error) == ["loggingConfig.logActions"], error.details
    key = body("bad")
    key["transferSpec"].pop("gcsDataSource")
    key["transferSpec"]["azureBlobStorageDataSource"] = {"storageAccount": "x", "container": "y"}
    error = refused(discovery.transferJobs().create(body=key).execute, HttpError)
    assert error.status_code == 501 and "azureBlobStorageDataSource" in error.reason, error
    error = refused(lambda: gapic.list_transfer_jobs(request={"filter": "done=true"}), exceptions.BadRequest)
    assert fields(error) == ["filter"], error.details
    request = discovery.transferOperations().list(name="transferOperations", filter="{}")
    assert "projectId" in refused(request.execute, HttpError).reason
    missing = f"transferOperations/transferJobs-{RUN}-{uuid.uuid4()}"
    error = refused(lambda: gapic.get_operation(request={"name": missing}), exceptions.NotFound)
    assert error.reason == "OPERATION_NOT_FOUND" and error.metadata["resource"] == missing, error


def strangers_are_refused(gapic, discovery):
    step("another project: PERMISSION_DENIED, whether it exists or not; no token and a wrong one: 401")
    filtered = json.dumps({"projectId": FOREIGN})
    job = job_name("gapic")
    for call in (
        lambda: gapic.get_transfer_job(request={"job_name": job, "project_id": FOREIGN}),
        lambda: gapic.run_transfer_job(request={"job_name": job, "project_id": FOREIGN}),
        lambda: gapic.delete_transfer_job(request={"job_name": job, "project_id": FOREIGN}),
        lambda: gapic.list_transfer_jobs(request={"filter": filtered}),
        lambda: gapic.list_operations(request={"name": "transferOperations", "filter": filtered}),
        lambda: gapic.get_google_service_account(request={"project_id": FOREIGN}),
    ):
        assert refused(call, exceptions.Forbidden).reason == "PERMISSION_DENIED"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        request = urllib.request.Request(f"{URL}/v1/transferJobs", headers=headers)
        assert refused(lambda: urllib.request.urlopen(request), urllib.error.HTTPError).code == 401


def deletes_jobs(gapic, discovery):
    step("delete, with both clients: the job is seen by its name, never runs again, and is listed to who asks")
    gapic.delete_transfer_job(request={"job_name": job_name("gapic"), "project_id": PROJECT})
    jobs = discovery.transferJobs()
    assert jobs.delete(jobName=job_name("discovery"), projectId=PROJECT).execute() == {}
    deleted = get(gapic, job_name("gapic"))
    assert deleted.status == sts.TransferJob.Status.DELETED and deleted.deletion_time, deleted
    run = lambda: gapic.run_transfer_job(request={"job_name": deleted.name, "project_id": PROJECT})
    assert refused(run, exceptions.BadRequest).reason == "TRANSFER_JOB_DELETED"
    names = [job_name("discovery"), job_name("gapic")]
    listed = lambda **more: [
        job["name"]
        for job in pages(jobs, "transferJobs", filter=json.dumps({"projectId": PROJECT, "jobNames": names} | more))
    ]
    assert listed() == [] and listed(jobStatuses=["DELETED"]) == names


def gapic_transfers(gapic):
    step("GAPIC: run_transfer_job, then result(): all objects are there, and counted")
    job = create(gapic, "gapic").name
    future = gapic.run_transfer_job(request={"job_name": job, "project_id": PROJECT})
    future.result(timeout=LIMIT)
    assert future.done() and not future.cancelled()
    counters, first = future.metadata.counters, future.metadata
    assert first.status == Status.SUCCESS and first.end_time >= first.start_time, first
    assert counters.objects_copied_to_sink == counters.objects_found_from_source > 0, counters
    assert counters.bytes_copied_to_sink == counters.bytes_found_from_source > 0, counters
    print(f"    {counters.objects_copied_to_sink} objects, {counters.bytes_copied_to_sink} bytes")
    same_as_source("gapic")

    step("GAPIC: the next run finds nothing to do")
    future = gapic.run_transfer_job(request={"job_name": job, "project_id": PROJECT})
    future.result(timeout=LIMIT)
    again = future.metadata.counters
    assert again.objects_copied_to_sink == 0, again
    assert again.objects_from_source_skipped_by_sync == counters.objects_found_from_source, again


def discovery_transfers(discovery):
    step("discovery: transferJobs.run, then transferOperations.get until it is done")
    discovery.transferJobs().create(body=body("discovery")).execute()
    created = discovery.transferJobs().run(jobName=job_name("discovery"), body={"projectId": PROJECT}).execute()
    done = until_done(discovery, created["name"])
    assert set(done) == {"name", "metadata", "done", "response"}, done
    assert done["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}, done
    assert done["metadata"]["status"] == "SUCCESS" and int(done["metadata"]["counters"]["objectsCopiedToSink"]) > 0, done
    same_as_source("discovery")


def gapic_pauses_resumes_and_cancels(gapic):
    step("GAPIC: a slow run is paused, resumed, paused again, and cancelled")
    job = create(gapic, "slow", SLOW_SOURCE).name
    future = gapic.run_transfer_job(request={"job_name": job, "project_id": PROJECT})
    name = future.operation.name
    seen = lambda: metadata(gapic.get_operation(request={"name": name}))
    until = lambda what, status: eventually(what, name, lambda: (lambda now: now.status == status and now)(seen()))
    until("the run", Status.IN_PROGRESS)
    gapic.pause_transfer_operation(request={"name": name})
    paused = until("the pause", Status.PAUSED)
    assert not future.done() and not paused.end_time, paused
    gapic.resume_transfer_operation(request={"name": name})
    running = until("the run goes on", Status.IN_PROGRESS)
    assert running.counters.objects_copied_to_sink >= paused.counters.objects_copied_to_sink, (paused, running)
    gapic.pause_transfer_operation(request={"name": name})
    until("the pause", Status.PAUSED)
    gapic.resume_transfer_operation(request={"name": name})
    until("the run goes on", Status.IN_PROGRESS)
    asked = time.monotonic()
    assert future.cancel()
    eventually("the end", name, future.done)
    print(f"    ABORTED {1000 * (time.monotonic() - asked):.0f} ms after cancel(), as this client sees it")
    assert future.cancelled() and future.metadata.status == Status.ABORTED, future.metadata
    refused(lambda: future.result(timeout=LIMIT), exceptions.Cancelled)
    assert get(gapic, job).status == sts.TransferJob.Status.ENABLED, "the job stays"


def discovery_cancels(discovery):
    step("discovery: the next run of the same job goes on with what is missing, and is cancelled too")
    operations = discovery.transferOperations()
    created = discovery.transferJobs().run(jobName=job_name("slow"), body={"projectId": PROJECT}).execute()
    status = lambda: operations.get(name=created["name"]).execute()["metadata"]["status"]
    eventually("the run", created["name"], lambda: status() == "IN_PROGRESS")
    assert operations.cancel(name=created["name"]).execute() == {}
    done = until_done(discovery, created["name"])
    assert (done["error"]["code"], done["metadata"]["status"]) == (1, "ABORTED"), done


def until_done(discovery, name):
    look = lambda: (lambda seen: seen["done"] and seen)(discovery.transferOperations().get(name=name).execute())
    return eventually("the end", name, look)


def same_as_source(name):
    """Every object of the source is in the sink, where both are folders that this machine can see."""
    source, sink = os.environ.get("SAFEPOINT_STS_SOURCE_DIR"), os.environ.get("SAFEPOINT_STS_SINK_DIR")
    if not source or not sink:
        return
    found = 0
    for folder, _, files in os.walk(source):
        for file in files:
            path = os.path.relpath(os.path.join(folder, file), source)
            with open(os.path.join(source, path), "rb") as one, open(os.path.join(sink, RUN, name, path), "rb") as other:
                assert one.read() == other.read(), path
            found += 1
    assert found > 0


def pages(resource, member, **arguments):
    """What is on all pages of a list."""
    request = resource.list(**arguments)
    while request is not None:
        page = request.execute()
        yield from page[member]
        request = resource.list_next(request, page)


def fields(error):
    return [violation["field"] for detail in error.details for violation in detail.get("fieldViolations", [])]


def refused(call, expected):
    try:
        call()
    except expected as error:
        return error
    raise AssertionError(f"{expected.__name__} was expected")


def plain(method, path):
    request = urllib.request.Request(URL + path, method=method, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code}: {error.read().decode()}") from error


if __name__ == "__main__":
    main()
