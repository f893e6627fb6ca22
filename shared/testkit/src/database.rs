//! A database a test, cloned from a template that was migrated once.

use crate::faults::{self, Frozen};
use anyhow::{Context, Result};
use runtime::broker::BrokerSettings;
use runtime::config::Secret;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use store::{PoolSettings, Roles, Store};
use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

/// Which process a URL is for. Each has a role of its own, which may do what the process needs and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The api's.
    Api,
    /// The workers'.
    Worker,
    /// The keepers'.
    Keeper,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Api, Self::Worker, Self::Keeper];

    /// Its name on the test server.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "safepoint_test_api",
            Self::Worker => "safepoint_test_worker",
            Self::Keeper => "safepoint_test_keeper",
        }
    }
}

/// The role that exports run as: it reads all data, and nothing of the server's machine.
pub const EXPORT_ROLE: &str = "safepoint_test_export";

/// The table before its partitions, as all statements lock them: else there is a deadlock with one that is under way.
const ALONE: &str = "LOCK TABLE operations IN ACCESS EXCLUSIVE MODE";

/// A database of one test's own; dropped with it.
#[derive(Debug)]
pub struct TestDatabase {
    server: Url,
    name: String,
    store: Store,
}

impl TestDatabase {
    /// A migrated, empty database.
    ///
    /// # Panics
    /// Without `TEST_DATABASE_URL`, the URL of a superuser: run tests by `make test`.
    pub async fn create() -> Self {
        Self::try_create().await.expect("a test database: run the tests by `make test`")
    }

    /// An empty database, without our schema: a customer's.
    ///
    /// # Panics
    /// As [`TestDatabase::create`].
    pub async fn create_empty() -> Self {
        Self::from_template("template0").await.expect("a test database: run the tests by `make test`")
    }

    async fn try_create() -> Result<Self> {
        let server = server_url()?;
        let template = template(&connect(&server).await?, &server).await?;
        Self::from_template(&template).await
    }

    async fn from_template(template: &str) -> Result<Self> {
        let server = server_url()?;
        let client = connect(&server).await?;
        let name = format!("t_{}", Uuid::new_v4().simple());
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        let store = Store::new(with_database(&server, &name).as_str(), PoolSettings::new("test"))?;
        Ok(Self { server, name, store })
    }

    /// The database, for the code under test.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Its URL, for processes under test.
    pub fn url(&self) -> String {
        with_database(&self.server, &self.name).to_string()
    }

    /// Its URL, for a process that works under its own role.
    ///
    /// # Panics
    /// The server's URL is none.
    pub fn url_as(&self, role: Role) -> String {
        let mut url = with_database(&self.server, &self.name);
        url.set_username(role.name()).expect("a URL with a user");
        url.to_string()
    }

    /// Its URL by TLS, under this name of its host and perhaps another port, whose certificate must be by these authorities.
    ///
    /// # Panics
    /// The name is none.
    pub fn url_by_tls(&self, host: &str, port: Option<u16>, authorities: &Path) -> String {
        let mut url = with_database(&self.server, &self.name);
        url.set_host(Some(host)).expect("a host");
        url.set_port(port.or(url.port())).expect("a port");
        url.set_query(Some(&format!("sslmode=verify-full&sslrootcert={}", authorities.display())));
        url.to_string()
    }

