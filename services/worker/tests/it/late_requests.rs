//! Requests to a store that are executed late, unheard, or against something else than was expected. A real S3 server stands
//! behind one that delays ([`testkit::S3Front`]).

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, but not what they call")]

mod aborts;
mod deletes;
mod exports;
mod google;
mod steps;
mod transfers;

use crate::storage_transfer::moto::Moto;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use operation::WorkerId;
use runtime::config::Bucket;
use safepoint_worker::attempt::Stop;
use safepoint_worker::lease_clock::LeaseClock;
use safepoint_worker::safepoint::Ended;
use serde_json::Value;
use std::time::{Duration, Instant};
use testkit::{HeldRequest, S3Front};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// What becomes of an attempt whose request the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Former {
    /// Its worker cannot renew the lease, and sees that.
    LosesItsLease,
    /// Its worker sees nothing: it is frozen, or its clock is wrong.
    IsUnaware,
}

const FORMER: [Former; 2] = [Former::LosesItsLease, Former::IsUnaware];

/// The store, with the bucket `data`.
struct Store {
    moto: Moto,
    front: S3Front,
}

impl Store {
    /// Starts one, if there is one on this machine.
    async fn start() -> Option<Self> {
        let moto = Moto::start().await?;
        let front = S3Front::before(&moto.endpoint).await;
        Some(Self { moto, front })
    }

    /// The bucket `name` of the configuration: what lies beneath `prefix`, by way of the server that delays.
    fn bucket(&self, name: &str) -> Bucket {
        Bucket { endpoint: Some(self.front.endpoint()), ..self.moto.bucket(name, "prefix") }
    }

    /// Puts an object as another program does, which waits for nobody.
    async fn put(&self, key: &str, content: &str) {
        self.moto.store().put(&path(key), content.to_owned().into()).await.unwrap();
    }

    async fn delete(&self, key: &str) {
        self.moto.store().delete(&path(key)).await.unwrap();
    }

    async fn object(&self, key: &str) -> Option<String> {
        let bytes = self.moto.objects("prefix").await.remove(key)?;
        Some(String::from_utf8(bytes).unwrap())
    }
}

fn path(key: &str) -> Path {
    Path::from(format!("prefix/{key}"))
}

/// How the store refuses a late request: the condition does not hold, or the upload does not exist. Of the latter, S3 says
/// 404, and moto 500.
fn is_refused(status: u16) {
    assert!([404, 412, 500].contains(&status), "the late request was answered with {status}");
}

/// Lets the worker of an attempt lose its lease, or not see that it has.
async fn befall(former: Former, clock: &LeaseClock, held: &HeldRequest) {
    match former {
        Former::LosesItsLease => {
            clock.begin(WorkerId::from_uuid(Uuid::new_v4()), Instant::now());
            // Sooner than the request's own timeout of half a minute, which closes the connection as well.
            timeout(Duration::from_secs(15), held.hung_up()).await.unwrap();
        }
        Former::IsUnaware => assert!(!held.is_hung_up()),
    }
}

/// Never hangs.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_mins(1), future).await.unwrap()
}

async fn is_fenced(task: JoinHandle<Result<Value, Ended>>) {
    let ended = soon(task).await.unwrap();
    assert!(matches!(ended, Err(Ended::Stop(Stop::LeaseLost))), "{ended:?}");
}
