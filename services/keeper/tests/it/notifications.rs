//! Whoever is bound to the exchange of notifications is told of each end that was asked for, at least once.

use kinds::Parameters;
use kinds::storage_transfer::{
    NotificationEvent, PayloadFormat, StorageTransfer, TransferCounters, TransferNotification, TransferPosition,
};
use operation::{CancelMode, Code, Failure, LeaseTerms, OperationId, Progress, Spec};
use runtime::broker::{BrokerSettings, Notifier};
use runtime::clock;
use runtime::config::Secret;
use safepoint_keeper::notifications::{round, tell};
use serde_json::{Value, json};
use std::time::Duration;
use store::{Address, Ending, Finished, PoolSettings, Requester, Store};
use testkit::{Inbox, Launcher, Letter, Proxy, Role, TestDatabase, actor, broker_settings, eventually, transfer};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use url::Url;

const LIMIT: Duration = Duration::from_mins(1);

struct Fixture {
    database: TestDatabase,
    store: Store,
    client: Client,
    broker: BrokerSettings,
    link: Proxy,
    shutdown: CancellationToken,
}

impl Fixture {
    /// The broker behind a link that can be cut.
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let broker = broker_settings();
        let mut url: Url = broker.url.expose().parse().expect("a URL");
        let link = Proxy::to(format!("127.0.0.1:{}", url.port().expect("a port"))).await;
        url.set_port(Some(link.address().port())).expect("a port");
        let broker = BrokerSettings { url: Secret::new(url.as_str()), ..broker };
        let (store, client) = (database.store(), database.client().await);
        Self { database, store, client, broker, link, shutdown: CancellationToken::new() }
    }

    async fn inbox(&self, binding: &str) -> Inbox {
        Inbox::bind(&self.broker.notifications_exchange(), binding).await
    }

    fn notifier(&self) -> Notifier {
        Notifier::start(self.broker.clone(), self.shutdown.clone()).expect("a URL")
    }

    /// Under the keeper's role.
    fn keeper(&self) -> Store {
        Store::new(&self.database.url_as(Role::Keeper), PoolSettings::new("test").connections(2)).expect("a store")
    }

    fn start_keeper(&self) -> JoinHandle<()> {
        tokio::spawn(tell(self.keeper(), self.notifier(), self.shutdown.clone()))
    }

    async fn create(&self, spec: Spec) -> OperationId {
        let id = clock::new_operation_id();
        self.store.create(&testkit::new_operation(id, "p", spec)).await.expect("created");
        id
    }

    async fn ended(&self, spec: Spec, ending: Ending) -> OperationId {
        let id = self.create(spec).await;
        let worker = clock::new_worker_id();
        self.store.register_worker(worker, "test", LeaseTerms::default()).await.expect("registered");
        let claimed =
            self.store.claim(worker, &kinds::storage_transfer::KIND, 1, "").await.expect("claimed").operations;
        if matches!(ending, Ending::Cancelled) {
            self.cancel(id).await;
        }
        let finished = Finished {
            fence: claimed[0].fence,
            ending,
            progress: Progress::default(),
            checkpoint: Some(serde_json::to_value(position()).expect("JSON")),
            delivered: None,
            observed: None,
            cleanup: None,
            ended_by: None,
        };
        assert_eq!(self.store.finish(&[finished]).await.expect("written").len(), 1);
        id
    }

    async fn cancel(&self, id: OperationId) {
        let address = Address { project: "p".parse().expect("a project"), collection: None, id };
        let by = Requester { by: actor("tester"), reason: None, mode: CancelMode::Now };
        self.store.cancel(&address, &by).await.expect("answered").expect("there");
    }

    async fn noted(&self) -> i64 {
        let noted = "SELECT count(*) FROM operations WHERE notify_time IS NOT NULL";
        self.client.query_one(noted, &[]).await.expect("counted").get(0)
    }

    async fn until_noted(&self, count: i64) {
        eventually("all ends are noted as told", LIMIT, async || (self.noted().await == count).then_some(())).await;
    }
}

fn spec(topic: &str, events: &[NotificationEvent], payload: PayloadFormat) -> Spec {
    let notification = TransferNotification { topic: topic.to_owned(), events: events.to_vec(), payload };
    let job = Some("transferJobs/nightly".to_owned());
    StorageTransfer { job, notification: Some(notification), ..transfer() }.to_spec()
}

fn told() -> Spec {
    spec("projects/p/topics/ends", &[], PayloadFormat::Json)
}

fn succeeded() -> Ending {
    Ending::Succeeded(json!({}))
}

