"""A client that openapi-python-client generates from our document, against a running Safepoint.

Takes SAFEPOINT_URL, SAFEPOINT_TOKEN and SAFEPOINT_PROJECT from the environment, and a folder to generate into. Ends with a
code other than 0 at the first thing that is not as it should be; a part of the document that the generator leaves out is
one of these.
"""

import importlib
import os
import pathlib
import subprocess
import sys

URL = os.environ["SAFEPOINT_URL"]
PROJECT = os.environ["SAFEPOINT_PROJECT"]
FOLDER = pathlib.Path(sys.argv[1])

# Nothing formats the code: nobody reads it.
settings = FOLDER / "settings.yml"
settings.write_text("post_hooks: []\npackage_name_override: generated\n")
command = [sys.executable, "-m", "openapi_python_client", "generate", "--url", f"{URL}/openapi.json"]
command += ["--config", str(settings), "--meta", "none", "--output-path", str(FOLDER / "generated"), "--fail-on-warning"]
subprocess.run(command, check=True)
sys.path.insert(0, str(FOLDER))
generated, models = importlib.import_module("generated"), importlib.import_module("generated.models")
client = generated.AuthenticatedClient(base_url=URL, token=os.environ["SAFEPOINT_TOKEN"])


def call(name, *path, **body):
    return importlib.import_module(f"generated.api.native.operations_{name}").sync(PROJECT, *path, client=client, **body)


def create(spec, model=models.CreateDemoSteps, kind=models.CreateDemoStepsKind.DEMO_STEPS):
    return call("create", body=model(kind=kind, spec=spec))


# Without a worker it stays as it is.
first = create(models.DemoStepsRequest(steps=3, step_millis=5))
assert isinstance(first, models.Operation), first
assert isinstance(first.spec, models.ShownDemoSteps) and first.spec.steps == 3, first.spec
assert first.state == models.StateName.PENDING, first.state
assert call("get", first.id).to_dict() == first.to_dict()

# A spec that was returned can be sent back.
again = create(first.spec)
assert isinstance(again, models.Operation) and again.id != first.id, again
assert again.spec == first.spec, again.spec

for operation in (first, again):
    answered = call("cancel", operation.id, body=models.CancelRequest(reason="a test"))
    assert answered.answer == models.AnswerWord.RECORDED, answered
    assert answered.operation.state == models.StateName.CANCELLED, answered
    assert answered.operation.cancel.reason == "a test", answered
retried = call("retry", first.id, body=models.RetryOperation(request_id="once"))
assert (retried.answer, retried.operation.retry_of) == (models.AnswerWord.RECORDED, first.id), retried
retried = call("retry", first.id, body=models.RetryOperation(request_id="once"))
assert retried.answer == models.AnswerWord.ALREADY_REQUESTED, retried
listed = call("list")
assert {first.id, again.id} < {operation.id for operation in listed.operations}, listed

# What is wrong is told by its path; kinds that the document does not list can be asked for, and shown.
wrong = create(models.DemoStepsRequest(steps=0, step_millis=-1))
assert isinstance(wrong, models.ErrorAnswer), wrong
violations = [violation.field for detail in wrong.error.details for violation in detail.field_violations or ()]
assert violations == ["spec.steps", "spec.stepMillis"], wrong
spec = models.OwnSpec.from_dict({"table": "t"})
wrong = create(spec, models.CreateOwnKind, "acme.reindex")
assert isinstance(wrong, models.ErrorAnswer) and "acme.reindex" in wrong.error.message, wrong
shown = models.Operation.from_dict({**first.to_dict(), "spec": {"kind": "acme.reindex", "table": "t"}})
assert shown.spec["table"] == "t", shown.spec
print("the generated client did it all")
