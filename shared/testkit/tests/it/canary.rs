//! Secrets of requests are nowhere but where they must be: every path that a password or a token can take is walked, and
//! then all that is said, logged, stored and sent is looked through.

use base64::prelude::{BASE64_STANDARD, Engine};
use safepoint_testkit::{LIMIT, System, TOKEN, eventually};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use url::Url;
use uuid::Uuid;

const OPERATIONS: &str = "/api/v1/projects/p/operations";

/// The right password of the customer's role, and texts that look like secrets and stand where secrets may stand.
struct Canaries {
    password: String,
    wrong: String,
    token: String,
}

impl Canaries {
    fn new() -> Self {
        let one = |what: &str| format!("canary-{what}-{}", Uuid::new_v4().simple());
        Self { password: one("password"), wrong: one("wrong"), token: one("token") }
    }

    /// As they are, and in the forms that a leak may take.
    fn needles(&self) -> Vec<(String, Vec<u8>)> {
        let mut needles = Vec::new();
        for canary in [&self.password, &self.wrong, &self.token] {
            needles.push((canary.clone(), canary.clone().into_bytes()));
            let hex: Vec<_> = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
            let hex = hex.concat();
            needles.push((format!("{canary} in hexadecimal"), hex.into_bytes()));
            for offset in 0..3 {
                let text = BASE64_STANDARD.encode([vec![b'.'; offset], canary.clone().into_bytes()].concat());
                // Without the ends, which depend on what stands beside it.
                needles.push((format!("{canary} in base64"), text.as_bytes()[4..text.len() - 4].to_vec()));
            }
        }
        needles
    }
}

/// All that was said and stored, by where.
#[derive(Default)]
struct Said(Vec<(String, Vec<u8>)>);

impl Said {
    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.into(), bytes.into()));
    }

    fn add_folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.add_folder(&path);
            } else {
                self.add(path.display().to_string(), std::fs::read(&path).expect("a file"));
            }
        }
    }

    fn leaks(&self, needles: &[(String, Vec<u8>)]) -> Vec<String> {
        let mut leaks = Vec::new();
        for (place, bytes) in &self.0 {
            for (name, needle) in needles {
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    leaks.push(format!("{name} in {place}"));
                }
            }
        }
        leaks
    }
}

struct Walk {
    system: System,
    http: reqwest::Client,
    said: Said,
}

