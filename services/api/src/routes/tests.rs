//! A panic is an answer. The document holds all routes, and nothing else; and it is one that tools can read.

use super::*;
use crate::admission::auth::WRITE;
use crate::admission::call::Call;
use crate::admission::endpoint::at;
use crate::kinds::catalog::Catalog;
use crate::kinds::own::OwnKinds;
use crate::native::OPERATIONS;
use crate::operations::Operations;
use crate::operations::watch::{Terms, Watches};
use crate::wire::page_token::PageTokens;
use actix_web::HttpResponse;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use operation::ProjectId;
use runtime::broker::{BrokerSettings, Changes, Publisher};
use runtime::callers::Token;
use runtime::config::{Config, Secret};
use runtime::heartbeat::Heartbeats;
use runtime::kind_settings::KindsConfig;
use runtime::scope::Scope;
use runtime::sealing::KeyRing;
use serde_json::Value;
use std::collections::BTreeSet;
use store::{PoolSettings, Store};
use tokio_util::sync::CancellationToken;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn json() -> Value {
    serde_json::to_value(document()).expect("JSON")
}

/// Each method of the document, with its path.
fn methods(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path item");
        let known = item.iter().filter(|(name, _)| METHODS.contains(&name.as_str()));
        known.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    methods.collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let served: BTreeSet<(String, String)> = endpoints()
        .iter()
        .flat_map(|endpoint| {
            endpoint.methods.iter().map(|(method, _)| ((*method).to_owned(), endpoint.pattern.clone()))
        })
        .collect();
    let document = json();
    let described: BTreeSet<_> = methods(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let (missing, dead): (Vec<_>, Vec<_>) =
        (served.difference(&described).collect(), described.difference(&served).collect());
    assert!(missing.is_empty(), "served, but not described (#[utoipa::path], Document): {missing:?}");
    assert!(dead.is_empty(), "described, but not served: {dead:?}");
    assert!(served.len() >= 30, "{}", served.len());
}

#[test]
fn it_is_openapi_3_1() {
    let document = json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", document["openapi"]);
    for member in ["title", "version"] {
        assert!(document["info"][member].as_str().is_some_and(|text| !text.is_empty()), "info.{member}");
    }
    let methods = methods(&document);
    let ids: BTreeSet<_> = methods.iter().filter_map(|(_, _, operation)| operation["operationId"].as_str()).collect();
    assert_eq!(ids.len(), methods.len(), "each method has an operationId of its own");
    for (method, path, operation) in &methods {
        for part in path.split('{').skip(1) {
            let name = part.split('}').next().expect("a name");
            let parameters = operation["parameters"].as_array().expect("parameters");
            let described = parameters.iter().any(|p| p["name"] == name && p["in"] == "path" && p["required"] == true);
            assert!(described, "{method} {path}: {name}");
        }
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = json();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn refusals_are_told() {
    let document = json();
    let check = |path: &str, method: &str, statuses: &[&str]| {
        let answers = document["paths"][path][method]["responses"].as_object().expect("answers");
        let told: Vec<_> = answers.keys().map(String::as_str).collect();
        assert_eq!(told, statuses, "{method} {path}");
    };
    let under = |rest: &str| format!("{OPERATIONS}{rest}");
    check(
        OPERATIONS,
        "post",
        &["200", "400", "401", "403", "404", "405", "408", "409", "429", "431", "500", "501", "503"],
    );
    check(&under("/{operation}"), "get", &["200", "401", "403", "404", "405", "429", "431", "500", "503"]);
    let waits = ["200", "400", "401", "403", "404", "405", "408", "429", "431", "500", "503"];
    check(&under("/{operation}:wait"), "post", &waits);
    check("/readyz", "get", &["200", "405", "500", "503"]);
    for (method, path, operation) in methods(&document) {
        let open = operation["security"] == serde_json::json!([{}]);
        let answers = operation["responses"].as_object().expect("answers");
        assert!(open || (answers.contains_key("401") && answers.contains_key("403")), "{method} {path}");
    }
}

/// Each schema that `value` is, holds or refers to, with where it stands.
fn schemas<'a>(document: &'a Value, at: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    if found.iter().any(|(_, known)| std::ptr::eq(*known, value)) {
        return;
    }
    found.push((at.to_owned(), value));
    if let Some(reference) = value["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        schemas(document, reference, target, found);
    }
    for (name, property) in value["properties"].as_object().into_iter().flatten() {
        schemas(document, &format!("{at}.{name}"), property, found);
    }
    for name in ["items", "additionalProperties"] {
        if value[name].is_object() {
            schemas(document, &format!("{at}.{name}"), &value[name], found);
        }
    }
    for name in ["oneOf", "anyOf", "allOf"] {
        for part in value[name].as_array().into_iter().flatten() {
            schemas(document, &format!("{at}.{name}"), part, found);
        }
    }
}

#[test]
fn every_object_list_and_text_of_a_request_has_a_limit() {
    let document = json();
    let mut found = Vec::new();
    for (method, path, operation) in methods(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            schemas(&document, &format!("{method} {path} {}", parameter["name"]), &parameter["schema"], &mut found);
        }
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        schemas(&document, &format!("{method} {path}"), body, &mut found);
    }
    let limits = [("string", "maxLength"), ("array", "maxItems"), ("object", "maxProperties")];
    let mut counted = [0; 3];
    for (at, schema) in &found {
        let is = |name: &str| {
            schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&name.into()))
        };
        for (index, (name, limit)) in limits.iter().enumerate() {
            let closed =
                schema.get("enum").is_some() || schema.get("format").is_some() || schema.get("const").is_some();
            if is(name) && !closed {
                assert!(schema[limit].is_u64(), "{at} has no {limit}: {schema}");
                counted[index] += 1;
            }
        }
    }
    assert!(counted[0] > 50 && counted[1] > 4 && counted[2] > 25, "{counted:?}");
}

