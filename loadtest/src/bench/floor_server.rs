//! The least a cancel can cost with these components: HTTP call → one UPDATE → one AMQP hop → a safe point each
//! millisecond → one UPDATE → visible.
//!
//! It checks no token, knows no lease, no fence, no receipt, no progress; it answers with a word. Its statements are
//! prepared and pipelined over a few connections, its hints are unconfirmed and go to an exclusive queue. Api and
//! worker are one process here, two in the product.

use crate::postgres;
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

/// Commits wait for the disk: those of several connections share one wait.
const CONNECTIONS: usize = 32;
const TABLE: &str = "loadtest_floor.operations";

/// Serves until its standard input ends. The first line it says is its address.
pub async fn run() -> Result<()> {
    let config = postgres::config(&variable("SAFEPOINT_DATABASE_URL")?)?;
    let owner = postgres::connect(&config).await?;
    owner.batch_execute(&schema()).await.context("the floor's table cannot be made")?;

    // Publishing and consuming on connections of their own, as the product does.
    let url = variable("SAFEPOINT_BROKER_URL")?;
    let (hears, says) = (broker(&url).await?, broker(&url).await?);
    let (channel, queue, hints) = queue(&hears, &says).await?;
    let mut sessions = Vec::new();
    for _ in 0..CONNECTIONS {
        sessions.push(Session::open(&config).await?);
    }
    let floor = Arc::new(Floor { sessions, turn: AtomicUsize::new(0), channel, queue, running: Mutex::default() });
    tokio::spawn(listen(Arc::clone(&floor), hints));

    let listener = TcpListener::bind("127.0.0.1:0").await.context("the floor cannot listen")?;
    println!("http://{}", listener.local_addr()?);
    tokio::select! {
        () = serve(floor, listener) => {}
        _ = input_ended() => {}
    }
    owner.batch_execute("DROP SCHEMA loadtest_floor CASCADE").await.context("the floor's table cannot be dropped")
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: `loadtest bench` starts the floor"))
}

fn schema() -> String {
    format!(
        "SET client_min_messages = warning;
         DROP SCHEMA IF EXISTS loadtest_floor CASCADE;
         CREATE SCHEMA loadtest_floor;
         CREATE TABLE {TABLE} (
             id uuid PRIMARY KEY, state text NOT NULL, cancel_requested_at timestamptz, finish_time timestamptz
         );"
    )
}

async fn broker(url: &str) -> Result<Connection> {
    Connection::connect(url, ConnectionProperties::default()).await.context("the broker does not answer")
}

async fn queue(hears: &Connection, says: &Connection) -> Result<(Channel, ShortString, Consumer)> {
    let channel = hears.create_channel().await?;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?.name().clone();
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let hints = channel.basic_consume(queue.clone(), "".into(), options, FieldTable::default()).await?;
    Ok((says.create_channel().await?, queue, hints))
}

/// A thread of its own, for a blocked read of the standard input would hold up the end of the runtime.
fn input_ended() -> oneshot::Receiver<()> {
    let (ended, ending) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    ending
}

struct Floor {
    sessions: Vec<Session>,
    turn: AtomicUsize,
    channel: Channel,
    queue: ShortString,
    running: Mutex<HashMap<Uuid, Arc<Flag>>>,
}

#[derive(Default)]
struct Flag {
    set: AtomicBool,
    wake: Notify,
}

struct Session {
    client: Client,
    insert: Statement,
    look: Statement,
    cancel: Statement,
    finish: Statement,
}

impl Session {
    async fn open(config: &tokio_postgres::Config) -> Result<Self> {
        let client = postgres::connect(config).await?;
        let prepare = async |sql: &str| client.prepare(&sql.replace("operations", TABLE)).await;
        Ok(Self {
            insert: prepare("INSERT INTO operations (id, state) VALUES ($1, 'RUNNING')").await?,
            look: prepare("SELECT state FROM operations WHERE id = $1").await?,
            cancel: prepare(
                "UPDATE operations SET cancel_requested_at = clock_timestamp()
                 WHERE id = $1 AND state = 'RUNNING' AND cancel_requested_at IS NULL",
            )
            .await?,
            finish: prepare(
                "UPDATE operations SET state = 'CANCELLED', finish_time = clock_timestamp()
                 WHERE id = $1 AND state = 'RUNNING'",
            )
            .await?,
            client,
        })
    }
}

impl Floor {
    /// The next connection in turn; requests on one are pipelined.
    fn session(&self) -> &Session {
        &self.sessions[self.turn.fetch_add(1, Ordering::Relaxed) % self.sessions.len()]
    }

    async fn start(self: &Arc<Self>, woken: bool) -> Result<String> {
        let id = Uuid::now_v7();
        let session = self.session();
        session.client.execute(&session.insert, &[&id]).await?;
        let flag = Arc::new(Flag::default());
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&flag));
        tokio::spawn(Arc::clone(self).operation(id, flag, woken));
        Ok(id.to_string())
    }

    async fn look(&self, id: Uuid) -> Result<String> {
        let session = self.session();
        Ok(session.client.query_one(&session.look, &[&id]).await?.get(0))
    }

    async fn cancel(&self, id: Uuid) -> Result<String> {
        let session = self.session();
        session.client.execute(&session.cancel, &[&id]).await?;
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let confirm =
            self.channel.basic_publish("".into(), self.queue.clone(), options, id.as_bytes(), properties).await?;
        // The channel is in no confirm mode: there is nothing to wait for.
        drop(confirm);
        Ok("{}".to_owned())
    }

    /// One operation: it looks at its flag until that is set.
    async fn operation(self: Arc<Self>, id: Uuid, flag: Arc<Flag>, woken: bool) {
        while !flag.set.load(Ordering::Acquire) {
            let step = tokio::time::sleep(Duration::from_millis(1));
            if woken {
                tokio::select! {
                    () = step => {}
                    () = flag.wake.notified() => {}
                }
            } else {
                step.await;
            }
        }
        let session = self.session();
        if let Err(error) = session.client.execute(&session.finish, &[&id]).await {
            eprintln!("floor: {id} could not be finished: {error}");
        }
    }
}

/// The worker's side of the hop.
async fn listen(floor: Arc<Floor>, mut hints: Consumer) {
    while let Some(Ok(hint)) = hints.next().await {
        let Ok(id) = Uuid::from_slice(&hint.data) else { continue };
        if let Some(flag) = floor.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            flag.set.store(true, Ordering::Release);
            flag.wake.notify_one();
        }
    }
}

async fn serve(floor: Arc<Floor>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            // Answers are one small packet: nothing to gather them with.
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| {
                let floor = Arc::clone(&floor);
                async move { Ok::<_, Infallible>(answer(&floor, &request).await) }
            });
            // A connection that breaks off is the client's loss.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(floor: &Arc<Floor>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let result = match (request.method(), path.trim_start_matches('/').split_once('/')) {
        (&Method::POST, Some((id, "cancel"))) => with_id(id, |id| floor.cancel(id)).await,
        (&Method::POST, None) => floor.start(path == "/start-woken").await,
        (&Method::GET, None) => with_id(path.trim_start_matches('/'), |id| floor.look(id)).await,
        _ => Err(anyhow::anyhow!("no such call")),
    };
    let (status, text) = match result {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}

async fn with_id<F: Future<Output = Result<String>>>(id: &str, call: impl FnOnce(Uuid) -> F) -> Result<String> {
    call(id.parse().context("no id")?).await
}
