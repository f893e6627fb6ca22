//! No request costs much, whatever it says, and no error is long.

use crate::fixture::{Answer, Fixture, LOCATION, NATIVE, THEIRS, answer, csv, transfer_job};
use crate::hostile_requests::{LARGE, attacks, many_parameters};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;

/// More than any error has.
const LONGEST_ERROR: usize = 64 * 1024;
const MOST_VIOLATIONS: usize = 100;
/// Long for a debug build on a machine that does other things, and nothing beside what never ends.
const ENDS_WITHIN: Duration = Duration::from_mins(1);

fn violations(answer: &Answer) -> Vec<&str> {
    let details = answer.body["error"]["details"].as_array().into_iter().flatten();
    let violations = details.flat_map(|detail| detail["fieldViolations"].as_array().into_iter().flatten());
    violations.map(|violation| violation["field"].as_str().expect("a field")).collect()
}

async fn bounded(name: &str, request: RequestBuilder) -> Answer {
    let got = tokio::time::timeout(ENDS_WITHIN, answer(request)).await.unwrap_or_else(|_| panic!("{name} never ends"));
    let bytes = got.body.to_string().len();
    assert!(got.status < 400 || bytes < LONGEST_ERROR, "{name}: {bytes} bytes");
    assert!(violations(&got).len() <= MOST_VIOLATIONS, "{name}: {} violations", violations(&got).len());
    got
}

/// It is refused, in our form.
async fn refused(name: &str, request: RequestBuilder) -> Answer {
    let got = bounded(name, request).await;
    assert!((400..500).contains(&got.status) || got.status == 501, "{name}: {} {}", got.status, got.body);
    got.error();
    got
}

struct World {
    fixture: Fixture,
    document: Value,
    alloydb: String,
    native: String,
    job: String,
    run: String,
}

impl World {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let last = |name: &Value| name.as_str().expect("a name").rsplit('/').next().expect("an id").to_owned();
        let alloydb = last(&fixture.export().await["name"]);
        let native = last(&json!(fixture.steps().await));
        let job = "transferJobs/hostile";
        assert_eq!(fixture.post("/v1/transferJobs", &transfer_job(job)).await.status, 200);
        let run = last(&fixture.run_transfer(job).await["name"]);
        let document = answer(fixture.bare("GET", "/openapi.json")).await.body;
        Self { fixture, document, alloydb, native, job: "hostile".to_owned(), run }
    }

    /// A path with what is there in its gaps.
    fn path(&self, pattern: &str) -> String {
        let operation = if pattern.starts_with("/v1/transferOperations") {
            &self.run
        } else if pattern.starts_with("/v1/") {
            &self.alloydb
        } else {
            &self.native
        };
        let gaps = [
            ("project", "mine"),
            ("location", "here"),
            ("cluster", "main"),
            ("job", &self.job),
            ("operation", operation),
        ];
        gaps.iter().fold(pattern.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
    }

    /// The methods of the document: method, pattern, description.
    fn methods(&self) -> Vec<(Method, String, Value)> {
        let paths = self.document["paths"].as_object().expect("paths");
        let methods = paths.iter().flat_map(|(pattern, item)| {
            ["get", "post", "patch", "delete"].into_iter().filter_map(move |method| {
                let described = item.get(method)?.clone();
                Some((method.to_uppercase().parse().expect("a method"), pattern.clone(), described))
            })
        });
        // A stream has no end, and the audit log is for others.
        methods.filter(|(_, pattern, _)| !pattern.ends_with("/events") && !pattern.ends_with("/auditLog")).collect()
    }

    fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.fixture.request(method.as_str(), path)
    }
}

