//! The product as real processes, each with links of its own, on services that may be broken.

use crate::clients::rest;
use anyhow::{Context, Result, ensure};
use safepoint_testkit::{LEASE_TTL, Launcher, Mode, Process, Proxy, TOKEN_SHA256, binary_path, free_address};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, NoTls};
use url::Url;

/// How many operations a worker runs at a time: fewer than there are sessions, so that some wait.
const SLOTS: u32 = 4;
/// How long services and processes get to come up: far above what they need.
const LIMIT: Duration = Duration::from_mins(2);

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Api,
    Worker,
    Keeper,
}

/// A process and its links.
#[derive(Debug)]
pub struct Member {
    pub role: Role,
    pub process: Process,
    pub database: Proxy,
    pub broker: Proxy,
}

/// The whole.
#[derive(Debug)]
pub struct World {
    pub members: Vec<Member>,
    pub urls: Vec<String>,
    pub services: Services,
    /// The folder of the bucket.
    pub bucket: PathBuf,
    /// Logs, and what is kept of a run that failed.
    pub folder: PathBuf,
    pub database_url: String,
}

/// The private Postgres and RabbitMQ, which may be stopped, killed and wiped. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    root: Arc<PathBuf>,
}

impl Services {
    fn new() -> Self {
        Self { root: Arc::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")) }
    }

    /// Where all of a run lies.
    fn folder(&self) -> PathBuf {
        self.root.join(".dev/chaos")
    }

    /// `dev/services.sh VERB .dev/chaos [WHICH]`
    pub async fn call(&self, verb: &str, which: Option<&str>) -> Result<()> {
        let mut command = tokio::process::Command::new(self.root.join("dev/services.sh"));
        command.arg(verb).arg(self.folder()).args(which).stdin(std::process::Stdio::null());
        let output = tokio::time::timeout(LIMIT, command.output()).await.context("the services hang")??;
        ensure!(output.status.success(), "services.sh {verb}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn addresses(&self) -> Result<(Url, Url)> {
        Ok((self.value("env", "SAFEPOINT_DATABASE_URL")?.parse()?, self.value("env", "SAFEPOINT_BROKER_URL")?.parse()?))
    }

    fn value(&self, file: &str, name: &str) -> Result<String> {
        let text = fs::read_to_string(self.folder().join(file))?;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Ok(found.with_context(|| format!("{name} in .dev/chaos/{file}"))?.to_owned())
    }

    /// The server takes no writes, as a standby does, or takes them again: sessions there are and new ones.
    async fn set_read_only(&self, read_only: bool) -> Result<()> {
        let (mut server, _) = self.addresses()?;
        let _ = server.set_username("postgres");
        let _ = server.set_password(Some(&self.value("secrets", "POSTGRES_PASSWORD")?));
        server.set_path("/postgres");
        let setting =
            if read_only { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
        let client = connect(server.as_str()).await?;
        // A statement each: the first can't be run in a transaction.
        client.batch_execute(&format!("ALTER SYSTEM {setting}")).await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }
}

impl World {
    /// Starts the services, makes a database of this run's own, and starts 2 api, 3 workers and 2 keepers.
    pub async fn start(broker: bool) -> Result<Self> {
        let services = Services::new();
        services.call("start", None).await?;
        let (server, broker_url) = services.addresses()?;
        // What a run that was stopped may have left.
        services.set_read_only(false).await?;
        if !broker {
            services.call("stop", Some("rabbitmq")).await?;
        }
        let folder = services.folder().join("run");
        let _ = fs::remove_dir_all(&folder);
        let bucket = folder.join("bucket");
        fs::create_dir_all(&bucket)?;
        fs::write(folder.join("safepoint.toml"), configuration(&bucket)?)?;
        let database = create_database(&server).await?;
        migrate(&database).await?;
        connect(database.as_str()).await?.batch_execute(include_str!("log.sql")).await?;
        let launcher = Launcher::new(&folder, environment(&folder, &database));
        let (mut members, mut urls) = (Vec::new(), Vec::new());
        let roles = [(Role::Api, "api", 2), (Role::Worker, "worker", 3), (Role::Keeper, "keeper", 2)];
        for (role, name, count) in roles {
            for number in 1..=count {
                let (near_database, database) = link(&database, true).await?;
                let (near_broker, broker) = link(&broker_url, false).await?;
                let mut settings = vec![
                    ("SAFEPOINT_DATABASE_URL", near_database.to_string()),
                    ("SAFEPOINT_BROKER_URL", near_broker.to_string()),
                ];
                if role == Role::Api {
                    let address = free_address()?;
                    settings.push(("SAFEPOINT_LISTEN", address.clone()));
                    urls.push(format!("http://{address}"));
                }
                let process = launcher.launch(&format!("safepoint-{name}"), number, &settings)?;
                members.push(Member { role, process, database, broker });
            }
        }
        let world = Self { members, urls, services, bucket, folder, database_url: database.into() };
        world.works(broker).await?;
        Ok(world)
    }

    /// Waits until each process works; with the broker at its best, without it as well as it can.
    pub async fn works(&self, broker: bool) -> Result<()> {
        let wanted = if broker { r#"{"status":"ready"}"# } else { r#"{"status":"degraded","broker":"down"}"# };
        let http = reqwest::Client::new();
        for member in &self.members {
            let url = format!("{}/readyz", member.process.admin);
            let look = async || {
                let answer = http.get(&url).send().await.ok()?.text().await.ok()?;
                (answer == wanted).then_some(())
            };
            safepoint_testkit::eventually("a process that works", LIMIT, look).await;
        }
        Ok(())
    }

    /// Everything as it should be again: links, processes, services.
    pub async fn heal(&mut self, broker: bool) -> Result<()> {
        self.services.call("start", if broker { None } else { Some("postgres") }).await?;
        self.services.set_read_only(false).await?;
        for member in &mut self.members {
            member.database.set(Mode::Open);
            member.database.cut_next_commit(false);
            member.broker.set(Mode::Open);
            if member.process.ended().is_some() {
                member.process.restart()?;
            } else {
                member.process.signal("CONT");
            }
        }
        self.works(broker).await
    }

    /// Postgres takes no writes, or takes them again.
    pub async fn set_read_only(&self, read_only: bool) -> Result<()> {
        self.services.set_read_only(read_only).await
    }

    /// A connection of the harness's own, past all links.
    pub async fn database(&self) -> Result<Client> {
        connect(&self.database_url).await
    }

    /// Ends it all. What a run left is removed, unless it is to be looked at.
    pub async fn end(self, keep: bool) -> Result<()> {
        drop(self.members);
        if !keep {
            let mut server: Url = self.database_url.parse()?;
            let name = server.path().trim_start_matches('/').to_owned();
            server.set_path("/safepoint");
            connect(server.as_str()).await?.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
            fs::remove_dir_all(&self.folder)?;
        }
        self.services.call("stop", None).await
    }
}

/// Waits for the end of a process that was asked to end; its exit code, or nothing where it hangs.
pub async fn end_of(process: &mut Process) -> Option<i32> {
    for _ in 0..600 {
        if let Some(code) = process.ended() {
            return Some(code);
        }
        rest(50).await;
    }
    None
}

pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn create_database(server: &Url) -> Result<Url> {
    let client = connect(server.as_str()).await?;
    // What an earlier run that was stopped left behind.
    for row in client.query("SELECT datname FROM pg_database WHERE datname LIKE 'chaos\\_%'", &[]).await? {
        client.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", row.get::<_, String>(0))).await?;
    }
    let name = format!("chaos_{}", uuid::Uuid::new_v4().simple());
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    let mut url = server.clone();
    url.set_path(&format!("/{name}"));
    Ok(url)
}

async fn migrate(database: &Url) -> Result<()> {
    let mut command = tokio::process::Command::new(binary_path("safepoint-keeper")?);
    let output = command.arg("migrate").env("SAFEPOINT_DATABASE_URL", database.as_str()).output().await?;
    ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A link to where a URL points, and the URL by which it is reached.
async fn link(url: &Url, postgres: bool) -> Result<(Url, Proxy)> {
    let target = format!("127.0.0.1:{}", url.port().context("a port")?);
    let proxy = if postgres { Proxy::to_postgres(target).await } else { Proxy::to(target).await };
    let mut near = url.clone();
    let _ = near.set_port(Some(proxy.address().port()));
    Ok((near, proxy))
}

fn environment(folder: &Path, database: &Url) -> Vec<(&'static str, String)> {
    vec![
        ("SAFEPOINT_BROKER_NAMESPACE", database.path().trim_start_matches('/').to_owned()),
        ("SAFEPOINT_CONFIG", folder.join("safepoint.toml").display().to_string()),
        ("SAFEPOINT_PAGE_TOKEN_KEY", "0f".repeat(32)),
    ]
}

fn configuration(bucket: &Path) -> Result<String> {
    let bucket = Url::from_directory_path(bucket.canonicalize()?).ok().context("an absolute path")?;
    let ttl = LEASE_TTL.as_secs_f64();
    Ok(format!(
        r#"
        [[tokens]]
        name = "chaos"
        sha256 = "{TOKEN_SHA256}"
        projects = ["p"]
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        [[buckets]]
        name = "exports"
        url = "{bucket}"
        projects = ["p"]
        [worker]
        slots = {SLOTS}
        renew_every_seconds = {}
        lease_ttl_seconds = {ttl}
        drain_seconds = 10
        [kinds."demo.steps"]
        enabled = true
        "#,
        ttl / 5.0
    ))
}
