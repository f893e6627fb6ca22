//! The keeper: the loops that must go on when workers are gone. Two or more replicas; each loop is safe to run in all
//! of them at once.

pub mod access_keys;
pub mod counters;
pub mod expiry;
pub mod forget;
pub mod notifications;
pub mod overdue;
pub mod partitions;
pub mod projects;
pub mod schedules;
pub mod sweeper;
pub mod tokens;

use runtime::callers::{OPERATOR, is_name};
use std::time::Duration;

/// After this a loop that looks seldom tries again what it could not do.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Who gives the command, as the audit log tells it: the user of this machine, by what it says of itself.
fn operator() -> String {
    let told = |name| std::env::var(name).ok().filter(|user| is_name(user));
    let user = ["SUDO_USER", "LOGNAME", "USER"].into_iter().find_map(told);
    format!("{OPERATOR}:{}", user.as_deref().unwrap_or("unknown"))
}
