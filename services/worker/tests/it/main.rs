//! A whole worker against a real Postgres and a real RabbitMQ.

mod beside;
mod cancel;
mod changes;
mod deadlines;
mod demo_steps;
mod escalation;
mod fixture;
mod kinds;
mod late_requests;
mod life;
mod postgres_export;
mod storage_transfer;
