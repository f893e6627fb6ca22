//! Huawei Cloud's own signer, and us who check.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use runtime::clock;
use runtime::config::Secret;
use safepoint_api::admission::auth::signature::{Authorization, MOST_SKEW, Refused, SignedRequest, verify};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use time::format_description::well_known::Iso8601;
use time::{Duration, OffsetDateTime};

const SECRET: &str = "canary-secret-of-the-access-key";

/// A request that the signer signed, as it goes over the wire.
#[derive(Clone)]
struct Signed {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Signed {
    fn set(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        self.headers.insert(HeaderName::from_static(name), value);
    }

    fn header(&self, name: &str) -> String {
        String::from_utf8(self.headers.get(name).expect("a header").as_bytes().to_vec()).expect("UTF-8")
    }

    fn check(&self, secret: &str, now: OffsetDateTime) -> Result<(), Refused> {
        let authorization = self.header("authorization");
        let authorization = Authorization::parse(&authorization)?;
        assert_eq!(authorization.access_key, "AK");
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        verify(request, &authorization, &Secret::new(secret), now)
    }
}

/// What the clients send, and what could go wrong on the way: blanks, slashes, repeated names, other alphabets.
fn corpus() -> Vec<Value> {
    let ask = |method: &str, path: &str, query: Value, headers: Value, body: &str| {
        let mut asked = json!({"accessKey": "AK", "secret": SECRET, "host": "127.0.0.1:8080", "method": method,
            "path": path, "query": query, "headers": {"Content-Type": "application/json"}, "body": body});
        for (name, value) in headers.as_object().expect("headers") {
            asked["headers"][name] = value.clone();
        }
        asked
    };
    let project = "/v2/666486c2d9b948c1bbea57e714d744fa";
    vec![
        ask("POST", &format!("{project}/migration-task/c6d8/stop"), json!([]), json!({"X-Project-Id": "6664"}), ""),
        ask(
            "GET",
            &format!("{project}/migration-tasks"),
            json!([["offset", 0], ["limit", 10], ["name", "a b+c/d~e"]]),
            json!({}),
            "",
        ),
        ask(
            "GET",
            &format!("{project}/migration-tasks"),
            json!([["z", "1"], ["a", "2"], ["a", "1"], ["A", "3"], ["ä", "ö"]]),
            json!({}),
            "",
        ),
        ask("GET", &format!("{project}/migration-task/%7Btask_id%7D"), json!([["empty", ""]]), json!({}), ""),
        ask("GET", &format!("{project}/migration-task/a%2Fb%20c"), json!([]), json!({"X-Blank": "  between  "}), ""),
        ask(
            "POST",
            &format!("{project}/migration/instance"),
            json!([]),
            json!({"User-Agent": "huaweicloud-usdk-python/3.0; os/Linux#1"}),
            r#"{"task_name":"Überzug","password":"x&y=z"}"#,
        ),
        ask(
            "DELETE",
            &format!("{project}/migration-tasks/delete"),
            json!([]),
            json!({"not_signed": "x"}),
            r#"{"task_id_list":[]}"#,
        ),
        ask("PUT", "/", json!([["only", "%2525"]]), json!({}), "{}"),
    ]
}

/// Signed by the official client's code.
fn signed() -> Vec<Signed> {
    let python = std::env::var("TEST_PYTHON").expect("TEST_PYTHON: run the tests by `make test`");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/huawei_signer.py");
    let mut child =
        (Command::new(python).arg(script)).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python");
    let corpus = corpus();
    let lines: Vec<_> = corpus.iter().map(Value::to_string).collect();
    child.stdin.take().expect("a pipe").write_all(lines.join("\n").as_bytes()).expect("written");
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "the signer failed");
    let answers: Vec<Value> = (String::from_utf8(output.stdout).expect("UTF-8").lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), corpus.len());
    let one = |(asked, signed): (&Value, &Value)| {
        let uri = signed["uri"].as_str().expect("a URI");
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in signed["headers"].as_object().expect("headers") {
            // As the client sends it: one byte for each character (Latin-1).
            let bytes: Vec<u8> = value.as_str().expect("a text").chars().map(|c| c as u8).collect();
            let name: HeaderName = name.to_lowercase().parse().expect("a name");
            headers.insert(name, HeaderValue::from_bytes(&bytes).expect("a value"));
        }
        let text = |name: &str| asked[name].as_str().expect("a text").to_owned();
        Signed {
            method: text("method"),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: text("body").into(),
        }
    };
    corpus.iter().zip(&answers).map(one).collect()
}

