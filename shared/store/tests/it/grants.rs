//! Each process's role may do what the process does, and nothing else.

use crate::fixture::{Fixture, runnable};
use runtime::clock;
use safepoint_store::{MigrateError, Roles, STATEMENTS, grant};
use std::collections::BTreeSet;
use testkit::Role;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// Reads of operations and kinds alone, and of the catalogue: harmless, and so not told apart.
const LOOKS: [&str; 10] = [
    "get",
    "get_to_cancel",
    "changed",
    "commit_point",
    "requests",
    "ended",
    "list_kinds",
    "partitions",
    "project_of_operation",
    "waiting",
];

const API: &[&str] = &[
    "insert",
    "create_request",
    "cancel",
    "cancel_together",
    "pause",
    "resume",
    "delete",
    "retry",
    "queue",
    "why",
    "counts",
    "tokens",
    "project_queue",
    "list_projects",
    "list_tokens",
    "audit_log",
    "audit_log_of_operation",
    // The columns of a cancel of what waits.
    "fail_overdue",
    "create_resource",
    "get_resource",
    "list_resources",
    "update_resource",
    "run_resource",
    "resource_to_run",
    "skip_resource",
    "due_resources",
];

const WORKER: &[&str] = &[
    "cancel",
    "cancel_together",
    "claim",
    "checkpoint",
    "finish",
    "reconcile",
    "register",
    "register_kind",
    "renew",
    "retire",
    "secret",
    // The columns of ends and of cancels, and the worker's own row.
    "pause",
    "resume",
    "sweep",
    "fail_overdue",
    "bury",
    "why",
];

const KEEPER: &[&str] = &[
    "create_request",
    "forget_create_requests",
    "reconcile",
    "sweep",
    "fail_overdue",
    "bury",
    "queue",
    "counts",
    "compact",
    "expire",
    "create_partition",
    "drop_partition",
    "forget_labels",
    "renew",
    "retire",
    "audit_log",
    "audit_log_of_operation",
    "forget_audit_log",
    "get_resource",
    "list_resources",
    "run_resource",
    "resource_to_run",
    "skip_resource",
    "due_resources",
    "forget_resources",
    "to_notify",
    "notified",
    // The columns of ends, and the entry of a run.
    "pause",
];

#[tokio::test]
async fn each_role_may_do_what_its_process_does_and_nothing_else() {
    let fixture = Fixture::new().await;
    for (role, expected) in [(Role::Api, API), (Role::Worker, WORKER), (Role::Keeper, KEEPER)] {
        let client = fixture.database.client().await;
        client.batch_execute(&format!("SET ROLE {}", role.name())).await.expect("the role");
        let mut allowed = BTreeSet::new();
        for (name, sql) in STATEMENTS {
            if may(&client, name, sql).await {
                allowed.insert(*name);
            }
        }
        let expected: BTreeSet<_> = expected.iter().chain(&LOOKS).copied().collect();
        assert_eq!(allowed, expected, "{role:?}");
    }
}

/// Planned and not run: the rights are looked at before the first row.
async fn may(client: &Client, name: &str, sql: &str) -> bool {
    let sql = runnable(sql);
    client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.expect("prepared");
    let types = "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = $1";
    let types = client.query(types, &[&name]).await.expect("the types");
    let arguments: Vec<String> = types.iter().map(|row| format!("NULL::{}", row.get::<_, &str>(0))).collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    // A function's right is looked at when it is called, so it is called with what it refuses.
    let run = if sql.contains("_operations_partition(") { "EXECUTE" } else { "EXPLAIN EXECUTE" };
    match client.batch_execute(&format!("{run} {name}{arguments}")).await {
        Ok(()) => true,
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => false,
        Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => true,
        Err(error) => panic!("{name}: {error:?}"),
    }
}

