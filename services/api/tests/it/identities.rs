//! Who may call: each route asks for its scope and for the project of its path, and only tokens that are beyond doubt
//! say who calls.

use crate::fixture::{Answer, Fixture, LOCATION, NATIVE, THEIRS, answer, csv, transfer_job};
use crate::issuer::{RSA_PUBLIC, SigningKey, TestIssuer, ec, ed, other_rsa, rsa, sign};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use runtime::limits::{Limits, Rate};
use safepoint_api::admission::auth::Issuers;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use store::StoredToken;
use testkit::eventually;

/// All that grant something on the routes of today.
const SCOPES: [&str; 6] = [
    "operations.read",
    "operations.write",
    "operations.cancel",
    "operations.delete",
    "operations.admin",
    "https://www.googleapis.com/auth/cloud-platform",
];

async fn call(fixture: &Fixture, method: &str, path: &str, token: &str) -> Answer {
    send(fixture, method, path, token, WRONG).await
}

async fn send(fixture: &Fixture, method: &str, path: &str, token: &str, body: &str) -> Answer {
    answer(fixture.bare(method, path).bearer_auth(token).body(body.to_owned())).await
}

/// A body that is wrong in every way: it is not even looked at by those who refuse.
const WRONG: &str = "{ not json";
/// The same where the body has to tell the project: nothing else of it is looked at.
const WRONG_IN_MINE: &str = r#"{"projectId": "mine", "": "wrong", "transferSpec": 5, "name": 5}"#;

/// What who may not act in the project is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    /// That it may not act there, in the same words whether the project exists or not.
    Forbidden,
    /// That there is nothing, in the same words whether there is or not: the path does not tell the project.
    NotFound,
    /// The same as everybody: the method is not implemented.
    NotImplemented,
}

/// A method of the document that asks for a token.
#[derive(Debug)]
struct Asked {
    method: String,
    /// In the project `mine`.
    path: String,
    body: &'static str,
    /// It asks for one of these.
    scopes: Vec<String>,
    denied: Denied,
}

/// Every method of the document that asks for a token. `run` is a run of a transfer job of `mine`.
async fn routes(fixture: &Fixture, run: &str) -> Vec<Asked> {
    let document = fixture.get("/openapi.json").await.body;
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, described) in item.as_object().expect("a path") {
            let Some(security) = described["security"].as_array() else { continue };
            if *security == [json!({})] {
                continue;
            }
            let scopes: Vec<_> = security
                .iter()
                .map(|alternative| alternative["token"][0].as_str().expect("a scope").to_owned())
                .collect();
            let id = "01990000-0000-7000-8000-000000000000";
            let operation = if path.starts_with("/v1/") { format!("operation-{id}") } else { id.to_owned() };
            let mut asked = Asked {
                method: method.to_uppercase(),
                path: path.clone(),
                body: WRONG,
                scopes,
                denied: Denied::Forbidden,
            };
            if path.starts_with("/v1/transfer") {
                place(&mut asked, run);
            }
            asked.path =
                asked.path.replace("{project}", "mine").replace("{location}", "here").replace("{cluster}", "main");
            asked.path = asked.path.replace("{operation}", &operation);
            routes.push(asked);
        }
    }
    routes
}

