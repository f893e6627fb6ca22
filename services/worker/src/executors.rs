//! What runs operations: an [`Executor`] for each kind that this worker knows.

use crate::safepoint::{Ended, Safepoint};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use operation::{Kind, KindInfo, Spec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// Runs the operations of one kind.
pub trait Executor: Send + Sync + 'static {
    /// The parameters of an operation.
    type Spec: DeserializeOwned + Send + Sync;
    /// What an operation answers when it has succeeded.
    type Response: Serialize + Send;

    /// What holds for all operations of the kind.
    fn info(&self) -> KindInfo;

    /// JSON Schema (draft 2020-12) of the parameters: the api then creates operations of this kind on request, and
    /// checks their parameters against it. `None` for kinds that the api has requests of its own for.
    fn spec_schema(&self) -> Option<Value> {
        None
    }

    /// Runs an operation to its end or to a safe point.
    ///
    /// # Errors
    /// [`Ended`]: a stop or a failure. Whatever was begun and is not to be seen has been removed, or the receipt names it.
    fn run(&self, spec: &Self::Spec, cx: &Safepoint) -> impl Future<Output = Result<Self::Response, Ended>> + Send;
}

/// An [`Executor`] without its types.
trait AnyExecutor: Send + Sync {
    fn run<'a>(&'a self, spec: &'a Spec, cx: &'a Safepoint) -> BoxFuture<'a, Result<Value, Ended>>;
}

impl<E: Executor> AnyExecutor for E {
    fn run<'a>(&'a self, spec: &'a Spec, cx: &'a Safepoint) -> BoxFuture<'a, Result<Value, Ended>> {
        async move {
            let spec = spec.read::<E::Spec>().map_err(|error| Ended::UnreadableSpec(error.to_string()))?;
            let response = Executor::run(self, &spec, cx).await?;
            Ok(serde_json::to_value(response).map_err(|_| not_json())?)
        }
        .boxed()
    }
}

fn not_json() -> operation::Failure {
    operation::Failure::fatal(operation::Code::Internal, "The response cannot be written as JSON.")
}

/// A kind that this worker runs.
#[derive(Clone)]
pub struct Registered {
    /// What holds for all its operations.
    pub info: KindInfo,
    /// JSON Schema of its parameters, where the api checks them by it.
    pub spec_schema: Option<Value>,
    executor: Arc<dyn AnyExecutor>,
}

impl Registered {
    /// Runs an operation of this kind to its end or to a safe point.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn run(&self, spec: &Spec, cx: &Safepoint) -> Result<Value, Ended> {
        self.executor.run(spec, cx).await
    }
}

/// The executors of a worker, by kind.
#[derive(Clone, Default)]
pub struct Executors(BTreeMap<Kind, Registered>);

impl Executors {
    /// Adds an executor; one of the same kind is replaced.
    pub fn register(&mut self, executor: impl Executor) {
        let (info, spec_schema) = (executor.info(), executor.spec_schema());
        let executor = Arc::new(executor);
        self.0.insert(info.kind.clone(), Registered { info, spec_schema, executor });
    }

    /// Adds all of others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Keeps only the kinds that a condition holds for.
    pub fn retain(&mut self, mut keep: impl FnMut(&KindInfo) -> bool) {
        self.0.retain(|_, registered| keep(&registered.info));
    }

    /// The executor of a kind.
    pub fn get(&self, kind: &Kind) -> Option<&Registered> {
        self.0.get(kind)
    }

    /// All kinds.
    pub fn all(&self) -> impl Iterator<Item = &Registered> {
        self.0.values()
    }
}

impl fmt::Debug for Executors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
