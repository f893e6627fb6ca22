//! Kinds that are switched off, or belong to other projects: no path creates an operation of them.

use crate::fixture::{Answer, Fixture, NATIVE, csv, transfer_job};
use operation::Kind;
use runtime::kind_settings::KindSettings;
use serde_json::json;

/// Every request that would create an operation of the kind.
async fn creates(fixture: &Fixture, kind: &Kind) -> Vec<Answer> {
    if *kind == kinds::storage_transfer::KIND {
        let (source, sink) = (json!({"bucket": "exports", "path": ""}), json!({"bucket": "sink", "path": ""}));
        let spec = json!({"source": {"bucket": source}, "sink": {"bucket": sink}});
        return vec![
            fixture.post("/v1/transferJobs", &transfer_job("transferJobs/any")).await,
            fixture.post("/v1/transferJobs/any:run", &json!({"projectId": "mine"})).await,
            fixture.post(NATIVE, &json!({"kind": kind.as_str(), "spec": spec})).await,
        ];
    }
    if *kind == kinds::operations_cancel::KIND {
        return vec![fixture.post(&format!("{NATIVE}:cancel"), &json!({"filter": "done = false"})).await];
    }
    vec![fixture.post("/v1/projects/mine/locations/here/clusters/main:export", &csv("SELECT 1")).await]
}

#[tokio::test]
async fn a_kind_that_is_not_for_a_project_is_created_by_no_path() {
    let off = KindSettings { enabled: Some(false), projects: None };
    let others = KindSettings { enabled: None, projects: Some(vec!["theirs".parse().expect("a project")]) };
    for kind in [kinds::storage_transfer::KIND, kinds::postgres_export::KIND, kinds::operations_cancel::KIND] {
        for (settings, expected) in [(&off, (501, "KIND_SWITCHED_OFF")), (&others, (403, "KIND_NOT_ALLOWED"))] {
            let fixture = Fixture::with_kind(kind.clone(), settings.clone()).await;
            for answer in creates(&fixture, &kind).await {
                let (status, _, reason) = answer.error();
                assert_eq!((status, reason), expected, "{kind}: {answer:?}");
            }
            assert_eq!(fixture.count().await, 0);
        }
    }
}