#[tokio::test]
async fn no_role_gets_at_what_is_not_its_own() {
    let fixture = Fixture::new().await;
    fixture.create().await;
    let refused = async |role: Role, statement: &str| {
        let client = fixture.database.client().await;
        client.batch_execute(&format!("SET ROLE {}", role.name())).await.expect("the role");
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role:?}: {statement}: {error:?}");
    };
    for role in Role::ALL {
        for statement in [
            "UPDATE audit_log SET principal = 'nobody'",
            "TRUNCATE audit_log",
            "INSERT INTO tokens (name, sha256, projects, scopes) VALUES ('x', '', '{}', '{}')",
            "UPDATE operations SET spec = '{}'",
            "UPDATE operations SET project_id = 'q'",
            "DROP TABLE operations",
            "ALTER TABLE operations DISABLE TRIGGER ALL",
            "CREATE TABLE public.mine ()",
        ] {
            refused(role, statement).await;
        }
    }
    // None but who runs it says how it went, none but the keeper deletes, and none but operators sets limits.
    refused(Role::Api, "UPDATE operations SET response = '{}'").await;
    refused(Role::Api, "UPDATE operations SET worker_id = gen_random_uuid()").await;
    for role in [Role::Api, Role::Worker] {
        refused(role, "DELETE FROM operations").await;
        refused(role, "DELETE FROM audit_log").await;
    }
    refused(Role::Worker, "INSERT INTO operations (id) VALUES (gen_random_uuid())").await;
    for role in [Role::Worker, Role::Keeper] {
        refused(role, "SELECT sha256 FROM tokens").await;
    }
    for role in Role::ALL {
        refused(role, "UPDATE projects SET running_limit = 1000").await;
    }
}

/// A partition is the owner's, and the keeper's right to its rows comes with it.
#[tokio::test]
async fn a_keeper_makes_partitions_that_it_does_not_own() {
    let fixture = Fixture::new().await;
    let keeper =
        safepoint_store::Store::new(&fixture.database.url_as(Role::Keeper), safepoint_store::PoolSettings::new("test"))
            .expect("a store");
    assert_eq!(keeper.ensure_partitions(clock::now(), 3).await.expect("made"), 2);
    let partitions = keeper.partitions().await.expect("listed");
    let newest = partitions.iter().rfind(|partition| partition.ended_seconds_ago.is_some()).expect("one");
    assert_eq!(keeper.expire(newest, &kinds::demo_steps::KIND, std::time::Duration::ZERO, 10).await.expect("asked"), 0);
    let client = fixture.database.client().await;
    client.batch_execute(&format!("SET ROLE {}", Role::Keeper.name())).await.expect("the role");
    for wrong in ["operations_default", "operations", "tokens", "operations_2026w48; DROP TABLE tokens"] {
        for call in [
            format!("SELECT drop_operations_partition('{wrong}', 0)"),
            format!("SELECT create_operations_partition('{wrong}', gen_random_uuid(), gen_random_uuid())"),
        ] {
            let refused = client.batch_execute(&call).await.expect_err(&call);
            assert_eq!(refused.code(), Some(&SqlState::INVALID_PARAMETER_VALUE), "{call}: {refused:?}");
        }
    }
}

/// The last one named would have the rights alone, and the owner would lose its own.
#[tokio::test]
async fn a_role_stands_for_one_process() {
    let fixture = Fixture::new().await;
    let (url, name) = (fixture.database.url(), |role: Role| Some(role.name().to_owned()));
    let api = name(Role::Api);
    let owner: String = fixture.client.query_one("SELECT current_user::text", &[]).await.expect("a name").get(0);
    for roles in [
        Roles { api: api.clone(), worker: api.clone(), keeper: None },
        Roles { api: None, worker: None, keeper: Some(owner) },
    ] {
        assert!(matches!(grant(&url, &roles).await, Err(MigrateError::SharedRole(_))), "{roles:?}");
    }
    let missing = Roles { api: Some("nobody \"of this name".to_owned()), ..Roles::default() };
    assert!(matches!(grant(&url, &missing).await, Err(MigrateError::Grant(_))));
    // What a role had is taken away, as after an upgrade that needs less.
    fixture.sql(&format!("GRANT DELETE ON operations TO {}", Role::Api.name())).await;
    grant(&url, &Roles { api, ..Roles::default() }).await.expect("given");
    let may = format!("SELECT has_table_privilege('{}', 'operations', 'DELETE')", Role::Api.name());
    assert!(!fixture.client.query_one(&may, &[]).await.expect("told").get::<_, bool>(0));
}