#[test]
fn the_document_states_the_limits_that_the_code_holds() {
    let document = json();
    let schemas = &document["components"]["schemas"];
    for schema in ["CsvRequest", "alloydb.CsvExportOptions"] {
        let stated = &schemas[schema]["properties"]["selectQuery"]["maxLength"];
        assert_eq!(*stated, crate::kinds::select_query::LONGEST, "{schema}");
    }
    for path in [storage_transfer::TRANSFER_JOBS, storage_transfer::TRANSFER_OPERATIONS] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().expect("parameters");
        let filter = parameters.iter().find(|parameter| parameter["name"] == "filter").expect("a filter");
        assert_eq!(filter["schema"]["maxLength"], crate::wire::bounds::LONGEST_JSON_FILTER, "{path}");
    }
    let filter = &schemas["CancelManyRequest"]["properties"]["filter"]["maxLength"];
    assert_eq!(*filter, crate::listing::filter::LONGEST);
}

/// Connects to nothing.
fn api() -> (web::Data<Api>, web::Data<Gate>) {
    let url = Secret::new("amqp://127.0.0.1:1");
    let broker = BrokerSettings { url, authorities: None, namespace: "none".to_owned(), process: "test" };
    let ended = CancellationToken::new();
    let publisher = Publisher::start(broker.clone(), ended.clone()).expect("a publisher");
    let changes = Changes::start(broker, ended.clone()).expect("a listener");
    let store = Store::new("postgres://127.0.0.1:1/none", PoolSettings::new("test")).expect("a store");
    let project: ProjectId = "p".parse().expect("a project");
    // printf %s secret | sha256sum
    let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b".to_owned();
    let token = Token { name: "demo".to_owned(), sha256, projects: vec![project], scopes: vec![Scope::Write] };
    let config = Config { tokens: vec![token], ..Config::default() };
    let gate = Gate::new(&config, None).expect("TLS");
    let operations = Operations::new(store.clone(), publisher, KeyRing::EMPTY, KindsConfig::default());
    let api = Api {
        own_kinds: OwnKinds::follow(operations.clone(), ended.clone()),
        watches: Watches::start(&store, changes, Terms::new(100), ended),
        operations,
        destinations: config.destinations.clone(),
        catalog: Catalog::new(&config).expect("an empty catalog"),
        page_tokens: PageTokens::new(&[7; 32]),
        serving_threads: Heartbeats::new("serving threads", 0),
    };
    (web::Data::new(api), web::Data::new(gate))
}

async fn panics(call: Call) -> HandlerResult {
    assert!(call.project.as_str().is_empty(), "canary-panic");
    Ok(HttpResponse::Ok().finish())
}

#[actix_web::test]
async fn a_panic_is_an_answer_and_the_next_call_is_served() {
    let (api, gate) = api();
    let routes = |config: &mut web::ServiceConfig| {
        config.service(at("/{project}/panics").get(WRITE, panics));
    };
    let app = App::new().app_data(api).app_data(gate).configure(routes).wrap(from_fn(observe::observe));
    let app = init_service(app).await;
    for _ in 0..2 {
        let request = TestRequest::get().uri("/p/panics").insert_header(("authorization", "Bearer secret"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key("x-request-id"));
        let body: Value = read_body_json(response).await;
        assert_eq!(body["error"]["status"], "INTERNAL");
        assert_eq!(body["error"]["details"][0]["reason"], "INTERNAL");
        assert!(!body.to_string().contains("canary"), "{body}");
    }
}

#[actix_web::test]
async fn a_kind_that_is_switched_off_cannot_be_created() {
    let (api, gate) = api();
    let app = init_service(app(api, gate)).await;
    let request = TestRequest::post()
        .uri("/api/v1/projects/p/operations")
        .insert_header(("authorization", "Bearer secret"))
        .set_payload(r#"{"kind":"demo.steps","spec":{"steps":1,"stepMillis":1}}"#);
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), 501);
    let body: Value = read_body_json(response).await;
    assert_eq!(body["error"]["details"][0]["reason"], "KIND_SWITCHED_OFF");
}
