//! A server that the caller named: looked up and judged at each attempt, reached by the address that was judged, with the
//! password that came with the request.

use crate::safepoint::{Ended, Safepoint};
use kinds::postgres_export::PostgresServer;
use operation::{Code, Failure, ProjectId};
use runtime::config::{Cluster, ClusterTls, Secret};
use runtime::destination::{AllowedDestinations, Destination, DestinationError, Host, resolve, system_dns};
use runtime::sealing::KeyRing;
use std::path::Path;
use std::time::Duration;
use store::{Store, purpose_of_operation};

/// A name server answers within seconds or not at all.
const LOOKUP_WITHIN: Duration = Duration::from_secs(10);

/// Where servers are found, and what opens their passwords.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'a> {
    /// What the project may reach.
    pub allowed: &'a AllowedDestinations,
    /// Whom to trust for it; without, it is reached without TLS, and at no public address.
    pub authorities: Option<&'a Path>,
    /// What opens secrets.
    pub secret_keys: &'a KeyRing,
    /// Where they are kept.
    pub store: &'a Store,
}

impl Finder<'_> {
    /// The server as if it were a configured cluster.
    ///
    /// # Errors
    /// [`Ended`]: it may not be reached, can't be found, or its password can't be had.
    pub async fn find(&self, server: &PostgresServer, project: &ProjectId, cx: &Safepoint) -> Result<Cluster, Ended> {
        let PostgresServer { host, port, user } = server;
        let name = format!("{host}:{port}");
        let destination = Destination::new(host, i64::from(*port)).map_err(|error| of_destination(&name, &error))?;
        let looked_up = resolve(&destination, project, self.allowed, LOOKUP_WITHIN, system_dns);
        let found = cx.or_stop("looking up the server", looked_up).await?;
        let found = found.map_err(|error| of_destination(&name, &error))?;
        if self.authorities.is_none() && found.is_public() {
            // Whoever is on the way could ask for the password, and get it.
            return Err(Failure::fatal(
                Code::FailedPrecondition,
                format!("the server {name} is at a public address, and the operator has not said whom to trust for it by TLS"),
            )
            .into());
        }
        let password = self.password(project, cx).await?;
        Ok(Cluster {
            name,
            host: match destination.host() {
                Host::Name(name) => name.clone(),
                // Without the brackets, which belong to the text that callers write.
                Host::Address(address) => address.to_string(),
            },
            host_addresses: found.addresses().iter().map(std::net::SocketAddr::ip).collect(),
            port: *port,
            tls: if self.authorities.is_some() { ClusterTls::VerifyFull } else { ClusterTls::Disable },
            ca_file: self.authorities.map(Path::to_owned),
            user: user.clone(),
            password_env: None,
            password: Some(password),
        })
    }

    async fn password(&self, project: &ProjectId, cx: &Safepoint) -> Result<Secret, Ended> {
        let fence = cx.fence();
        let sealed = cx.or_stop("reading the secret", self.store.secret(fence)).await?.map_err(|error| {
            tracing::warn!(%error, "the secret could not be read");
            Failure::passing("The operation's secret could not be read.")
        })?;
        let sealed = sealed.ok_or_else(|| Failure::fatal(Code::Internal, "The operation has no secret.".to_owned()))?;
        let opened = self.secret_keys.open(&sealed, &purpose_of_operation(project, fence.id));
        Ok(opened.map_err(|error| {
            // Another worker may have the key.
            tracing::error!(%error, key_id = sealed.key_id, "the secret could not be opened");
            Failure::passing("The operation's secret could not be opened.")
        })?)
    }
}

fn of_destination(name: &str, error: &DestinationError) -> Failure {
    tracing::warn!(reason = error.reason(), "the server is not reached");
    if error.is_retryable() {
        return Failure::passing(format!("the server {name} cannot be found"));
    }
    Failure::fatal(Code::PermissionDenied, format!("the server {name} may not be reached from this project"))
}