/// Says the project where Storage Transfer's methods look for it.
fn place(asked: &mut Asked, run: &str) {
    let path = asked.path.replace("{job}", "one").replace("transferOperations/{operation}", run);
    let verb = path.ends_with(":wait") || (asked.method == "DELETE" && path.contains("transferOperations"));
    asked.path = match asked.method.as_str() {
        "GET" if !path.contains("transferJobs") || path.ends_with("transferJobs") => {
            format!("{path}?filter=%7B%22projectId%22%3A%22mine%22%2C%22wrong%22%3A1%7D")
        }
        "GET" | "DELETE" => format!("{path}?projectId=mine&pageSize=wrong"),
        _ => path.clone(),
    };
    if path.contains("/transferOperations/") {
        asked.path = path;
        asked.denied = if verb { Denied::NotImplemented } else { Denied::NotFound };
    } else if matches!(asked.method.as_str(), "POST" | "PATCH") {
        asked.body = WRONG_IN_MINE;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_for_its_scope_and_its_project() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    let fixture = Fixture::with_issuers(&[&corp]).await;
    let token = |scopes: &[&str], change: &dyn Fn(&mut Value)| {
        let mut claims = corp.claims();
        claims["scope"] = scopes.join(" ").into();
        change(&mut claims);
        sign(&rsa(), &claims)
    };
    fixture.post("/v1/transferJobs", &transfer_job("transferJobs/one")).await;
    let run = fixture.run_transfer("transferJobs/one").await["name"].as_str().expect("a name").to_owned();
    let asked = routes(&fixture, &run).await;
    assert!(asked.len() >= 39, "{}", asked.len());
    for denied in [Denied::NotFound, Denied::NotImplemented] {
        assert!(asked.iter().any(|asked| asked.denied == denied), "{denied:?}");
    }
    for asked in &asked {
        let Asked { method, path, body, scopes, denied } = asked;
        let about = format!("{method} {path} {scopes:?}");
        assert!(scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) && !scopes.is_empty(), "{about}");
        let bare = answer(fixture.bare(method, path).body(*body)).await;
        assert_eq!(bare.error(), (401, "UNAUTHENTICATED", "CREDENTIALS_MISSING"), "{about}");
        assert_eq!(bare.headers["www-authenticate"], "Bearer realm=\"safepoint\"");
        let expired = token(&SCOPES, &|claims| claims["exp"] = (get_current_timestamp() - 60).into());
        for wrong in ["wrong", &expired] {
            let refused = send(&fixture, method, path, wrong, body).await;
            assert_eq!(refused.error(), (401, "UNAUTHENTICATED", "CREDENTIALS_INVALID"), "{about}");
            assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"safepoint\", error=\"invalid_token\"");
        }
        let lacking: Vec<_> = SCOPES.into_iter().filter(|scope| !scopes.iter().any(|wanted| wanted == scope)).collect();
        let refused = send(&fixture, method, path, &token(&lacking, &|_| ()), body).await;
        assert_eq!(refused.error(), (403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "{about}");
        let challenge = refused.headers["www-authenticate"].to_str().expect("ASCII");
        assert!(challenge.ends_with(&format!("scope=\"{}\"", scopes.join(" "))), "{challenge}");
        let theirs = token(&SCOPES, &|claims| claims["projects"] = json!(["theirs"]));
        let refused = send(&fixture, method, path, &theirs, body).await;
        match denied {
            Denied::Forbidden => {
                assert_eq!(refused.error(), (403, "PERMISSION_DENIED", "PERMISSION_DENIED"), "{about}");
                // The same words for a project that does not exist.
                let (path, body) = (path.replace("mine", "none"), body.replace("mine", "none"));
                let nowhere = send(&fixture, method, &path, &theirs, &body).await;
                assert_eq!(nowhere.message().replace("none", "mine"), refused.message(), "{about}");
            }
            Denied::NotFound => {
                assert_eq!(refused.error(), (404, "NOT_FOUND", "OPERATION_NOT_FOUND"), "{about}");
                let nobodys = run.replace("-7", "-8");
                let nowhere = send(&fixture, method, &path.replace(&run, &nobodys), &theirs, body).await;
                assert_eq!(nowhere.message().replace(&nobodys, &run), refused.message(), "{about}");
            }
            Denied::NotImplemented => {
                assert_eq!(refused.error(), (501, "UNIMPLEMENTED", "METHOD_NOT_IMPLEMENTED"), "{about}");
            }
        }
        for scope in scopes {
            let admitted = send(&fixture, method, path, &token(&[scope.as_str()], &|_| ()), body).await;
            assert!(![401, 403, 500].contains(&admitted.status), "{about} with {scope}: {admitted:?}");
            assert!(*denied != Denied::NotFound || admitted.status != 404, "{about} with {scope}: {admitted:?}");
        }
    }
    assert_eq!(fixture.count().await, 1, "nothing was created");
}