    /// Its server as `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.server.host_str().unwrap_or("localhost"), self.server.port().unwrap_or(5432))
    }

    /// Makes it read-only for all who connect from now on, as after a failover that has reached the wrong server, and ends
    /// the sessions of our pools; or takes that back.
    ///
    /// # Panics
    /// The server is gone.
    pub async fn set_read_only(&self, read_only: bool) {
        let server = connect(&self.server).await.expect("a connection to the test server");
        let setting =
            if read_only { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
        server.batch_execute(&format!("ALTER DATABASE {} {setting}", self.name)).await.expect("altered");
        if read_only {
            faults::terminate(&server, &self.name).await;
        }
    }

    /// Freezes the sessions of a pool, by its name (`application_name`): they answer nothing more, and nobody is told.
    ///
    /// # Panics
    /// The pool has none, or they can't be signalled: tests run as the server's user, or as root.
    pub async fn freeze(&self, pool: &str) -> Frozen {
        Frozen::sessions(&self.client().await, pool).await
    }

    /// Writes to operations fail with this SQLSTATE where the condition holds for the new row, e.g. `NEW.state = 'FAILED'`.
    ///
    /// # Panics
    /// The server is gone, or the condition is none.
    pub async fn refuse_writes(&self, code: &str, when: &str) {
        let statement = format!(
            "BEGIN;
             {ALONE};
             CREATE SEQUENCE IF NOT EXISTS refusals;
             GRANT ALL ON SEQUENCE refusals TO PUBLIC;
             CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 -- A sequence goes on where the statement is undone.
                 PERFORM nextval('refusals');
                 RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{code}';
             END $$;
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT OR UPDATE ON operations
                 FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse();
             COMMIT"
        );
        self.client().await.batch_execute(&statement).await.expect("a trigger");
    }

    /// Takes back [`TestDatabase::refuse_writes`].
    ///
    /// # Panics
    /// The server is gone.
    pub async fn allow_writes(&self) {
        let statement = format!("BEGIN; {ALONE}; DROP TRIGGER refuse ON operations; COMMIT");
        self.client().await.batch_execute(&statement).await.expect("dropped");
    }

    /// How many rows were refused so far. The first refusal makes the count 1.
    ///
    /// # Panics
    /// The server is gone.
    pub async fn refusals(&self) -> i64 {
        let count = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM refusals";
        self.client().await.query_one(count, &[]).await.expect("a count").get(0)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A bare connection to it, for looking at rows.
    ///
    /// # Panics
    /// The server is gone.
    pub async fn client(&self) -> Client {
        connect(&with_database(&self.server, &self.name)).await.expect("a connection to the test database")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A test's runtime may be ending: a thread with a runtime of its own does the work.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let client = connect(&server).await.ok()?;
                client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.ok()
            })
        });
        let _ = dropped.join();
    }
}

/// The test broker under a namespace of one test's own.
///
/// # Panics
/// Without `TEST_BROKER_URL`.
pub fn broker_settings() -> BrokerSettings {
    let url = std::env::var("TEST_BROKER_URL").expect("TEST_BROKER_URL: run the tests by `make test`");
    let namespace = format!("test-{}", Uuid::new_v4().simple());
    BrokerSettings { url: Secret::new(url), authorities: None, namespace, process: "test" }
}

fn server_url() -> Result<Url> {
    let url =
        std::env::var("TEST_DATABASE_URL").context("TEST_DATABASE_URL is not set: run the tests by `make test`")?;
    Ok(url.parse()?)
}

fn with_database(server: &Url, name: &str) -> Url {
    let mut url = server.clone();
    url.set_path(&format!("/{name}"));
    url
}

async fn connect(url: &Url) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url.as_str(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The name of the migrated template; made by the first test that comes. The name holds a hash of the migrations
/// and the grants, so that a changed one makes another template.
async fn template(client: &Client, server: &Url) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    // What `roles` makes of the server.
    2.hash(&mut hasher);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    let grants = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../store/grants"))?;
    files.extend(grants.collect::<Result<Vec<_>, _>>()?);
    files.sort_by_key(std::fs::DirEntry::path);
    for file in files {
        std::fs::read(file.path())?.hash(&mut hasher);
    }
    let name = format!("template_{:016x}", hasher.finish());
    // One at a time over all test processes.
    client.batch_execute("SELECT pg_advisory_lock(7350220572)").await?;
    let there = client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name]).await?.is_some();
    if !there {
        // Under another name until it is complete: a killed run leaves no half-made template.
        let draft = format!("{name}_draft");
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await?;
        client.batch_execute(&format!("CREATE DATABASE {draft}")).await?;
        let url = with_database(server, &draft);
        roles(client, server).await?;
        let role = |role: Role| Some(role.name().to_owned());
        let roles = Roles { api: role(Role::Api), worker: role(Role::Worker), keeper: role(Role::Keeper) };
        store::migrate(url.as_str()).await?;
        let store = Store::new(url.as_str(), PoolSettings::new("template").connections(1))?;
        store.ensure_partitions(runtime::clock::now(), 1).await?;
        store.close().await;
        store::grant(url.as_str(), &roles).await?;
        client.batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}")).await?;
    }
    client.batch_execute("SELECT pg_advisory_unlock(7350220572)").await?;
    Ok(name)
}

/// The roles of the processes and of exports: the server's, hence those of all test databases. Their password is the superuser's.
async fn roles(client: &Client, server: &Url) -> Result<()> {
    let password = server.password().context("a password in TEST_DATABASE_URL")?;
    for role in Role::ALL {
        if client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role.name()]).await?.is_none() {
            client.batch_execute(&format!("CREATE ROLE {} LOGIN PASSWORD '{password}'", role.name())).await?;
        }
    }
    if client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&EXPORT_ROLE]).await?.is_none() {
        let role = format!("CREATE ROLE {EXPORT_ROLE} LOGIN PASSWORD '{password}' IN ROLE pg_read_all_data");
        client.batch_execute(&role).await?;
    }
    Ok(())
}
