//! What a route asks of its callers: one of some scopes.

use runtime::scope::Scope;

/// Any one of these scopes is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need(pub(super) &'static [Scope]);

/// To see operations.
pub const READ: Need = Need(&[Scope::Read, Scope::CloudPlatform]);
/// To create, pause, resume and retry them.
pub const WRITE: Need = Need(&[Scope::Write, Scope::CloudPlatform]);
/// To cancel them.
pub const CANCEL: Need = Need(&[Scope::Cancel, Scope::CloudPlatform]);
/// To delete them.
pub const DELETE: Need = Need(&[Scope::Delete, Scope::CloudPlatform]);
/// To see what concerns a project as a whole: who did what in it. What clients ask for by themselves is not enough.
pub const ADMIN: Need = Need(&[Scope::Admin]);

impl Need {
    /// The scopes.
    pub const fn scopes(self) -> &'static [Scope] {
        self.0
    }

    /// Their names, with this between them.
    pub fn names(self, between: &str) -> String {
        let names: Vec<_> = self.0.iter().map(|scope| scope.as_str()).collect();
        names.join(between)
    }
}