#[test]
fn what_the_official_signer_signs_is_accepted_and_nothing_else() {
    let requests = signed();
    for request in &requests {
        let about = format!("{} {}?{}", request.method, request.path, request.query);
        let date = request.header("x-sdk-date");
        let moment = OffsetDateTime::parse(&date, &Iso8601::PARSING).expect("a date");
        let check = |changed: &Signed, secret: &str, now: OffsetDateTime, expected: Result<(), Refused>, what: &str| {
            assert_eq!(changed.check(secret, now), expected, "{about}: {what}");
        };
        check(request, SECRET, clock::now(), Ok(()), "as it is");
        check(request, "another", moment, Err(Refused::Mismatch), "another secret");
        for (late, expected) in [(0, Ok(())), (1, Err(Refused::Date))] {
            let far = Duration::try_from(MOST_SKEW).expect("minutes") + Duration::seconds(late);
            check(request, SECRET, moment + far, expected, "long after");
            check(request, SECRET, moment - far, expected, "long before");
        }
        let changed = |what: &str, expected: Refused, change: &dyn Fn(&mut Signed)| {
            let mut changed = request.clone();
            change(&mut changed);
            check(&changed, SECRET, moment, Err(expected), what);
        };
        changed("method", Refused::Mismatch, &|r| r.method = "PATCH".to_owned());
        changed("path", Refused::Mismatch, &|r| r.path.push_str("/x"));
        changed("query", Refused::Mismatch, &|r| r.query.push_str("&x=1"));
        changed("a name that is no text", Refused::Mismatch, &|r| r.query.push_str("&%FF"));
        changed("a plus", Refused::Mismatch, &|r| r.path.push('+'));
        changed("body", Refused::Mismatch, &|r| r.body.push(b' '));
        changed("a signed header", Refused::Mismatch, &|r| r.set("content-type", "application/json2"));
        changed("another host", Refused::Mismatch, &|r| r.set("host", "127.0.0.2:8080"));
        changed("another date", Refused::Mismatch, &|r| {
            let later = moment + Duration::seconds(1);
            let text = later.format(&Iso8601::DEFAULT).expect("a text").replace(['-', ':'], "");
            r.set("x-sdk-date", &format!("{}Z", text.split('.').next().expect("seconds")));
        });
        changed("no date", Refused::Date, &|r| r.set("x-sdk-date", "yesterday"));
        changed("a header twice", Refused::NotSigned, &|r| {
            r.headers.append(HeaderName::from_static("host"), HeaderValue::from_static("127.0.0.1:8080"));
        });
        changed("a header that is gone", Refused::NotSigned, &|r| drop(r.headers.remove("host")));
        changed(
            "a body that is not signed",
            if request.body.is_empty() { Refused::Mismatch } else { Refused::Body },
            &|r| {
                r.set("x-sdk-content-sha256", "UNSIGNED-PAYLOAD");
                // Where there is none, its hash is known: something else has to be wrong.
                if r.body.is_empty() {
                    r.method.push('X');
                }
            },
        );
        let header = request.header("authorization");
        changed("host is not signed", Refused::NotSigned, &|r| r.set("authorization", &header.replace(";host", "")));
        changed("date is not signed", Refused::NotSigned, &|r| {
            r.set("authorization", &header.replace(";x-sdk-date", "").replace("x-sdk-date", "x-other"));
        });
        for (from, to) in [
            ("SDK-HMAC-SHA256", "SDK-HMAC-SM3"),
            ("SDK-HMAC-SHA256", "V11-HMAC-SHA256"),
            ("SDK-HMAC-SHA256 ", ""),
            ("Access=AK", "Access="),
            ("Access=", "Credential="),
            (", Signature=", ", Signature=0"),
            ("Signature=", "Signature=zz"),
            ("SignedHeaders=", "Signed="),
        ] {
            changed(to, Refused::Malformed, &|r| r.set("authorization", &header.replacen(from, to, 1)));
        }
        changed("something behind", Refused::Malformed, &|r| r.set("authorization", &format!("{header}, More=1")));
    }
}
