//! What the processes stand on, against real servers.

mod broker_tls;
mod notifier;
