//! The api process: `safepoint-api --help`. `safepoint-api routes` prints all routes with their scopes.

use actix_web::web;
use anyhow::Context;
use clap::Parser;
use runtime::admin::{Probe, Readiness};
use runtime::broker::{BrokerSettings, Changes, Publisher};
use runtime::config::Config;
use runtime::heartbeat::Heartbeats;
use runtime::{admin, lifecycle, telemetry};
use safepoint_api::admin::{health, metrics};
use safepoint_api::admission::Gate;
use safepoint_api::admission::auth::StoredTokens;
use safepoint_api::kinds::catalog::Catalog;
use safepoint_api::kinds::own::OwnKinds;
use safepoint_api::operations::watch::{Terms, Watches};
use safepoint_api::operations::{ANSWER_WITHIN, Operations};
use safepoint_api::routes;
use safepoint_api::server::certificate::{Certificate, LOOK_EVERY};
use safepoint_api::server::{self, Serving};
use safepoint_api::settings::Settings;
use safepoint_api::state::Api;
use safepoint_api::wire::page_token::PageTokens;
use std::time::Duration;
use store::{PoolSettings, Store};
use tokio_util::sync::CancellationToken;

/// How long the rest of the shutdown gets after the requests under way.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
const FORGET_EVERY: Duration = Duration::from_mins(1);

fn main() -> anyhow::Result<()> {
    if std::env::args_os().nth(1).is_some_and(|word| word == "routes") {
        print!("{}", routes::list());
        return Ok(());
    }
    serve()
}

#[tokio::main]
async fn serve() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let _telemetry = telemetry::init("safepoint-api", &settings.log)?;
    let config = Config::load(&settings.config, |name| std::env::var(name).ok())?;
    let key_ring = settings.key_ring().context("SAFEPOINT_SECRET_KEYS is not valid")?;
    let files = settings.certificate();
    let page_tokens = PageTokens::new(&settings.page_token_key()?);
    let shutdown = lifecycle::shutdown_signal(Duration::from_secs(settings.drain_seconds) + ENDS_WITHIN)
        .context("the signal handlers cannot be installed")?;
    let certificate = files.map(|files| Certificate::follow(files, LOOK_EVERY, shutdown.clone())).transpose();
    let certificate = certificate.context("TLS cannot be spoken: see SAFEPOINT_TLS_CERTIFICATE, SAFEPOINT_TLS_KEY")?;

    // Nobody waits longer than that for an answer.
    let requests = PoolSettings::new("safepoint-api").statement_timeout(ANSWER_WITHIN);
    let store =
        Store::new(settings.database_url.expose(), requests).context("SAFEPOINT_DATABASE_URL cannot be used")?;
    // Its own token: the last requests of a shutdown still tell workers of their cancels.
    let publisher_shutdown = CancellationToken::new();
    let broker = BrokerSettings {
        url: settings.broker_url,
        authorities: settings.broker_ca,
        namespace: settings.broker_namespace,
        process: "api",
    };
    let publisher = Publisher::start(broker.clone(), publisher_shutdown.clone())?;
    let operations = Operations::new(store.clone(), publisher, key_ring, config.kinds.clone());
    // Connections of its own: those who wait take nothing from other calls. One for hints, one for ticks, one for tokens.
    let looks = Store::new(settings.database_url.expose(), PoolSettings::new("safepoint watch").connections(3))?;
    let terms = Terms::new(lifecycle::raise_file_limit());
    let watches = Watches::start(&looks, Changes::start(broker, shutdown.clone())?, terms, shutdown.clone());

    let serving_threads = Heartbeats::new("serving threads", usize::from(settings.threads));
    if let Some(listen) = settings.admin_listen {
        let (probe, heartbeats) = (ApiProbe(operations.clone()), vec![serving_threads.clone()]);
        let serving = admin::serve(listen, probe, heartbeats, publisher_shutdown.clone());
        serving.await.with_context(|| format!("cannot listen on {listen}"))?;
    }
    let stored = StoredTokens::follow(looks, shutdown.clone());
    let gate = Gate::new(&config, Some(stored)).context("there is no TLS to fetch issuers' keys with")?;
    let gate = web::Data::new(gate);
    tokio::spawn(forget_callers(gate.clone()));
    let api = web::Data::new(Api {
        own_kinds: OwnKinds::follow(operations.clone(), shutdown.clone()),
        operations,
        watches,
        destinations: config.destinations.clone(),
        catalog: Catalog::new(&config)?,
        page_tokens,
        serving_threads: serving_threads.clone(),
    });
    let app = move || routes::app(api.clone(), gate.clone());
    let serving = Serving { listen: settings.listen, certificate, drain_seconds: settings.drain_seconds };
    let tls = serving.certificate.is_some();
    let (server, listen) = server::serve(app, serving_threads, serving, shutdown)
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    tracing::info!(%listen, tls, most_watchers = terms.most, "serving");
    server.await.context("the server failed")?;

    publisher_shutdown.cancel();
    store.close().await;
    tracing::info!("ended in good order");
    Ok(())
}

async fn forget_callers(gate: web::Data<Gate>) {
    let mut tick = tokio::time::interval(FORGET_EVERY);
    loop {
        tick.tick().await;
        gate.forget();
    }
}

struct ApiProbe(Operations);

impl Probe for ApiProbe {
    async fn readiness(&self) -> Readiness {
        health::readiness(&self.0).await
    }

    async fn metrics(&self) -> String {
        metrics::render(&self.0).await
    }
}
