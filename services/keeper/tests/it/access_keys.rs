//! What `safepoint-keeper access-key` makes of access keys.

use runtime::scope::Scope;
use runtime::sealing::{KeyRing, SealError};
use safepoint_keeper::access_keys::{create, reseal};
use store::purpose_of_access_key;
use testkit::TestDatabase;

fn ring(names: &[&str]) -> KeyRing {
    let keys: Vec<_> = names.iter().map(|name| format!("{name}={}", name.repeat(64))).collect();
    keys.join(",").parse().expect("a ring")
}

#[tokio::test]
async fn a_secret_key_is_shown_once_and_kept_sealed() {
    let database = TestDatabase::create().await;
    let (store, keys, project) = (database.store(), ring(&["a"]), "p".parse().expect("a project"));
    let (access_key, secret_key) = create(&store, &keys, "ci", &project, &[Scope::Read]).await.expect("a pair");
    assert_eq!((access_key.len(), secret_key.expose().len()), (20, 40));
    let opened = async |keys: &KeyRing| {
        let stored = store.access_keys().await.expect("read").remove(0);
        keys.open(&stored.sealed, &purpose_of_access_key(&access_key)).map(|secret| secret.expose().to_owned())
    };
    assert_eq!(opened(&keys).await.as_deref(), Ok(secret_key.expose()));
    let dump = "SELECT string_agg(k::text, '') || (SELECT string_agg(l::text, '') FROM audit_log l) FROM access_keys k";
    let dump: String = database.client().await.query_one(dump, &[]).await.expect("a row").get(0);
    assert!(dump.contains(&access_key) && dump.contains("CREATE_ACCESS_KEY") && !dump.contains(secret_key.expose()));

    let again = create(&store, &keys, "ci", &project, &[Scope::Read]).await.expect_err("the name is taken");
    assert!(again.to_string().contains("choose another name"), "{again}");
    let keyless = create(&store, &KeyRing::EMPTY, "other", &project, &[Scope::Read]).await.expect_err("no keys");
    assert_eq!(keyless.downcast_ref(), Some(&SealError::NoKeys));

    // A new key: what it seals no more needs the old one.
    assert_eq!(opened(&ring(&["b"])).await, Err(SealError::UnknownKey));
    assert_eq!(reseal(&store, &ring(&["b", "a"])).await.expect("resealed"), 1);
    assert_eq!(reseal(&store, &ring(&["b", "a"])).await.expect("asked"), 0);
    assert_eq!(opened(&ring(&["b"])).await.as_deref(), Ok(secret_key.expose()));

    assert!(store.revoke_access_key("ci", "operator:test").await.expect("revoked"));
    assert!(!store.revoke_access_key("ci", "operator:test").await.expect("asked"), "it was revoked before");
    assert_eq!(opened(&ring(&["b"])).await, Err(SealError::NotOpened), "nothing is left of it");
    assert_eq!(reseal(&store, &ring(&["c", "b"])).await.expect("asked"), 0);
}