/// What a body must have to be looked at any further.
fn admitted(schema: &Value, mut body: Value, kind: Option<&str>) -> Value {
    if let Some(members) = body.as_object_mut() {
        for (name, value) in [("projectId", Some("mine")), ("kind", kind)] {
            if schema["properties"].get(name).is_some() && !members.contains_key(name) {
                members.extend(value.map(|value| (name.to_owned(), json!(value))));
            }
        }
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_body_gets_a_long_answer_and_each_is_refused() {
    let world = World::new().await;
    let mut sent = 0;
    for (method, pattern, described) in world.methods() {
        let schema = &described["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let path = world.path(&pattern);
        let choices = schema["oneOf"].as_array().into_iter().flatten().find(|choice| choice["$ref"].is_string());
        let schema = crate::hostile_requests::resolved(&world.document, choices.unwrap_or(schema));
        for attack in attacks(&world.document, schema) {
            let kinds: &[Option<&str>] = match pattern == "/api/v1/projects/{project}/operations" {
                true if attack.name.contains(".spec") => {
                    &[Some("postgres.export"), Some("storage.transfer"), Some("demo.steps")]
                }
                true => &[Some("demo.steps")],
                false => &[None],
            };
            for kind in kinds {
                let name = format!("{method} {pattern} {kind:?} {}", attack.name);
                let body = admitted(schema, attack.body.clone(), *kind);
                refused(&name, world.request(&method, &path).json(&body)).await;
                sent += 1;
            }
        }
    }
    assert!(sent > 500, "{sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_parameters_get_a_long_answer() {
    let world = World::new().await;
    let long = "x".repeat(LARGE);
    for (method, pattern, described) in world.methods() {
        let path = world.path(&pattern);
        let get = method == Method::GET;
        // As a form, a GET has as many parameters as a body has room for.
        let form = |body: String| {
            let request = world.request(&Method::POST, &path).header("x-http-method-override", "GET");
            request.header("content-type", "application/x-www-form-urlencoded").body(body)
        };
        let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
        let in_query = |parameter: &&Value| parameter["in"] == "query";
        if get && parameters.iter().any(|parameter| in_query(&parameter)) {
            let got = refused(&format!("{pattern} many"), form(many_parameters())).await;
            assert_eq!(violations(&got), ["(query)"], "{pattern}");
            for parameter in parameters.iter().filter(in_query) {
                let name = parameter["name"].as_str().expect("a name");
                for value in [
                    &long,
                    &"%22%5C".repeat(LARGE / 6),
                    &"%01".repeat(LARGE / 3),
                    &"(".repeat(LARGE),
                    &"a=1+".repeat(LARGE / 4),
                ] {
                    let about = format!("{pattern} {name}={}", &value[..8]);
                    let project = if name == "projectId" { "" } else { "&projectId=mine" };
                    refused(&about, form(format!("{name}={value}{project}"))).await;
                }
            }
        }
        // Below what actix takes for a head.
        for value in ["x".repeat(30_000), "%01".repeat(10_000), "%22".repeat(10_000)] {
            for gap in ["{project}", "{location}", "{cluster}", "{job}", "{operation}"]
                .iter()
                .filter(|gap| pattern.contains(**gap))
            {
                let path = world.path(&pattern.replace(gap, &value));
                let about = format!("{method} {pattern} {gap}={}", &value[..8]);
                bounded(&about, world.request(&method, &path).header("content-type", "application/json")).await;
            }
        }
        if method != Method::DELETE {
            for header in
                ["idempotency-key", "x-request-id", "last-event-id", "x-forwarded-for", "traceparent", "content-type"]
            {
                let request = world.request(&method, &path).header(header, "a, ".repeat(10_000));
                bounded(&format!("{method} {pattern} {header}"), request).await;
            }
        }
    }
    let strange = Method::from_bytes("X".repeat(30_000).as_bytes()).expect("a method");
    refused("a strange method", world.request(&strange, NATIVE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_of_transfers_hold_as_many_names_as_may_be_and_no_more() {
    let world = World::new().await;
    let list = |collection: &str, filter: &Value| {
        let request =
            world.request(&Method::POST, &format!("/v1/{collection}")).header("x-http-method-override", "GET");
        // Quotes need no escape here, and would take more room.
        request.header("content-type", "application/x-www-form-urlencoded").body(format!("filter={filter}"))
    };
    for (collection, member, item) in [
        ("transferJobs", "jobNames", "j"),
        ("transferJobs", "jobStatuses", "ENABLED"),
        ("transferJobs", "jobStatuses", "none"),
        ("transferOperations", "jobNames", "j"),
        ("transferOperations", "jobNames", "!"),
        ("transferOperations", "operationNames", "o"),
        ("transferOperations", "transferStatuses", "QUEUED"),
        ("transferOperations", "transferStatuses", "none"),
    ] {
        for count in [1_001, 130_000 / (item.len() + 3)] {
            let filter = json!({"projectId": "mine", member: vec![item; count]});
            let got = refused(&format!("{collection} {member} {item} {count}"), list(collection, &filter)).await;
            let path = format!("filter.{member}");
            let told = violations(&got);
            assert!(told == [path.as_str()] || told == ["filter"], "{member} {item} {count}: {}", got.body);
        }
    }
    let names: Vec<_> = (0..256).map(|index| format!("transferJobs/{}{index:03}", "n".repeat(100))).collect();
    let got = bounded("256 names", list("transferJobs", &json!({"projectId": "mine", "jobNames": names}))).await;
    assert_eq!((got.status, got.body), (200, json!({"transferJobs": []})));
}

/// The instances of the issue, and others of their kind: the parser doubles its work with each level.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_are_costly_to_read_are_refused_by_the_name_of_their_field() {
    let fixture = Fixture::new().await;
    let export = format!("{LOCATION}/clusters/main:export");
    for (before, after) in
        [("position(", ")"), ("substring(position(", "))"), ("(position(", "),1)"), ("f(1,position(", "))")]
    {
        for depth in [20, 40, 1_000] {
            let query = format!("SELECT {}1{}", before.repeat(depth), after.repeat(depth));
            let got = refused(&query[..20], fixture.request("POST", &export).json(&csv(&query))).await;
            assert_eq!(violations(&got), ["csvExportOptions.selectQuery"]);
            let spec = json!({
                "cluster": "projects/mine/locations/here/clusters/main", "database": "shop",
                "bucket": "exports", "object": "a", "format": {"csv": {"selectQuery": query}},
            });
            let body = json!({"kind": "postgres.export", "spec": spec});
            let got = refused(&query[..20], fixture.request("POST", NATIVE).json(&body)).await;
            assert_eq!(violations(&got), ["spec.format.csv.selectQuery"]);
            assert!(
                got.message().contains("too complex") || got.message().contains("nested deeper"),
                "{}",
                got.message()
            );
        }
    }
    assert_eq!(fixture.count().await, 0, "nothing was created");
}

/// While all slots for costly work are taken, by whom so ever, the one thread of this server serves everybody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_of_another_project_does_not_wait_for_what_is_costly() {
    let fixture = Fixture::new().await;
    let theirs = NATIVE.replace("mine", "theirs");
    let steps = json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}});
    let created = answer(fixture.bare("POST", &theirs).bearer_auth(THEIRS).json(&steps)).await;
    let operation = created.body["id"].as_str().expect("an id").to_owned();
    let mut held = Vec::new();
    for caller in ["one", "another"] {
        let (release, until) = mpsc::channel::<()>();
        let (tell, begun) = tokio::sync::oneshot::channel();
        let work = move || {
            let _ = tell.send(());
            let _ = until.recv();
        };
        held.push((tokio::spawn(safepoint_api::admission::off_reactor::run(caller, work)), release));
        begun.await.expect("begun");
    }
    assert_eq!(held.len(), safepoint_api::admission::off_reactor::MOST_AT_A_TIME);
    let export = format!("{LOCATION}/clusters/main:export");
    let refused = fixture.post(&export, &csv("SELECT 1")).await;
    assert_eq!(refused.error(), (429, "RESOURCE_EXHAUSTED", "TOO_MANY_LARGE_REQUESTS"));
    assert_eq!(refused.headers["retry-after"], "1");
    let large = json!({"kind": "demo.steps", "spec": {"steps": 1}, "labels": {"a": "x".repeat(100_000)}});
    assert_eq!(fixture.post(NATIVE, &large).await.status, 429);
    large_cancels_are_answered(&fixture, &theirs, &operation).await;
    let cancel = fixture.bare("POST", &format!("{theirs}/{operation}:cancel")).bearer_auth(THEIRS);
    assert_eq!(answer(cancel).await.body["operation"]["state"], "CANCELLED");
    assert_eq!(answer(fixture.bare("GET", "/healthz")).await.status, 200);
    for (work, release) in held {
        drop(release);
        work.await.expect("joined").expect("done");
    }
    assert_eq!(fixture.post(&export, &csv("SELECT 1")).await.status, 200);
}

/// Every cancel is read without a slot, up to a limit of its own.
async fn large_cancels_are_answered(fixture: &Fixture, theirs: &str, operation: &str) {
    let escaped = |text: &str| text.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<Vec<_>>().concat();
    let filter = format!("labels.a = \"{}\"", "x".repeat(3_900));
    let body = format!("{{\"filter\": \"{}\", \"dryRun\": true}}", escaped(&filter));
    assert!(body.len() > safepoint_api::admission::off_reactor::SMALL);
    let cancel = |path: String, body: String| {
        let request = fixture.bare("POST", &path).bearer_auth(THEIRS).header("content-type", "application/json");
        answer(request.body(body))
    };
    let got = cancel(format!("{theirs}:cancel"), body).await;
    assert_eq!((got.status, &got.body["matching"]), (200, &json!("0")), "{}", got.body);
    for verb in ["cancel", "pause", "resume"] {
        for (blanks, is_too_large) in [(40_000, false), (70_000, true)] {
            let body = format!("{{{}\"strange\": 1}}", " ".repeat(blanks));
            let got = cancel(format!("{theirs}/{operation}:{verb}"), body).await;
            let told = got.error();
            assert_eq!(told.0, 400, "{verb} {blanks}: {}", got.body);
            assert_eq!(told.2 == "BODY_TOO_LARGE", is_too_large, "{verb} {blanks}: {}", got.body);
        }
    }
}
