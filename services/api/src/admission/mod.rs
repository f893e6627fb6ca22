//! Who is let in, how often, and for how much work: settled before a handler sees a call.

pub mod auth;
pub mod call;
pub mod endpoint;
pub mod limits;
pub mod observe;
pub mod off_reactor;
pub mod queues;
mod source_address;

use auth::{Callers, StoredTokens};
use ipnet::IpNet;
use limits::Limits;
use queues::Queues;
use runtime::config::Config;

/// What decides whether a call is let in.
pub struct Gate {
    /// Who may call.
    callers: Callers,
    /// How often.
    limits: Limits,
    /// How much may wait.
    queues: Queues,
    /// Whose word on where a call came from is believed.
    trusted_proxies: Vec<IpNet>,
}

impl Gate {
    /// As the configuration says; tokens of the database are known by `stored`.
    ///
    /// # Errors
    /// There is no TLS to fetch issuers' keys with.
    pub fn new(config: &Config, stored: Option<StoredTokens>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            callers: Callers::new(config, stored)?,
            limits: Limits::new(&config.limits),
            queues: Queues::new(config.limits.queued_operations),
            trusted_proxies: config.trusted_proxies.clone(),
        })
    }

    /// Those who have not called for a while take no memory.
    pub fn forget(&self) {
        self.limits.forget();
        self.queues.forget();
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
