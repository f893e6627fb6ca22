//! What the handlers share.

use crate::kinds::catalog::Catalog;
use crate::kinds::own::OwnKinds;
use crate::operations::Operations;
use crate::operations::watch::Watches;
use crate::wire::page_token::PageTokens;
use runtime::destination::AllowedDestinations;
use runtime::heartbeat::Heartbeats;

/// What the handlers share. Who may call them, and how often, is settled before: see [`Gate`](crate::admission::Gate).
pub struct Api {
    /// The use cases.
    pub operations: Operations,
    /// Who waits for which operation.
    pub watches: Watches,
    /// Where users' work may connect to.
    pub destinations: AllowedDestinations,
    /// What can be exported, and where to.
    pub catalog: Catalog,
    /// The kinds of other crates that workers have registered.
    pub own_kinds: OwnKinds,
    /// Seals and opens page tokens.
    pub page_tokens: PageTokens,
    /// Whether the threads that serve calls answer.
    pub serving_threads: Heartbeats,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}
