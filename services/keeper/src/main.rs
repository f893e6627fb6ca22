//! The keeper's process: `safepoint-keeper --help`.

use anyhow::Context;
use clap::{Parser, Subcommand};
use runtime::admin::{self, Probe, Readiness};
use runtime::broker::{BrokerSettings, Notifier, Publisher};
use runtime::config::{Config, Secret};
use runtime::heartbeat::Heartbeats;
use runtime::{lifecycle, telemetry};
use safepoint_keeper::{
    access_keys, counters, expiry, forget, notifications, overdue, partitions, projects, schedules, sweeper, tokens,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use store::{PoolSettings, Roles, Store};

/// Takes operations back from lost workers, runs resources by their schedules and tells of ends, makes partitions
/// ahead of time and drops old ones, migrates the database, makes tokens, and limits projects.
#[derive(Debug, Parser)]
#[command(name = "safepoint-keeper", version)]
struct Settings {
    /// Our own database: `postgres://user:password@host:port/name`. Better given by the environment.
    #[arg(long, global = true, env = "SAFEPOINT_DATABASE_URL", hide_env_values = true, default_value = "")]
    database_url: String,
    /// What is logged, e.g. `info,safepoint_keeper=debug`.
    #[arg(long, global = true, env = "SAFEPOINT_LOG", default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Runs the loops until SIGTERM (what is done without a subcommand).
    Run(Run),
    /// Brings the database to this version's schema, makes the partitions, and ends. Safe to run in many places at
    /// once: one works, the others wait.
    Migrate(Migrate),
    /// Who may call: makes, lists and revokes bearer tokens.
    #[command(subcommand)]
    Token(tokens::Command),
    /// Who may call by signed requests: makes, lists, revokes and reseals access keys.
    AccessKey(AccessKey),
    /// What a project may have at a time: sets and lists limits.
    #[command(subcommand)]
    Project(projects::Command),
}

#[derive(Debug, Clone, clap::Args)]
struct AccessKey {
    /// The keys that seal secrets, as the api has them: NAME=KEY,NAME=KEY.
    #[arg(long, env = "SAFEPOINT_SECRET_KEYS", hide_env_values = true, default_value = "")]
    secret_keys: String,
    #[command(subcommand)]
    command: access_keys::Command,
}

/// The roles of Postgres under which the processes work, where they have some of their own. Each must exist; it is given
/// what its process needs, and nothing else.
#[derive(Debug, Clone, clap::Args)]
struct Migrate {
    /// The api's role.
    #[arg(long = "api-role", env = "SAFEPOINT_API_ROLE")]
    api: Option<String>,
    /// The workers' role.
    #[arg(long = "worker-role", env = "SAFEPOINT_WORKER_ROLE")]
    worker: Option<String>,
    /// The keepers' role, for `run`. Migrations and the other commands need the owner.
    #[arg(long = "keeper-role", env = "SAFEPOINT_KEEPER_ROLE")]
    keeper: Option<String>,
}

#[derive(Debug, Clone, clap::Args)]
struct Run {
    /// The configuration file (TOML), for `[retention]`. Without one, operations are kept for 30 days.
    #[arg(long, env = "SAFEPOINT_CONFIG")]
    config: Option<PathBuf>,
    /// The broker: `amqp://user:password@host:port/%2f`. Better given by the environment.
    #[arg(long, env = "SAFEPOINT_BROKER_URL", hide_env_values = true)]
    broker_url: String,
    /// The file of the authorities to trust for the broker (PEM), where they are not those that the machine trusts.
    #[arg(long, env = "SAFEPOINT_BROKER_CA")]
    broker_ca: Option<PathBuf>,
    /// Stands before the names of exchanges, for several deployments on one broker.
    #[arg(long, env = "SAFEPOINT_BROKER_NAMESPACE", default_value = "safepoint")]
    broker_namespace: String,
    /// Where /healthz, /readyz and /metrics are served, e.g. 127.0.0.1:9201. Nowhere if absent.
    #[arg(long, env = "SAFEPOINT_ADMIN_LISTEN")]
    admin_listen: Option<SocketAddr>,
}

/// How long the loops get to end after SIGTERM: each of their statements takes at most 5 s.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// One for each loop, so that none makes the sweeper wait.
const CONNECTIONS: u32 = 8;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let settings = parse();
    let _telemetry = telemetry::init("safepoint-keeper", &settings.log)?;
    anyhow::ensure!(!settings.database_url.is_empty(), "SAFEPOINT_DATABASE_URL (or --database-url) is not set");
    match settings.command.clone() {
        Some(Command::Migrate(roles)) => migrate(&settings.database_url, roles).await,
        Some(Command::Token(command)) => tokens::run(&for_command(&settings.database_url)?, command).await,
        Some(Command::AccessKey(AccessKey { secret_keys, command })) => {
            let keys = secret_keys.parse().context("SAFEPOINT_SECRET_KEYS is not valid")?;
            access_keys::run(&for_command(&settings.database_url)?, &keys, command).await
        }
        Some(Command::Project(command)) => projects::run(&for_command(&settings.database_url)?, command).await,
        Some(Command::Run(command)) => run(&settings.database_url, command).await,
        None => unreachable!("parse() puts `run` in its place"),
    }
}