impl Walk {
    async fn send(&mut self, about: &str, method: &str, path: &str, token: &str, body: String) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.system.url)).bearer_auth(token).body(body);
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        let text = answer.text().await.expect("text");
        self.said.add(format!("the answer to {about}"), format!("{headers}\n{text}"));
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn create(&mut self, about: &str, server: &Value, format: &Value, object: &str) -> (u16, Value) {
        let database = self.system.customer.name();
        let spec = json!({
            "server": server, "database": database, "bucket": "exports", "object": object, "format": format,
        });
        let body =
            json!({"kind": "postgres.export", "spec": spec, "retry": {"maxAttempts": 2, "initialBackoff": "0s"}});
        self.send(about, "POST", OPERATIONS, TOKEN, body.to_string()).await
    }

    /// All of our database, as text.
    fn dump(&mut self, place: &str) {
        let dump = Command::new("pg_dump").arg("--dbname").arg(self.system.database.url()).output().expect("pg_dump");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        self.said.add(place, dump.stdout);
    }

    async fn ends(&mut self, about: &str, created: (u16, Value), state: &str) -> String {
        assert_eq!(created.0, 200, "{about}: {}", created.1);
        let id = created.1["id"].as_str().expect("an id").to_owned();
        let operation = self.system.until(&id, "done", |operation| operation["done"] == true).await;
        assert_eq!(operation["state"], state, "{about}: {operation}");
        self.said.add(format!("{about}, ended"), operation.to_string());
        id
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_said_logged_stored_or_sent() {
    let canaries = Canaries::new();
    let system = System::start_with(1, 4, &[("SAFEPOINT_LOG", "trace".to_owned())]).await;
    system.broker_link.record();
    let role = format!("canary_{}", Uuid::new_v4().simple());
    let customer = system.customer().await;
    let setup = format!(
        "CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;
         CREATE ROLE {role} LOGIN PASSWORD '{}';
         GRANT SELECT ON t TO {role}",
        canaries.password
    );
    customer.batch_execute(&setup).await.expect("a role");
    let url: Url = system.customer.url().parse().expect("a URL");
    let port = url.port().unwrap_or(5432);
    let mut walk = Walk { system, http: reqwest::Client::new(), said: Said::default() };

    goes_well(&mut walk, &canaries, &role, port).await;
    outlives_its_worker(&mut walk, &canaries, &role, port).await;
    fails_and_is_cancelled(&mut walk, &canaries, &role, port).await;
    is_refused(&mut walk, &canaries, &role, port).await;
    is_seen_by_no_other_process(&mut walk, &canaries, &role, port).await;

    let left = "SELECT count(*) FROM operation_secrets";
    let rows: i64 = walk.system.database.client().await.query_one(left, &[]).await.expect("a count").get(0);
    assert_eq!(rows, 0, "secrets go with their operations");
    look_everywhere(&mut walk, &canaries).await;
    customer.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.expect("dropped");
}

fn server(host: &str, port: u16, role: &str, password: &str) -> Value {
    json!({"host": host, "port": port, "user": role, "password": password})
}

fn csv() -> Value {
    json!({"csv": {"selectQuery": "SELECT a FROM t ORDER BY a"}})
}

async fn goes_well(walk: &mut Walk, canaries: &Canaries, role: &str, port: u16) {
    for (host, format, object) in [
        ("127.0.0.1", csv(), "a.csv"),
        ("localhost", csv(), "b.csv"),
        ("127.0.0.1", json!({"sql": {"tables": ["t"]}}), "c.sql"),
    ] {
        let created = walk.create(object, &server(host, port, role, &canaries.password), &format, object).await;
        let shown = json!({"host": host, "port": port, "user": role});
        assert_eq!(created.1["spec"]["server"], shown, "{}", created.1);
        walk.ends(object, created, "SUCCEEDED").await;
    }
    let rows: Vec<_> = (1..=100).map(|row| format!("{row}\n")).collect();
    for object in ["a.csv", "b.csv"] {
        assert_eq!(std::fs::read_to_string(walk.system.bucket.join(object)).expect("an object"), rows.concat());
    }
}

/// The next attempt has the secret as well.
async fn outlives_its_worker(walk: &mut Walk, canaries: &Canaries, role: &str, port: u16) {
    let gate = walk.system.customer.close_gate().await;
    let held = json!({"csv": {"selectQuery": format!("SELECT {}, a FROM t", safepoint_testkit::GATE)}});
    let created = walk.create("held", &server("127.0.0.1", port, role, &canaries.password), &held, "d.csv").await;
    let id = created.1["id"].as_str().expect("an id").to_owned();
    let query = format!("SELECT FROM pg_stat_activity WHERE usename = '{role}' AND wait_event_type = 'Lock'");
    let customer = walk.system.customer().await;
    eventually("a query that waits", LIMIT, async || customer.query_opt(&query, &[]).await.expect("read")).await;
    walk.dump("our database, while an operation with a secret runs");
    walk.system.workers[0].kill();
    drop(gate);
    walk.system.workers[0].restart().expect("a worker");
    walk.ends("held", created, "SUCCEEDED").await;
    assert_eq!(walk.system.native(&id).await["attempt"], 2);
}

async fn fails_and_is_cancelled(walk: &mut Walk, canaries: &Canaries, role: &str, port: u16) {
    for (about, at, password, format) in [
        ("a wrong password", port, &canaries.wrong, csv()),
        ("a wrong password of a dump", port, &canaries.wrong, json!({"sql": {}})),
        ("nobody there", 1, &canaries.password, csv()),
        ("nobody there to dump", 1, &canaries.password, json!({"sql": {}})),
        ("no such table", port, &canaries.password, json!({"csv": {"selectQuery": "SELECT * FROM nowhere"}})),
        ("no right to dump", port, &canaries.password, json!({"sql": {"tables": ["pg_authid"]}})),
    ] {
        let created = walk.create(about, &server("127.0.0.1", at, role, password), &format, "x").await;
        let id = walk.ends(about, created, "FAILED").await;
        let retried = walk.send(about, "POST", &format!("{OPERATIONS}/{id}:retry"), TOKEN, String::new()).await;
        assert_eq!(retried.1["error"]["details"][0]["reason"], "OPERATION_NOT_RETRYABLE", "{}", retried.1);
    }
    let gate = walk.system.customer.close_gate().await;
    let held = json!({"csv": {"selectQuery": format!("SELECT {}, a FROM t", safepoint_testkit::GATE)}});
    let created = walk.create("cancelled", &server("127.0.0.1", port, role, &canaries.password), &held, "y").await;
    let id = created.1["id"].as_str().expect("an id").to_owned();
    walk.send("a cancel", "POST", &format!("{OPERATIONS}/{id}:cancel"), TOKEN, "{}".to_owned()).await;
    walk.ends("cancelled", created, "CANCELLED").await;
    drop(gate);
}

/// A secret in the right place of a wrong request, and in wrong places.
async fn is_refused(walk: &mut Walk, canaries: &Canaries, role: &str, port: u16) {
    let (password, token) = (&canaries.password, &canaries.token);
    for (about, server) in [
        ("a server that is not allowed", server("example.com", port, role, password)),
        ("a port that is not allowed", server("127.0.0.1", 22, role, password)),
        ("an address that is not allowed", server("169.254.169.254", port, role, password)),
        ("a password in the host", server(&format!("{role}:{password}@127.0.0.1"), port, role, password)),
        ("a password that is a number in a list", json!({"host": "127.0.0.1", "user": role, "password": [password]})),
        ("a password twice", json!({"host": "127.0.0.1", "user": role, "password": password, "passwd": password})),
        ("a password and no user", json!({"host": "127.0.0.1", "password": password})),
        ("a port that is none", json!({"host": "127.0.0.1", "port": password, "user": role, "password": password})),
        ("a server that is a text", json!(format!("postgres://{role}:{password}@127.0.0.1/x"))),
    ] {
        let refused = walk.create(about, &server, &csv(), "z").await;
        assert_eq!(refused.0, 400, "{about}: {}", refused.1);
    }
    let cut = format!(r#"{{"kind": "postgres.export", "spec": {{"server": {{"password": "{password}"#);
    let large = format!(r#"{{"kind": "{password}{}"}}"#, "x".repeat(300_000));
    let listed = format!("{OPERATIONS}?pageToken={token}&filter={token}&access_token={token}");
    for (about, method, path, bearer, body, status) in [
        ("a body that is cut off", "POST", OPERATIONS, TOKEN, cut.clone(), 400),
        ("a body that is too large", "POST", OPERATIONS, TOKEN, large, 400),
        ("a token that nobody knows", "POST", OPERATIONS, token, cut.clone(), 401),
        ("a token in the query", "GET", &listed, TOKEN, String::new(), 400),
        ("a token in the path", "GET", &format!("/api/v1/projects/{token}/operations"), TOKEN, String::new(), 403),
        ("a path that is not there", "POST", &format!("/{token}?{token}"), TOKEN, cut, 404),
    ] {
        let answer = walk.send(about, method, path, bearer, body).await;
        assert_eq!(answer.0, status, "{about}: {}", answer.1);
        if ["a token in the path", "a token in the query"].contains(&about) {
            // What was refused there is named back to the one who sent it, and to nobody else.
            walk.said.0.pop();
        }
    }
}

/// The command lines of a machine are everybody's to read.
async fn is_seen_by_no_other_process(walk: &mut Walk, canaries: &Canaries, role: &str, port: u16) {
    let customer = walk.system.customer().await;
    // Analysed, so that nothing before pg_dump needs to look into the table.
    customer.batch_execute("ANALYZE t").await.expect("analysed");
    customer.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    let dump = json!({"sql": {"tables": ["t"]}});
    let created = walk.create("a dump", &server("127.0.0.1", port, role, &canaries.password), &dump, "e.sql").await;
    let lines = eventually("a pg_dump that waits", LIMIT, async || {
        let lines = command_lines();
        lines.contains("--lock-wait-timeout").then_some(lines)
    })
    .await;
    walk.said.add("the command lines", lines);
    customer.batch_execute("COMMIT").await.expect("let go");
    walk.ends("a dump", created, "SUCCEEDED").await;
}

fn command_lines() -> String {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok()).collect()
}

async fn look_everywhere(walk: &mut Walk, canaries: &Canaries) {
    for (method, path) in [("GET", OPERATIONS), ("GET", "/openapi.json"), ("GET", "/metrics")] {
        walk.send(path, method, path, TOKEN, String::new()).await;
    }
    for process in walk.system.others.iter().chain(&walk.system.workers) {
        for path in ["metrics", "readyz", "healthz"] {
            let (_, text) = walk.system.text(&format!("{}/{path}", process.admin)).await;
            walk.said.add(format!("{} of {}", path, process.admin), text);
        }
    }
    walk.dump("our database");
    let sent = walk.system.broker_link.recorded();
    assert!(sent.len() > 1_000, "what is sent is recorded: {}", sent.len());
    walk.said.add("messages", sent);
    walk.said.add_folder(walk.system.folder());
    let needles = canaries.needles();
    let looked_at: usize = walk.said.0.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(looked_at > 100_000, "there is much to look at: {looked_at}");
    // A look that finds nothing anywhere would find no leak either.
    walk.said.add("a seeded leak", format!("x{}", canaries.password));
    assert_eq!(walk.said.leaks(&needles), [format!("{} in a seeded leak", canaries.password)]);
}