/// The method's own scope is that of changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_delete_deletes_no_transfer_job_by_a_patch_either() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    let fixture = Fixture::with_issuers(&[&corp]).await;
    fixture.post("/v1/transferJobs", &transfer_job("transferJobs/one")).await;
    for (scopes, status, allowed) in [
        ("operations.write", "DELETED", false),
        ("operations.write", "DISABLED", true),
        ("operations.write operations.delete", "DELETED", true),
    ] {
        let mut claims = corp.claims();
        claims["scope"] = scopes.into();
        let body = json!({"projectId": "mine", "transferJob": {"status": status}}).to_string();
        let got = send(&fixture, "PATCH", "/v1/transferJobs/one", &sign(&rsa(), &claims), &body).await;
        if allowed {
            assert_eq!(got.body["status"], status, "{got:?}");
        } else {
            assert_eq!(got.error(), (403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_token_acts_as_its_claims_say() {
    let corp = TestIssuer::start("corp", &[rsa(), ec(), ed()]).await;
    let fixture = Fixture::with_issuers(&[&corp]).await;
    for key in [rsa(), ec(), ed()] {
        let mut claims = corp.claims();
        claims["aud"] = json!(["somebody else", "another name of it"]);
        claims["scope"] = "operations.write operations.cancel unknown".into();
        let token = sign(&key, &claims);
        let body = json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}});
        let created = answer(fixture.bare("POST", NATIVE).bearer_auth(&token).json(&body)).await;
        let id = created.body["id"].as_str().expect("an id");
        let path = format!("{NATIVE}/{id}:cancel");
        let cancelled = answer(fixture.bare("POST", &path).bearer_auth(&token)).await;
        assert_eq!(cancelled.body["operation"]["cancel"]["requestedBy"], "corp:alice", "{cancelled:?}");
        let read = call(&fixture, "GET", NATIVE, &token).await;
        assert_eq!(read.error().2, "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    }
    assert_eq!(corp.fetches(), 1, "one fetch brings all keys");
}

fn part(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token by hand: whatever header, whatever signature.
fn by_hand(header: &Value, claims: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

/// By name. `claims` are good, and so is the key: each of these is wrong in one way.
fn wrong_tokens(corp: &TestIssuer, other: &TestIssuer) -> Vec<(&'static str, String)> {
    let (good, now) = (corp.claims(), get_current_timestamp());
    let signed = |claims: &Value| sign(&rsa(), claims);
    let header = |change: &dyn Fn(&mut Header)| {
        let mut header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::RS256) };
        change(&mut header);
        encode(&header, &good, &rsa().key).expect("a token")
    };
    let by_public_key = SigningKey { algorithm: Algorithm::HS256, key: EncodingKey::from_secret(RSA_PUBLIC), ..rsa() };
    let (head, rest) = signed(&good).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("parts");
    let mut tokens = vec![
        ("no algorithm", by_hand(&json!({"alg": "none", "kid": "rsa"}), &good, "")),
        ("no algorithm, in another case", by_hand(&json!({"alg": "nOnE", "kid": "rsa"}), &good, "")),
        ("no algorithm, with a signature", format!("{}.{rest}", part(&json!({"alg": "none", "kid": "rsa"})))),
        ("signed with the public key as a secret", sign(&by_public_key, &good)),
        ("an algorithm that is not the key's", format!("{}.{rest}", part(&json!({"alg": "ES256", "kid": "rsa"})))),
        ("an algorithm that the key does not name", sign(&SigningKey { algorithm: Algorithm::PS512, ..rsa() }, &good)),
        ("no key id", header(&|header| header.kid = None)),
        ("a key id that is not there", header(&|header| header.kid = Some("none".to_owned()))),
        ("the id of another key", header(&|header| header.kid = Some("ec".to_owned()))),
        ("an extension that must be understood", header(&|header| header.crit = Some(vec!["b64".to_owned()]))),
        ("signed by another issuer's key of this id", sign(&other_rsa(), &good)),
        ("this issuer's key, another issuer", signed(&with(&good, "iss", other.settings.issuer.clone().into()))),
        ("an issuer that nobody knows", signed(&with(&good, "iss", "https://nobody.test".into()))),
        ("an issuer with a slash more", signed(&with(&good, "iss", format!("{}/", corp.settings.issuer).into()))),
        ("issuers in a list", signed(&with(&good, "iss", json!([corp.settings.issuer, "x"])))),
        ("another audience", signed(&with(&good, "aud", "https://other.test".into()))),
        ("a part of the audience", signed(&with(&good, "aud", "https://safepoint".into()))),
        ("no audiences", signed(&with(&good, "aud", json!([])))),
        ("an audience that is a number", signed(&with(&good, "aud", json!(1)))),
        ("expired", signed(&with(&good, "exp", (now - 60).into()))),
        ("an end that is a text", signed(&with(&good, "exp", (now + 600).to_string().into()))),
        ("an end before the beginning of time", signed(&with(&good, "exp", json!(-1)))),
        ("not valid yet", signed(&with(&good, "nbf", (now + 600).into()))),
        ("a beginning that is a text", signed(&with(&good, "nbf", "soon".into()))),
        ("an empty subject", signed(&with(&good, "sub", "".into()))),
        ("a subject with a line end", signed(&with(&good, "sub", "alice\nbob".into()))),
        ("a subject that is too long", signed(&with(&good, "sub", "a".repeat(256).into()))),
        (
            "changed claims",
            format!(
                "{head}.{}.{}",
                part(&with(&good, "sub", "eve".into())),
                rest.split_once('.').expect("a signature").1
            ),
        ),
        ("no signature", signed(&good).rsplit_once('.').map(|(rest, _)| format!("{rest}.")).expect("parts")),
        ("two parts", signed(&good).rsplit_once('.').map(|(rest, _)| rest.to_owned()).expect("parts")),
        ("four parts", format!("{}.x", signed(&good))),
        ("something before it", format!("x{}", signed(&good))),
        ("too long", signed(&with(&good, "more", "x".repeat(20_000).into()))),
    ];
    tokens.extend(["iss", "aud", "exp", "sub"].map(|name| ("a claim is missing", signed(&without(&good, name)))));
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_with_anything_wrong_is_nobodys() {
    let corp = TestIssuer::start("corp", &[rsa(), ec()]).await;
    let other = TestIssuer::start("other", &[other_rsa()]).await;
    let fixture = Fixture::with_issuers(&[&corp, &other]).await;
    assert_eq!(call(&fixture, "GET", NATIVE, &sign(&rsa(), &corp.claims())).await.status, 200);
    assert_eq!(call(&fixture, "GET", NATIVE, &sign(&other_rsa(), &other.claims())).await.status, 200);
    for (about, token) in wrong_tokens(&corp, &other) {
        let refused = call(&fixture, "GET", NATIVE, &token).await;
        assert_eq!(refused.error(), (401, "UNAUTHENTICATED", "CREDENTIALS_INVALID"), "{about}");
        assert_eq!(refused.message(), "the bearer token is not known, not valid, or not valid any more", "{about}");
    }
    assert_eq!(other.fetches(), 1, "no token names a key of it that is not there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_database_is_taken_until_it_is_revoked_or_over() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let token = |name: &str, expires_in| StoredToken {
        name: name.to_owned(),
        sha256: Sha256::digest(name).to_vec(),
        projects: vec!["mine".to_owned(), "no project!".to_owned()],
        scopes: vec!["operations.read".to_owned(), "of.tomorrow".to_owned()],
        expires_in,
    };
    let becomes = async |name: &str, reason: Option<&str>| {
        eventually("the replica knows", Duration::from_secs(30), async || {
            let got = call(&fixture, "GET", NATIVE, name).await;
            let found = if got.status == 200 { None } else { Some(got.error().2.to_owned()) };
            (found.as_deref() == reason).then_some(())
        })
        .await;
    };
    becomes("alice", Some("CREDENTIALS_INVALID")).await;
    assert!(store.create_token(&token("alice", None), "operator:test").await.expect("made"));
    becomes("alice", None).await;
    // The hash is no token.
    let hash = "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90";
    assert_eq!(call(&fixture, "GET", NATIVE, hash).await.error().2, "CREDENTIALS_INVALID");
    assert_eq!(
        call(&fixture, "DELETE", &format!("{NATIVE}/x"), "alice").await.error().2,
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    );
    let theirs = NATIVE.replace("mine", "theirs");
    assert_eq!(call(&fixture, "GET", &theirs, "alice").await.error().2, "PERMISSION_DENIED");
    // Longer than a replica may take to learn of it, on a machine that is busy.
    assert!(store.create_token(&token("bob", Some(Duration::from_secs(10))), "operator:test").await.expect("made"));
    becomes("bob", None).await;
    becomes("bob", Some("CREDENTIALS_INVALID")).await;
    assert!(store.revoke_token("alice", "operator:test").await.expect("revoked"));
    becomes("alice", Some("CREDENTIALS_INVALID")).await;
    assert!(
        !store.create_token(&token("alice", None), "operator:test").await.expect("asked"),
        "a name is one token for ever"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_a_replica_does_not_say_that_a_token_is_wrong() {
    let fixture = Fixture::without_database();
    let refused = call(&fixture, "GET", NATIVE, "unknown").await;
    assert_eq!(refused.error(), (503, "UNAVAILABLE", "TOKENS_UNAVAILABLE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let rate =
        |calls: u32, burst: u32| toml::from_str::<Rate>(&format!("calls = {calls}\nburst = {burst}")).expect("a rate");
    // So slow that none comes back while the test runs.
    let limits = Limits { requests_per_second: rate(1, 1_000), creations_per_minute: rate(1, 3), ..Limits::default() };
    let fixture = Fixture::with_limits(limits).await;
    let body = json!({"kind": "demo.steps", "spec": {"steps": 1, "stepMillis": 0}});
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(fixture.post(NATIVE, &body).await.body["id"].as_str().expect("an id").to_owned());
    }
    let refused = fixture.post(NATIVE, &body).await;
    assert_eq!(refused.error(), (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"));
    let seconds: u64 = refused.headers["retry-after"].to_str().expect("ASCII").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.body["error"]["details"][1]["retryDelay"], format!("{seconds}s"));
    // Nor by another way; and another project is not concerned.
    for path in [format!("{LOCATION}/clusters/main:export"), format!("{NATIVE}/{}:retry", ids[0])] {
        let refused = fixture.post(&path, &if path.ends_with("export") { csv("SELECT 1") } else { json!({}) }).await;
        assert_eq!(refused.error().2, "RATE_LIMIT_EXCEEDED", "{path}");
    }
    let theirs = fixture.bare("POST", &NATIVE.replace("mine", "theirs")).bearer_auth(THEIRS).json(&body);
    assert_eq!(answer(theirs).await.status, 200);
    assert_eq!(fixture.count().await, 4);

    // What is wrong costs no creation, and every call costs a call.
    let begun = Instant::now();
    let mut admitted = 0;
    let last = loop {
        let got = fixture.get(NATIVE).await;
        if got.status == 429 {
            break got;
        }
        assert_eq!(got.status, 200);
        admitted += 1;
    };
    assert_eq!(last.error(), (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"));
    assert!(admitted >= 990 && admitted <= 1_000 + begun.elapsed().as_secs(), "{admitted}");
    // The one who asked too often can cancel all the same.
    let cancelled = answer(fixture.request("POST", &format!("{NATIVE}/{}:cancel", ids[0]))).await;
    assert_eq!(cancelled.body["operation"]["state"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_key_ids_are_one_fetch_a_minute() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    let issuers = Issuers::new(std::slice::from_ref(&corp.settings)).expect("TLS");
    let begun = Instant::now();
    for number in 0..10_000 {
        let header = json!({"alg": "RS256", "kid": format!("kid-{number}")});
        let verified = issuers.verify(&by_hand(&header, &corp.claims(), "x")).await;
        assert!(verified.expect("an answer").is_none());
    }
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60).expect("minutes");
    assert!((1..=1 + minutes).contains(&corp.fetches()), "{} fetches", corp.fetches());
    let known = issuers.verify(&sign(&rsa(), &corp.claims())).await.expect("an answer");
    assert_eq!(known.expect("alice").name, "corp:alice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_ends_no_fetch_that_others_need() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    corp.answers.send_replace(false);
    let issuers = Issuers::new(std::slice::from_ref(&corp.settings)).expect("TLS");
    let token = sign(&rsa(), &corp.claims());
    tokio::select! {
        _ = issuers.verify(&token) => panic!("there is no answer yet"),
        () = eventually("the fetch", Duration::from_secs(30), async || (corp.fetches() == 1).then_some(())) => {}
    }
    corp.answers.send_replace(true);
    let known = issuers.verify(&token).await.expect("keys");
    assert_eq!((known.expect("alice").name.as_str(), corp.fetches()), ("corp:alice", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_outlive_their_issuers_absence_and_nobody_is_let_in_without() {
    let corp = TestIssuer::start("corp", &[rsa()]).await;
    let fixture = Fixture::with_issuers(&[&corp]).await;
    let token = sign(&rsa(), &corp.claims());
    assert_eq!(call(&fixture, "GET", NATIVE, &token).await.status, 200);
    drop(corp);
    assert_eq!(call(&fixture, "GET", NATIVE, &token).await.status, 200);

    let closes = String::new();
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned();
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(2 * 1024 * 1024));
    for (about, answered) in [
        ("no answer", closes),
        ("a redirect", redirect),
        ("no JSON", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx".to_owned()),
        ("too much", endless),
    ] {
        let odd = TestIssuer::answering("corp", answered).await;
        let fixture = Fixture::with_issuers(&[&odd]).await;
        let refused = call(&fixture, "GET", NATIVE, &token).await;
        assert_eq!(refused.error(), (503, "UNAVAILABLE", "ISSUER_UNAVAILABLE"), "{about}");
        assert_eq!(refused.headers["retry-after"], "60");
        // Others are not concerned.
        assert_eq!(fixture.get(NATIVE).await.status, 200);
        assert_eq!(odd.fetches(), 1, "{about}");
    }
}
