//! What can run operations and cancel them: the product, and the bare floor beside it.

use super::say;
use crate::client::Client;
use crate::wire::Receipt;
use anyhow::{Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Calls under way at a time, each on a connection of its own that is kept alive.
pub const AT_A_TIME: usize = 32;

const PATIENCE: Duration = Duration::from_mins(1);

/// What a look at an operation shows.
pub struct Look {
    /// It is being worked on.
    pub running: bool,
    /// It has ended, as cancelled.
    pub done: bool,
    /// The server's story of the cancel; the floor has none.
    pub receipt: Option<Receipt>,
}

/// Something that runs operations which do nothing but pass safe points, until cancelled.
pub trait System {
    /// Who it is.
    fn name(&self) -> &'static str;
    /// Starts an operation.
    async fn start(&self) -> Result<Uuid>;
    /// Asks it to stop.
    async fn cancel(&self, id: Uuid) -> Result<()>;
    /// Looks at it.
    async fn look(&self, id: Uuid) -> Result<Look>;
}

/// The product: `demo.steps` by its native API.
pub struct Product {
    client: Client,
    steps: u32,
    step_millis: u32,
}

impl Product {
    /// Operations that end by themselves some minutes after a bench that broke off.
    pub fn new(client: Client, step_millis: u32) -> Self {
        Self { client, steps: 300_000 / step_millis, step_millis }
    }
}

impl System for Product {
    fn name(&self) -> &'static str {
        "ours"
    }

    async fn start(&self) -> Result<Uuid> {
        Ok(self.client.create_steps(self.steps, self.step_millis).await?.id)
    }

    async fn cancel(&self, id: Uuid) -> Result<()> {
        self.client.cancel(id).await?;
        Ok(())
    }

    async fn look(&self, id: Uuid) -> Result<Look> {
        let operation = self.client.operation(id).await?;
        let cancelled = operation.state == "CANCELLED" && operation.error.as_ref().is_some_and(|e| e.code == 1);
        ensure!(cancelled || !operation.done, "{id} ended otherwise than cancelled: {}", operation.ending());
        Ok(Look { running: operation.state == "RUNNING", done: operation.done, receipt: operation.cancel })
    }
}

/// Starts this many operations and waits until all of them run.
///
/// # Errors
/// Those that run are told to stop before.
pub async fn start_running<S: System>(system: &S, count: usize) -> Result<Vec<Uuid>> {
    let ids: Vec<Uuid> =
        stream::iter(0..count).map(|_| system.start()).buffer_unordered(AT_A_TIME).try_collect().await?;
    let waited = wait_for(system, &ids, |look| look.running).await;
    match waited {
        Ok(()) => Ok(ids),
        Err(error) => {
            stop_all(system, &ids).await;
            Err(error.context(format!(
                "{count} operations of {} do not run at the same time: have the workers slots for that many \
                 (make down; SAFEPOINT_WORKER_SLOTS=600 make bench)?",
                system.name()
            )))
        }
    }
}

/// Looks at the operations, many at a time, until each was seen as wanted.
pub async fn wait_for<S: System>(system: &S, ids: &[Uuid], wanted: fn(&Look) -> bool) -> Result<()> {
    let begun = Instant::now();
    let mut open = ids.to_vec();
    loop {
        let looks: Vec<(Uuid, Look)> = looks(system, &open).await?;
        open = looks.into_iter().filter(|(_, look)| !wanted(look)).map(|(id, _)| id).collect();
        if open.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("{} of {} operations are not there after {} s", open.len(), ids.len(), PATIENCE.as_secs());
        }
    }
}

/// One look at each.
pub async fn looks<S: System>(system: &S, ids: &[Uuid]) -> Result<Vec<(Uuid, Look)>> {
    stream::iter(ids.iter().copied())
        .map(|id| async move { Ok((id, system.look(id).await?)) })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
}

/// Cancels them all, as well as it can: what a section leaves running would burden the next.
pub async fn stop_all<S: System>(system: &S, ids: &[Uuid]) {
    let cancelled: Result<Vec<()>> =
        stream::iter(ids.iter().copied()).map(|id| system.cancel(id)).buffer_unordered(AT_A_TIME).try_collect().await;
    let stopped = match cancelled {
        Ok(_) => wait_for(system, ids, |look| look.done).await,
        Err(error) => Err(error),
    };
    if let Err(error) = stopped {
        say(&format!("some operations of {} go on: {error:#}", system.name()));
    }
}
