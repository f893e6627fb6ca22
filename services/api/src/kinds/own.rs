//! Kinds of other crates, which their workers have registered: their requests are checked against the schema that came along.

use super::{RequestedWork, native};
use crate::operations::{Operations, OperationsError, RegisteredKind};
use crate::wire::error::Violations;
use crate::wire::fields::Fields;
use crate::wire::own_json;
use jsonschema::Validator;
use jsonschema::paths::{Location, LocationSegment};
use operation::{Kind, Spec};
use runtime::clock;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a worker registers is known within about this time; a create looks by itself.
const EVERY: Duration = Duration::from_secs(2);

type Known = BTreeMap<Kind, Arc<RegisteredKind>>;

/// What workers have registered, as of a moment ago.
#[derive(Debug, Clone)]
pub struct OwnKinds {
    operations: Operations,
    known: Arc<watch::Sender<Arc<Known>>>,
    /// When the last read began.
    read_at: Arc<tokio::sync::Mutex<Option<Instant>>>,
    validators: Arc<Mutex<BTreeMap<Kind, Checked>>>,
}

/// What the items are that the progress of each kind counts.
#[derive(Debug, Clone)]
pub struct Units(watch::Receiver<Arc<Known>>);

impl Units {
    /// Of the kinds that come with the product.
    #[cfg(test)]
    pub fn of_native_kinds() -> Self {
        Self(watch::channel(Arc::default()).1)
    }

    /// The items of a kind; of a kind that is not registered, `items`.
    pub fn of(&self, kind: &Kind) -> String {
        let unit = native(kind).map(|native| native.info.unit.clone());
        let unit = unit.or_else(|| self.0.borrow().get(kind).map(|known| known.info.unit.clone()));
        unit.map_or_else(|| "items".to_owned(), std::borrow::Cow::into_owned)
    }
}

/// A validator is expensive to make, so it is kept until its schema changes.
#[derive(Debug, Clone)]
struct Checked {
    kind: Arc<RegisteredKind>,
    validator: Arc<Validator>,
}

impl OwnKinds {
    /// Follows what workers register until `ended`.
    pub fn follow(operations: Operations, ended: CancellationToken) -> Self {
        let own = Self {
            operations,
            known: Arc::new(watch::Sender::new(Arc::default())),
            read_at: Arc::default(),
            validators: Arc::default(),
        };
        tokio::spawn(ended.run_until_cancelled_owned(own.clone().read_on()));
        own
    }

    async fn read_on(self) {
        loop {
            // What went wrong was logged; what is known is used on.
            let _ = self.refresh().await;
            tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)).await;
        }
    }

    /// Reads the kinds, one read at a time: requests that come during a read share the next one.
    async fn refresh(&self) -> Result<Arc<Known>, OperationsError> {
        let asked_at = Instant::now();
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|begun| begun > asked_at) {
            return Ok(self.known.borrow().clone());
        }
        let begun = Instant::now();
        let kinds = self.operations.kinds().await?.into_iter();
        let known = Arc::new(kinds.map(|kind| (kind.info.kind.clone(), Arc::new(kind))).collect::<Known>());
        self.known.send_replace(known.clone());
        *read_at = Some(begun);
        Ok(known)
    }

    /// What the items are that progress counts.
    pub fn units(&self) -> Units {
        Units(self.known.subscribe())
    }

    /// The kind of this name, if a worker has registered it and callers may create its operations.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn find(&self, kind: &Kind) -> Result<Option<Arc<RegisteredKind>>, OperationsError> {
        let known = self.known.borrow().get(kind).cloned();
        let found = match known {
            Some(known) => Some(known),
            // Perhaps it was registered a moment ago.
            None => self.refresh().await?.get(kind).cloned(),
        };
        Ok(found.filter(|found| found.spec_schema.is_some()))
    }

    /// What a create request asks for. Every mistake is named with its path.
    pub fn read(&self, kind: &Arc<RegisteredKind>, spec: Fields, violations: &mut Violations) -> Option<RequestedWork> {
        let name = &kind.info.kind;
        let (path, members) = spec.into_members();
        own_json::check(&path, &members, violations);
        let mut value = serde_json::Value::Object(members);
        let validator = self.validator(kind)?;
        for error in validator.iter_errors(&value).take(super::MOST_MISTAKES) {
            // What is wrong, without the value: it may be a secret.
            violations.add(dotted(&path, error.instance_path()), error.masked().to_string());
        }
        // The key of an idempotent create identifies the request, whatever the order of its members.
        value.sort_all_objects();
        let serde_json::Value::Object(members) = value else { return None };
        Some(RequestedWork { spec: Spec::new(name.clone(), members), target: name.to_string(), secret: None })
    }

    /// `None` where the schema is none: the worker's author reads why in the log.
    fn validator(&self, kind: &Arc<RegisteredKind>) -> Option<Arc<Validator>> {
        let validators = || self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(checked) = validators().get(&kind.info.kind).filter(|checked| checked.kind == *kind) {
            return Some(checked.validator.clone());
        }
        let schema = kind.spec_schema.as_ref()?;
        match jsonschema::draft202012::new(schema) {
            Ok(validator) => {
                let checked = Checked { kind: kind.clone(), validator: Arc::new(validator) };
                validators().insert(kind.info.kind.clone(), checked.clone());
                Some(checked.validator)
            }
            Err(error) => {
                tracing::error!(kind = %kind.info.kind, %error, "the schema that a worker has registered cannot be used");
                None
            }
        }
    }
}

/// A place in JSON as all our errors name it: `spec.tables[2].name`.
fn dotted(root: &str, location: &Location) -> String {
    let mut path = root.to_owned();
    for segment in location {
        // Writing to a text never fails.
        let _ = match segment {
            LocationSegment::Property(name) => write!(path, ".{name}"),
            LocationSegment::Index(index) => write!(path, "[{index}]"),
        };
    }
    path
}
