//! What `safepoint-keeper token` makes of tokens.

use runtime::scope::Scope;
use safepoint_keeper::tokens::create;
use sha2::{Digest, Sha256};
use std::time::Duration;
use testkit::TestDatabase;

#[tokio::test]
async fn a_token_is_made_once_and_only_its_hash_is_kept() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let project = "p".parse().expect("a project");
    let projects = std::slice::from_ref(&project);
    let token = create(&store, "ci", projects, &[Scope::Read, Scope::Cancel], Some(2)).await.expect("a token");
    assert!(token.starts_with("safepoint_") && token.len() > 50, "{token}");

    let (version, accepted) = store.tokens_since(0).await.expect("read").expect("news");
    let [stored] = accepted.as_slice() else { panic!("{accepted:?}") };
    assert_eq!((stored.name.as_str(), &stored.sha256), ("ci", &Sha256::digest(&token).to_vec()));
    assert_eq!(
        (&stored.projects, &stored.scopes),
        (&vec!["p".to_owned()], &vec!["operations.read".to_owned(), "operations.cancel".to_owned()])
    );
    let (two_days, left) = (Duration::from_hours(48), stored.expires_in.expect("an end"));
    assert!(left <= two_days && left > Duration::from_hours(47), "{left:?}");
    assert!(store.tokens_since(version).await.expect("read").is_none(), "nothing has changed since");
    let dump = database.client().await.query_one("SELECT string_agg(tokens::text, '') FROM tokens", &[]).await;
    assert!(!dump.expect("a row").get::<_, String>(0).contains(&token[10..]));

    let again = create(&store, "ci", projects, &[Scope::Read], None).await.expect_err("the name is taken");
    assert!(again.to_string().contains("choose another name"), "{again}");
    for name in ["", "a\nb", "corp:alice", &"x".repeat(101)] {
        assert!(create(&store, name, projects, &[Scope::Read], None).await.is_err(), "{name:?}");
    }
    assert!(store.revoke_token("ci", "operator:test").await.expect("revoked"));
    assert!(!store.revoke_token("ci", "operator:test").await.expect("asked"), "it was revoked before");
    let (_, accepted) = store.tokens_since(version).await.expect("read").expect("news");
    assert!(accepted.is_empty(), "{accepted:?}");
    let listed = store.list_tokens().await.expect("a list");
    assert!(listed.len() == 1 && !listed[0].accepted && listed[0].revoke_time.is_some(), "{listed:?}");
}
