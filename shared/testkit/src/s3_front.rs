//! An S3-compatible server that delays: it stands before another one, holds requests until a test lets them go on, loses
//! answers, and keeps the conditions that S3 documents.

use crate::google;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the server does with conditions on writes and deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// Keeps them, as AWS documents.
    Kept,
    /// Ignores them, as many compatible servers do.
    Ignored,
    /// Refuses them: 501.
    Refused,
}

/// An S3-compatible server before another one.
#[derive(Debug)]
pub struct S3Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `http://host:port` of the server behind.
    target: String,
    client: reqwest::Client,
    /// Whether its clients speak as those of GCS do.
    google: bool,
    conditions: Mutex<Conditions>,
    rules: Mutex<Vec<Rule>>,
    log: Mutex<Vec<String>>,
    /// A condition and its write are one step.
    serial: tokio::sync::Mutex<()>,
}

/// What happens to the next request whose line begins with this.
#[derive(Debug)]
struct Rule {
    line: String,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    Hold(Arc<Hold>),
    LoseAnswer,
    Fail(u16),
}

#[derive(Debug)]
struct Hold {
    arrived: watch::Sender<bool>,
    released: watch::Sender<bool>,
    hung_up: watch::Sender<bool>,
    status: watch::Sender<Option<u16>>,
}

/// A request that arrives and is held. Its client may hang up: the server executes it all the same once it is released.
#[derive(Debug)]
pub struct HeldRequest(Arc<Hold>);

impl HeldRequest {
    /// Waits until it has arrived, whole.
    ///
    /// # Panics
    /// Never.
    pub async fn arrived(&self) {
        self.0.arrived.subscribe().wait_for(|arrived| *arrived).await.expect("the sender is held");
    }

    /// Waits until its client has closed the connection without an answer.
    ///
    /// # Panics
    /// Never.
    pub async fn hung_up(&self) {
        self.0.hung_up.subscribe().wait_for(|hung_up| *hung_up).await.expect("the sender is held");
    }

    /// Whether its client has closed the connection.
    pub fn is_hung_up(&self) -> bool {
        *self.0.hung_up.borrow()
    }

    /// Lets the server execute it; returns the status that it is answered with, whether or not anybody hears that.
    ///
    /// # Panics
    /// Never.
    pub async fn release(&self) -> u16 {
        self.0.released.send_replace(true);
        let mut status = self.0.status.subscribe();
        let status = status.wait_for(Option::is_some).await.expect("the sender is held");
        status.unwrap_or_default()
    }
}

impl S3Front {
    /// Before the server at `http://host:port`.
    ///
    /// # Panics
    /// No port is free.
    pub async fn before(target: impl Into<String>) -> Self {
        Self::start(target.into(), "127.0.0.1:0".parse().expect("an address"), false).await
    }

    /// A server at this address that speaks as GCS does, before an S3 server at `http://host:port`: it tells generations,
    /// and compares them for all requests but the completion of an upload.
    ///
    /// # Panics
    /// The address is taken.
    pub async fn as_gcs(target: impl Into<String>, address: SocketAddr) -> Self {
        Self::start(target.into(), address, true).await
    }

    async fn start(target: String, address: SocketAddr, google: bool) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            target,
            client: reqwest::Client::new(),
            google,
            conditions: Mutex::new(Conditions::Kept),
            rules: Mutex::default(),
            log: Mutex::default(),
            serial: tokio::sync::Mutex::default(),
        });
        let of_all = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = of_all.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(shared.clone(), request));
                    // A client that hangs up ends its connection, and with it the wait for an answer.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, shared }
    }

    /// Its URL, without a slash at the end.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does with conditions from now on.
    pub fn set_conditions(&self, conditions: Conditions) {
        *lock(&self.shared.conditions) = conditions;
    }

    /// Holds the next request whose line (`PUT /bucket/key?query`) begins with this.
    pub fn hold(&self, line: &str) -> HeldRequest {
        let hold = Arc::new(Hold {
            arrived: watch::Sender::new(false),
            released: watch::Sender::new(false),
            hung_up: watch::Sender::new(false),
            status: watch::Sender::new(None),
        });
        self.rule(line, Fault::Hold(hold.clone()));
        HeldRequest(hold)
    }

    /// Executes the next request whose line begins with this, and closes its connection instead of an answer.
    pub fn lose_answer(&self, line: &str) {
        self.rule(line, Fault::LoseAnswer);
    }

    /// Answers the next request whose line begins with this with an error, and does not execute it.
    pub fn fail(&self, line: &str, status: u16) {
        self.rule(line, Fault::Fail(status));
    }

    /// The lines of the requests that have arrived and begin with this, each with its condition.
    pub fn requests(&self, line: &str) -> Vec<String> {
        lock(&self.shared.log).iter().filter(|request| request.starts_with(line)).cloned().collect()
    }

    fn rule(&self, line: &str, fault: Fault) {
        lock(&self.shared.rules).push(Rule { line: line.to_owned(), fault });
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let line = format!("{} {path}", parts.method);
    let condition = condition(&parts.headers).map(|(name, value)| format!(" {name}: {value}"));
    lock(&shared.log).push(format!("{line}{}", condition.unwrap_or_default()));
    let fault = {
        let mut rules = lock(&shared.rules);
        let index = rules.iter().position(|rule| line.starts_with(&rule.line));
        index.map(|index| rules.remove(index).fault)
    };
    let to_forward = Forwarded { method: parts.method, path, headers: parts.headers, body };
    match fault {
        None => forward(&shared, to_forward).await,
        Some(Fault::Fail(status)) => Ok(refusal(status, "InternalError")),
        Some(Fault::LoseAnswer) => {
            forward(&shared, to_forward).await?;
            Err(io::Error::other("the answer is lost"))
        }
        Some(Fault::Hold(hold)) => {
            let mut waits = HangsUp(Some(hold.clone()));
            // A task of its own: the server has the request, whether or not its client waits.
            let executed = tokio::spawn(async move {
                hold.arrived.send_replace(true);
                let _ = hold.released.subscribe().wait_for(|released| *released).await;
                let answer = forward(&shared, to_forward).await;
                hold.status.send_replace(Some(answer.as_ref().map_or(0, |answer| answer.status().as_u16())));
                answer
            });
            let answer = executed.await.map_err(io::Error::other)?;
            waits.0 = None;
            answer
        }
    }
}

