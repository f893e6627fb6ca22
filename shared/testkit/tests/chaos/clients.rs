//! The clients' sessions: each makes operations and follows them, one after another, until the run ends.

use crate::client::Client;
use crate::dice::Dice;
use crate::history::{Call, Event, Seen};
use crate::plans::{self, Plan};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a session follows one operation. What takes longer is left to the end of the run.
const FOLLOWED: Duration = Duration::from_secs(25);
/// How often a create with a key is sent before its outcome is left unknown.
const TRIES: u32 = 20;

/// Waits, unless the run ends.
pub async fn pause(stop: &CancellationToken, millis: u64) {
    let _ = tokio::time::timeout(Duration::from_millis(millis), stop.cancelled()).await;
}

/// Waits, whatever comes: a fault lasts as long as it lasts.
pub async fn rest(millis: u64) {
    let _ = tokio::time::timeout(Duration::from_millis(millis), std::future::pending::<()>()).await;
}

/// One session.
pub struct Session {
    client: Client,
    dice: Dice,
    stop: CancellationToken,
}

impl Session {
    pub fn new(client: &Client, seed: u64, number: u64, stop: CancellationToken) -> Self {
        Self { client: client.session(number), dice: Dice::new(seed, number), stop }
    }

    /// Makes operations and follows them until the run ends.
    pub async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let plan = plans::plan(&mut self.dice);
            if let Some(id) = self.create(plan).await {
                self.follow(plan, &id).await;
            }
            let millis = self.dice.between(5, 60);
            pause(&self.stop, millis).await;
        }
    }

    fn replica(&mut self) -> usize {
        self.dice.between(0, self.client.replicas() as u64 - 1) as usize
    }

    /// Creates an operation. With a key a create whose outcome is unknown is sent again, also to the other replica.
    async fn create(&mut self, plan: Plan) -> Option<String> {
        let number = self.client.next_number();
        let spec = plans::spec(&mut self.dice, plan, number);
        let keyed = self.dice.percent(50);
        let key = keyed.then(|| format!("key-{number}"));
        // What waits for others waits longer, and is there to be cancelled.
        let priority = if plan == Plan::CancelAtOnce { -10 } else { 0 };
        let mut body = json!({ "kind": "demo.steps", "spec": spec, "priority": priority });
        if let Some(key) = &key {
            body["requestId"] = json!(key);
        }
        let call = Call::Create { number, key: key.clone(), other_body: false };
        let mut id = None;
        for _ in 0..if keyed { TRIES } else { 1 } {
            let replica = self.replica();
            let event = self.client.create(replica, call.clone(), &body).await;
            id = event.seen().first().map(|seen| seen.id.clone());
            if id.is_some() || event.refused_with().is_some() {
                break;
            }
            pause(&self.stop, 100).await;
        }
        if id.is_some() && keyed && self.dice.percent(20) {
            self.create_again(number, key, body).await;
        }
        id
    }

    /// The same key again: with the same body it is the same operation, with another it is refused.
    async fn create_again(&mut self, number: u64, key: Option<String>, mut body: Value) {
        let other_body = self.dice.percent(50);
        if other_body {
            body["priority"] = json!(7);
        }
        let replica = self.replica();
        self.client.create(replica, Call::Create { number, key, other_body }, &body).await;
    }

    async fn follow(&mut self, plan: Plan, id: &str) {
        match plan {
            Plan::Watch => {}
            Plan::CancelAtOnce => drop(self.cancel(id).await),
            Plan::Cancel | Plan::CancelTwice | Plan::CancelHung => {
                self.while_it_runs(id).await;
                if plan == Plan::CancelTwice {
                    let (first, second) = (self.client.cancel(0, id), self.client.cancel(1, id));
                    tokio::join!(first, second);
                }
                self.cancel(id).await;
            }
            Plan::CancelDone => {
                self.until(id, |seen| seen.done).await;
                self.cancel(id).await;
            }
            Plan::Pause | Plan::PauseCancel => {
                self.while_it_runs(id).await;
                let replica = self.replica();
                self.client.pause(replica, id).await;
                self.until(id, |seen| seen.done || seen.state == "PAUSED").await;
                if plan == Plan::PauseCancel {
                    self.cancel(id).await;
                }
                let replica = self.replica();
                self.client.resume(replica, id).await;
            }
            Plan::DeleteRunning | Plan::DeleteDone => {
                self.while_it_runs(id).await;
                if plan == Plan::DeleteDone {
                    self.until(id, |seen| seen.done).await;
                }
                // Refused while it runs.
                let replica = self.replica();
                self.client.delete(replica, id, false).await;
                if plan == Plan::DeleteRunning {
                    let replica = self.replica();
                    self.client.delete(replica, id, true).await;
                    self.until(id, |seen| seen.done).await;
                }
                for replica in 0..self.client.replicas() {
                    self.client.get(replica, id).await;
                }
                return;
            }
        }
        if self.until(id, |seen| seen.done).await.is_some() {
            // Once more, by the other replica: what is done stays as it is.
            let replica = self.replica();
            self.client.get(replica, id).await;
        }
    }

    /// Waits until it runs, and a little into its work.
    async fn while_it_runs(&mut self, id: &str) {
        self.until(id, |seen| seen.state != "PENDING").await;
        let millis = self.dice.between(0, 250);
        pause(&self.stop, millis).await;
    }

    /// Cancels. A cancel whose outcome is unknown is asked again: that is what a caller does.
    async fn cancel(&mut self, id: &str) -> Option<Event> {
        for _ in 0..TRIES {
            let replica = self.replica();
            let event = self.client.cancel(replica, id).await;
            if event.is_done() || event.refused_with().is_some() || self.stop.is_cancelled() {
                return Some(event);
            }
            pause(&self.stop, 100).await;
        }
        None
    }

    /// Looks at it, by any replica, until it is as wanted, or gone, or the run ends.
    async fn until(&mut self, id: &str, wanted: impl Fn(&Seen) -> bool) -> Option<Seen> {
        let begun = Instant::now();
        while begun.elapsed() < FOLLOWED && !self.stop.is_cancelled() {
            let replica = self.replica();
            let event = self.client.get(replica, id).await;
            if event.refused_with().is_some() {
                return None;
            }
            if let Some(seen) = event.seen().first().filter(|seen| wanted(seen)) {
                return Some(seen.clone());
            }
            let millis = self.dice.between(60, 220);
            pause(&self.stop, millis).await;
        }
        None
    }
}

/// Walks through the list, newest first, again and again: as far as the operations of the last minutes reach.
pub async fn walk_lists(client: Client, seed: u64, stop: CancellationToken) {
    let client = client.session(1_000);
    let mut dice = Dice::new(seed, 1_000);
    for walk in 1.. {
        let mut token: Option<String> = None;
        for _ in 0..dice.between(2, 8) {
            let replica = dice.between(0, client.replicas() as u64 - 1) as usize;
            let size = dice.between(5, 40) as u32;
            let event = client.list(replica, walk, size, token.as_deref()).await;
            let crate::history::Outcome::Done { next: Some(next), .. } = event.outcome else { break };
            token = Some(next);
            pause(&stop, dice.between(5, 60)).await;
        }
        pause(&stop, dice.between(200, 800)).await;
        if stop.is_cancelled() {
            return;
        }
    }
}
