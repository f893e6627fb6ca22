//! Who waits for which operation. A waiting client costs a place in a map: no connection to the database, no statement of
//! its own. What is known of a watched operation is shared by all who watch it, and only ever gets newer (INV-6).
//!
//! `looks` keeps it fresh: a hint of the broker makes a look come at once, a tick makes it come anyway (rule 0).

mod looks;

use operation::OperationId;
use prometheus::{IntGauge, register_int_gauge};
use runtime::broker::Changes;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Operation, Store};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Above this a replica refuses to watch more, whatever the machine would bear.
const MOST_WATCHERS: u64 = 10_000;

static WATCHERS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("safepoint_watchers", "Clients that wait for operations: long polls and streams")
        .expect("the metric's name is ours alone")
});

/// How a replica watches.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How many clients may wait at a time.
    pub most: usize,
    /// How often all that is watched is looked at, while hints come.
    pub tick: Duration,
    /// The same without the broker.
    pub tick_without_broker: Duration,
    /// After how long without news a watcher that streams says that it is there.
    pub heartbeat: Duration,
}

impl Terms {
    /// For a process that may open so many files; half of them are left to other calls.
    pub fn new(open_files: u64) -> Self {
        Self {
            most: usize::try_from(MOST_WATCHERS.min(open_files / 2)).unwrap_or(usize::MAX),
            tick: Duration::from_secs(1),
            tick_without_broker: Duration::from_millis(500),
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// As many clients wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as many clients wait as may")]
pub struct Full;

/// What is known of an operation.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nobody has looked yet.
    Nothing,
    /// It was so when somebody last looked.
    There(Arc<Operation>),
    /// It was deleted.
    Gone,
}

impl Known {
    /// Nothing new will be known.
    fn is_final(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::There(operation) => operation.state.is_done(),
            Self::Gone => true,
        }
    }

    fn revision(&self) -> i64 {
        match self {
            Self::There(operation) => operation.revision,
            Self::Nothing | Self::Gone => 0,
        }
    }

    /// Looks overtake one another: an older one must not undo a newer one.
    fn gives_way_to(&self, newer: &Self) -> bool {
        match (self, newer) {
            (Self::Gone, _) | (_, Self::Nothing) => false,
            (Self::Nothing | Self::There(_), Self::Gone) | (Self::Nothing, Self::There(_)) => true,
            (Self::There(known), Self::There(newer)) => newer.revision > known.revision,
        }
    }
}

/// All that is watched at this replica. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watches(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    registry: Mutex<Registry>,
    terms: Terms,
    ended: CancellationToken,
}

#[derive(Debug, Default)]
struct Registry {
    watched: HashMap<OperationId, Watched>,
    watchers: usize,
}

#[derive(Debug)]
struct Watched {
    known: watch::Sender<Known>,
    watchers: usize,
}

impl Watches {
    /// Starts to look, until `ended`; then all who wait are answered with what is known.
    pub fn start(store: &Store, changes: Changes, terms: Terms, ended: CancellationToken) -> Self {
        let watches = Self(Arc::new(Shared { registry: Mutex::default(), terms, ended }));
        // A lane each: a look for a hint does not wait for the round over all that is watched.
        tokio::spawn(looks::hear(watches.clone(), store.clone(), changes.operations));
        tokio::spawn(looks::tick(watches.clone(), store.clone(), changes.up));
        watches
    }

    /// Begins to watch. Whether the caller may, and whether there is such an operation, is settled by the look that it hands
    /// in next, so that no change falls between that look and the watch.
    ///
    /// # Errors
    /// [`Full`].
    pub fn watch(&self, id: OperationId) -> Result<Watcher, Full> {
        let mut registry = self.lock();
        if registry.watchers >= self.0.terms.most {
            return Err(Full);
        }
        registry.watchers += 1;
        show_count(registry.watchers);
        let watched = registry
            .watched
            .entry(id)
            .or_insert_with(|| Watched { known: watch::Sender::new(Known::Nothing), watchers: 0 });
        watched.watchers += 1;
        let known = watched.known.subscribe();
        drop(registry);
        Ok(Watcher { id, known, watches: self.clone() })
    }

    fn learn(&self, id: OperationId, newer: Known) {
        if let Some(watched) = self.lock().watched.get(&id) {
            watched.known.send_if_modified(|known| {
                let gives_way = known.gives_way_to(&newer);
                if gives_way {
                    *known = newer;
                }
                gives_way
            });
        }
    }

    /// What may change yet, at which revision: of all that is watched.
    fn seen(&self) -> Vec<(OperationId, i64)> {
        let registry = self.lock();
        // What nobody has looked at is being looked at by who asked for it.
        let seen = registry.watched.iter().filter(|(_, watched)| !matches!(*watched.known.borrow(), Known::Nothing));
        seen.filter_map(|(id, watched)| to_look_at(*id, watched)).collect()
    }

    /// The same of these alone.
    fn seen_of(&self, ids: &HashSet<OperationId>) -> Vec<(OperationId, i64)> {
        let registry = self.lock();
        ids.iter().filter_map(|id| to_look_at(*id, registry.watched.get(id)?)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to_look_at(id: OperationId, watched: &Watched) -> Option<(OperationId, i64)> {
    let known = watched.known.borrow();
    (!known.is_final()).then(|| (id, known.revision()))
}

/// One client that waits. Its place is free again when it is dropped.
#[derive(Debug)]
pub struct Watcher {
    id: OperationId,
    known: watch::Receiver<Known>,
    watches: Watches,
}

/// Why a watcher woke up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something new may be known.
    Changed,
    /// Nothing has happened for the time of a heartbeat.
    Quiet,
    /// The process ends.
    Ended,
}

impl Watcher {
    /// Hands in what the caller's own look has seen.
    pub fn learn(&self, operation: Operation) {
        self.watches.learn(self.id, Known::There(Arc::new(operation)));
    }

    /// What is known now.
    pub fn known(&mut self) -> Known {
        self.known.borrow_and_update().clone()
    }

    /// Waits until more is known than [`Watcher::known`] told last.
    pub async fn changed(&mut self) -> Woken {
        tokio::select! {
            // The sender stands in the map as long as this watcher does.
            _ = self.known.changed() => Woken::Changed,
            () = tokio::time::sleep(self.watches.0.terms.heartbeat) => Woken::Quiet,
            () = self.watches.0.ended.cancelled() => Woken::Ended,
        }
    }

    /// Waits until nothing new can come, the deadline has passed, or the process ends; then tells what is known.
    pub async fn settled(&mut self, deadline: Instant) -> Known {
        tokio::select! {
            _ = self.known.wait_for(Known::is_final) => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = self.watches.0.ended.cancelled() => {}
        }
        self.known()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut registry = self.watches.lock();
        registry.watchers -= 1;
        show_count(registry.watchers);
        if let Some(watched) = registry.watched.get_mut(&self.id) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                registry.watched.remove(&self.id);
            }
        }
    }
}

/// How many clients wait now.
fn show_count(count: usize) {
    WATCHERS.set(i64::try_from(count).unwrap_or(i64::MAX));
}

#[cfg(test)]
pub(crate) mod tests;