/// Dropped with the wait for an answer when the client closes the connection.
struct HangsUp(Option<Arc<Hold>>);

impl Drop for HangsUp {
    fn drop(&mut self) {
        if let Some(hold) = &self.0 {
            hold.hung_up.send_replace(true);
        }
    }
}

struct Forwarded {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn forward(shared: &Shared, mut request: Forwarded) -> io::Result<Response<Full<Bytes>>> {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    let _serial = if reads { None } else { Some(shared.serial.lock().await) };
    let conditions = *lock(&shared.conditions);
    if let (false, Some((name, value))) = (reads, condition(&request.headers)) {
        match conditions {
            Conditions::Refused => return Ok(refusal(501, "NotImplemented")),
            Conditions::Ignored => {}
            Conditions::Kept => {
                if let Some((status, code)) = broken(name, &value, current_tag(shared, &request).await?.as_deref()) {
                    return Ok(refusal(status, code));
                }
            }
        }
        for name in CONDITIONS {
            request.headers.remove(name);
        }
    }
    if shared.google {
        google::to_s3(&mut request.headers);
    }
    for name in ["host", "connection", "content-length", "transfer-encoding"] {
        request.headers.remove(name);
    }
    let url = format!("{}{}", shared.target, request.path);
    let sent = shared.client.request(request.method, url).headers(request.headers).body(request.body).send();
    let answer = sent.await.map_err(io::Error::other)?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    if shared.google {
        google::from_s3(&mut headers);
    }
    headers.remove("connection");
    headers.remove("transfer-encoding");
    let body = answer.bytes().await.map_err(io::Error::other)?;
    let mut response = Response::new(Full::new(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

const CONDITIONS: [&str; 3] = ["if-match", "if-none-match", google::CONDITION];

fn condition(headers: &HeaderMap) -> Option<(&'static str, String)> {
    CONDITIONS.into_iter().find_map(|name| Some((name, headers.get(name)?.to_str().ok()?.to_owned())))
}

/// How a condition that does not hold is answered.
fn broken(name: &str, value: &str, current: Option<&str>) -> Option<(u16, &'static str)> {
    let plain = |tag: &str| tag.trim_matches('"').to_owned();
    match (name, current) {
        ("if-none-match", Some(_)) => Some((412, "PreconditionFailed")),
        ("if-match", None) => Some((404, "NoSuchKey")),
        ("if-match", Some(current)) if plain(current) != plain(value) => Some((412, "PreconditionFailed")),
        (google::CONDITION, current) if google::generation(current).to_string() != value => {
            Some((412, "PreconditionFailed"))
        }
        _ => None,
    }
}

async fn current_tag(shared: &Shared, request: &Forwarded) -> io::Result<Option<String>> {
    let path = request.path.split('?').next().unwrap_or(&request.path);
    let mut head = shared.client.head(format!("{}{path}", shared.target));
    if shared.google {
        head = head.header("authorization", google::AUTHORIZATION);
    } else if let Some(authorization) = request.headers.get("authorization") {
        head = head.header("authorization", authorization);
    }
    let head = head.send().await.map_err(io::Error::other)?;
    if head.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    Ok(head.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(ToOwned::to_owned))
}

fn refusal(status: u16, code: &str) -> Response<Full<Bytes>> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