/// Without a subcommand it runs, with the arguments and environment of `run`.
fn parse() -> Settings {
    let settings = Settings::parse();
    if settings.command.is_some() {
        return settings;
    }
    Settings::parse_from(std::env::args_os().chain(["run".into()]))
}

async fn migrate(database_url: &str, roles: Migrate) -> anyhow::Result<()> {
    let Migrate { api, worker, keeper } = roles;
    let applied = store::migrate(database_url).await.context("the database was not migrated")?;
    for name in &applied {
        tracing::info!(migration = name, "applied");
    }
    let store = Store::new(database_url, PoolSettings::new("safepoint migrate").connections(1))?;
    let partitions = store.ensure_partitions(runtime::clock::now(), partitions::WEEKS_AHEAD).await?;
    // Last, so that they hold for the partitions as well.
    store::grant(database_url, &Roles { api, worker, keeper }).await.context("the roles have not got their rights")?;
    tracing::info!(migrations = applied.len(), partitions, "the database is up to date");
    Ok(())
}

/// For a command that does one thing and ends.
fn for_command(database_url: &str) -> anyhow::Result<Store> {
    store(database_url, PoolSettings::new("safepoint command").connections(1))
}

fn store(database_url: &str, settings: PoolSettings) -> anyhow::Result<Store> {
    Store::new(database_url, settings).context("SAFEPOINT_DATABASE_URL cannot be used")
}

async fn run(database_url: &str, command: Run) -> anyhow::Result<()> {
    let config = command.config.as_deref().map(Config::load_without_passwords).transpose()?.unwrap_or_default();
    let shutdown = lifecycle::shutdown_signal(ENDS_WITHIN)?;
    let store = store(database_url, PoolSettings::new("safepoint keeper").connections(CONNECTIONS))?;
    let broker = BrokerSettings {
        url: Secret::new(command.broker_url),
        authorities: command.broker_ca,
        namespace: command.broker_namespace,
        process: "keeper",
    };
    let publisher = Publisher::start(broker.clone(), shutdown.clone())?;
    let notifier = Notifier::start(broker, shutdown.clone())?;
    // The loops share the main thread.
    let loops = Heartbeats::new("threads of the loops", 1);
    if let Some(address) = command.admin_listen {
        let probe = KeeperProbe { store: store.clone(), publisher: publisher.clone(), notifier: notifier.clone() };
        admin::serve(address, probe, vec![loops.clone()], shutdown.clone()).await.context("the admin listener")?;
    }
    tracing::info!("the keeper runs");
    tokio::join!(
        sweeper::sweep(store.clone(), publisher.clone(), shutdown.clone()),
        partitions::keep_ahead(store.clone(), shutdown.clone()),
        forget::forget(store.clone(), config.retention.audit_log(), shutdown.clone()),
        overdue::fail(store.clone(), publisher.clone(), shutdown.clone()),
        schedules::run(store.clone(), publisher, config.kinds, shutdown.clone()),
        notifications::tell(store.clone(), notifier, shutdown.clone()),
        counters::compact(store.clone(), shutdown.clone()),
        expiry::expire(store, config.retention, shutdown.clone()),
        shutdown.run_until_cancelled(loops.beat()),
    );
    tracing::info!("the keeper has ended");
    Ok(())
}

struct KeeperProbe {
    store: Store,
    publisher: Publisher,
    notifier: Notifier,
}

impl Probe for KeeperProbe {
    async fn readiness(&self) -> Readiness {
        Readiness::of(self.store.ping().await.is_ok(), self.publisher.is_up() && self.notifier.is_up())
    }
}