fn failed() -> Ending {
    let failure = Failure::fatal(Code::PermissionDenied, "It may not.");
    Ending::Failed { failure, delay: Duration::ZERO }
}

fn position() -> TransferPosition {
    let counters = TransferCounters {
        objects_found_from_source: 3,
        bytes_copied_to_sink: 9_007_199_254_740_993,
        ..TransferCounters::default()
    };
    let mut position = TransferPosition { counters, ..TransferPosition::default() };
    position.failed(Code::PermissionDenied, "gs://b/o".to_owned(), "no".to_owned());
    position
}

fn ids(letters: &[Letter]) -> Vec<String> {
    let mut ids: Vec<_> = letters.iter().map(|letter| letter.body["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

fn sorted(ids: &[OperationId]) -> Vec<String> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort();
    ids
}

/// Of five ends three are wanted, and two keepers tell each of them once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_bound_is_told_of_exactly_the_ends_that_were_asked_for() {
    let fixture = Fixture::new().await;
    let (inbox, others) = (fixture.inbox("p.ends").await, fixture.inbox("q.#").await);
    let only = |event| spec("projects/p/topics/ends", &[event], PayloadFormat::Json);
    let wanted = [
        fixture.ended(told(), succeeded()).await,
        fixture.ended(only(NotificationEvent::Failed), failed()).await,
        fixture.ended(only(NotificationEvent::Aborted), Ending::Cancelled).await,
    ];
    fixture.ended(only(NotificationEvent::Failed), succeeded()).await;
    // Another project's topic is none of ours, whoever let it through.
    fixture.ended(spec("projects/q/topics/ends", &[], PayloadFormat::Json), succeeded()).await;
    fixture.ended(transfer().to_spec(), succeeded()).await;
    fixture.create(told()).await;
    let keepers = [fixture.start_keeper(), fixture.start_keeper()];
    fixture.until_noted(5).await;
    assert_eq!(ids(&inbox.take().await), sorted(&wanted));
    assert_eq!(others.take().await, []);
    fixture.shutdown.cancel();
    for keeper in keepers {
        keeper.await.expect("the loop ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_a_cloud_event_around_the_vendors_operation() {
    let fixture = Fixture::new().await;
    let inbox = fixture.inbox("#").await;
    let id = fixture.ended(told(), failed()).await;
    let keeper = fixture.start_keeper();
    fixture.until_noted(1).await;
    let letters = inbox.take().await;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let name = format!("transferOperations/transferJobs-nightly-{id}");
    assert_eq!(letter.routing_key, "p.ends");
    let properties = json!({
        "content_type": "application/cloudevents+json; charset=utf-8",
        "delivery_mode": 2,
        "message_id": id.to_string(),
        "headers": {
            "eventType": "TRANSFER_OPERATION_FAILED",
            "payloadFormat": "JSON",
            "projectId": "p",
            "transferJobName": "transferJobs/nightly",
            "transferOperationName": name,
        },
    });
    assert_eq!(letter.properties, properties);
    let (start, end) = (letter.body["data"]["startTime"].clone(), letter.body["data"]["endTime"].clone());
    assert!(start.is_string() && end.is_string(), "{:?}", letter.body);
    let body = json!({
        "specversion": "1.0",
        "id": id.to_string(),
        "source": "/projects/p",
        "type": "safepoint.storage.transfer.failed",
        "subject": name,
        "time": end,
        "datacontenttype": "application/json",
        "data": {
            "name": name,
            "projectId": "p",
            "transferJobName": "transferJobs/nightly",
            "status": "FAILED",
            "startTime": start,
            "endTime": end,
            "counters": { "objectsFoundFromSource": "3", "bytesCopiedToSink": "9007199254740993" },
            "errorBreakdowns": [{
                "errorCode": "PERMISSION_DENIED",
                "errorCount": "1",
                "errorLogEntries": [{ "url": "gs://b/o", "errorDetails": ["no"] }],
            }],
        },
    });
    assert_eq!(letter.body, body);
    fixture.shutdown.cancel();
    keeper.await.expect("the loop ends");
}

/// With the payload NONE, and for one that was cancelled before it began.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_payload_says_what_ended_and_how() {
    let fixture = Fixture::new().await;
    let inbox = fixture.inbox("p.*").await;
    let id = fixture.create(spec("projects/p/topics/bare", &[], PayloadFormat::None)).await;
    fixture.cancel(id).await;
    let never_began = fixture.create(told()).await;
    fixture.cancel(never_began).await;
    let keeper = fixture.start_keeper();
    fixture.until_noted(2).await;
    let letters = inbox.take().await;
    let of = |id: OperationId| {
        letters.iter().find(|letter| letter.body["id"] == id.to_string()).unwrap_or_else(|| panic!("{letters:?}"))
    };
    let bare = of(id);
    assert_eq!((bare.routing_key.as_str(), bare.body.get("data")), ("p.bare", None));
    assert_eq!(bare.body["type"], "safepoint.storage.transfer.cancelled");
    assert_eq!(bare.properties["headers"]["eventType"], "TRANSFER_OPERATION_ABORTED");
    assert_eq!(bare.properties["headers"]["payloadFormat"], "NONE");
    let data = &of(never_began).body["data"];
    assert_eq!((&data["status"], data.get("startTime"), &data["counters"]), (&"ABORTED".into(), None, &json!({})));
    fixture.shutdown.cancel();
    keeper.await.expect("the loop ends");
}

/// Nothing is lost while the broker is away, nor when it goes in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_broker_is_back_all_that_has_ended_is_told() {
    let fixture = Fixture::new().await;
    let inbox = fixture.inbox("p.ends").await;
    let keepers = [fixture.start_keeper(), fixture.start_keeper()];
    let mut all = vec![fixture.ended(told(), succeeded()).await];
    fixture.until_noted(1).await;
    fixture.link.cut();
    // More than one statement takes on.
    for _ in 0..250 {
        all.push(fixture.ended(told(), succeeded()).await);
    }
    assert_eq!(fixture.noted().await, 1);
    fixture.link.mend();
    // Once more, as soon as some have gone through.
    eventually("a first message", LIMIT, async || (fixture.noted().await > 1).then_some(())).await;
    fixture.link.reset();
    fixture.link.mend();
    fixture.until_noted(251).await;
    let mut told = ids(&inbox.take().await);
    told.dedup();
    assert_eq!(told, sorted(&all));
    fixture.shutdown.cancel();
    for keeper in keepers {
        keeper.await.expect("the loop ends");
    }
}

/// A keeper dies with the broker's answer in its hands: the next one tells it again, by the same id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_and_not_noted_is_sent_again_with_the_same_id() {
    let fixture = Fixture::new().await;
    let inbox = fixture.inbox("p.ends").await;
    let id = fixture.ended(told(), succeeded()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let environment = vec![
        ("SAFEPOINT_DATABASE_URL", fixture.database.url_as(Role::Keeper)),
        ("SAFEPOINT_BROKER_URL", fixture.broker.url.expose().to_owned()),
        ("SAFEPOINT_BROKER_NAMESPACE", fixture.broker.namespace.clone()),
    ];
    let launcher = Launcher::new(folder.path(), environment);
    let failpoint = ("FAILPOINTS", "keeper.notified=1*return(abort)".to_owned());
    let mut first = launcher.launch("safepoint-keeper", 1, &[failpoint]).expect("started");
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let died = async {
        while first.ended().is_none() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(LIMIT, died).await.expect("it dies: are the services built with failpoints?");
    let sent = inbox.take().await;
    assert_eq!((ids(&sent), fixture.noted().await), (sorted(&[id]), 0));

    // Nobody else is shown it at once. As if the time had passed:
    let notifier = {
        let mut notifier = fixture.notifier();
        notifier.wait_up().await;
        notifier
    };
    round(&fixture.keeper(), &notifier, &fixture.shutdown).await.expect("a round");
    assert_eq!(inbox.take().await, []);
    let age = "UPDATE operations SET notify_claim_time = notify_claim_time - interval '1 minute'";
    fixture.client.batch_execute(age).await.expect("aged");
    let _second = launcher.launch("safepoint-keeper", 2, &[]).expect("started");
    fixture.until_noted(1).await;
    assert_eq!(inbox.take().await, sent, "the same to the letter");
}

/// INV-21: what the operator and the user keep secret is in no message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_does_not_tell_of_places() {
    let fixture = Fixture::new().await;
    let inbox = fixture.inbox("#").await;
    let mut transfer = StorageTransfer::from_spec(&told()).expect("a transfer");
    let list = "https://canary:canary@host.test/list?signature=canary".to_owned();
    transfer.source = kinds::storage_transfer::TransferSource::HttpList(list);
    transfer.sink = kinds::storage_transfer::TransferSink::Folder("/canary".to_owned());
    fixture.ended(transfer.to_spec(), succeeded()).await;
    let keeper = fixture.start_keeper();
    fixture.until_noted(1).await;
    let letters = inbox.take().await;
    assert!(letters.len() == 1 && !format!("{letters:?}").contains("canary"), "{letters:?}");
    assert_eq!(letters[0].body["data"].get("transferSpec"), None::<&Value>);
    fixture.shutdown.cancel();
    keeper.await.expect("the loop ends");
}
