//! An issuer of tokens, with its address and its keys.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use runtime::callers::Issuer;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const AUDIENCE: &str = "https://safepoint.test";

pub const RSA: &[u8] = include_bytes!("keys/corp.rsa.pem");
pub const RSA_PUBLIC: &[u8] = include_bytes!("keys/corp.rsa.public.pem");
const OTHER_RSA: &[u8] = include_bytes!("keys/other.rsa.pem");
const EC: &[u8] = include_bytes!("keys/corp.ec.pem");
const ED: &[u8] = include_bytes!("keys/corp.ed.pem");

/// A key by which tokens are signed.
#[derive(Clone)]
pub struct SigningKey {
    pub id: &'static str,
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

pub fn rsa() -> SigningKey {
    SigningKey { id: "rsa", algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_pem(RSA).expect("a key") }
}

/// Of another issuer, with the same id.
pub fn other_rsa() -> SigningKey {
    SigningKey { key: EncodingKey::from_rsa_pem(OTHER_RSA).expect("a key"), ..rsa() }
}

pub fn ec() -> SigningKey {
    SigningKey { id: "ec", algorithm: Algorithm::ES256, key: EncodingKey::from_ec_pem(EC).expect("a key") }
}

pub fn ed() -> SigningKey {
    SigningKey { id: "ed", algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_pem(ED).expect("a key") }
}

/// The set that holds these keys, as an issuer shows it.
pub fn key_set(keys: &[SigningKey]) -> Value {
    let shown = keys.iter().map(|key| {
        let mut shown = Jwk::from_encoding_key(&key.key, key.algorithm).expect("a public key");
        shown.common.key_id = Some(key.id.to_owned());
        shown
    });
    json!({ "keys": shown.collect::<Vec<_>>() })
}

/// The claims of a token of this issuer for alice, who may read in `mine`.
pub fn claims(issuer: &str) -> Value {
    let now = get_current_timestamp();
    json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "alice", "exp": now + 600, "nbf": now - 5, "iat": now - 5,
        "scope": "openid operations.read", "projects": ["mine"],
    })
}

/// A token with these claims.
pub fn sign(key: &SigningKey, claims: &Value) -> String {
    let header = Header { kid: Some(key.id.to_owned()), ..Header::new(key.algorithm) };
    encode(&header, claims, &key.key).expect("a token")
}

/// An issuer that shows its keys over HTTP, and counts how often it was asked.
pub struct TestIssuer {
    pub settings: Issuer,
    fetches: Arc<AtomicUsize>,
    /// Whether it answers, or lets wait.
    pub answers: watch::Sender<bool>,
    _ended: DropGuard,
}

impl TestIssuer {
    pub async fn start(name: &str, keys: &[SigningKey]) -> Self {
        let body = key_set(keys).to_string();
        Self::answering(name, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await
    }

    /// One that answers so whenever it is asked.
    pub async fn answering(name: &str, answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
        let (fetches, ended) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (counter, end) = (fetches.clone(), ended.clone());
        let (answers, mut may_answer) = watch::channel(true);
        tokio::spawn(end.run_until_cancelled_owned(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (mut head, mut bytes) = (Vec::new(), [0; 1024]);
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut bytes).await {
                        Ok(read @ 1..) => head.extend_from_slice(&bytes[..read]),
                        _ => break,
                    }
                }
                let _ = may_answer.wait_for(|may| *may).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }));
        let settings = Issuer {
            name: name.to_owned(),
            issuer: format!("https://{name}.test"),
            audiences: vec![AUDIENCE.to_owned(), "another name of it".to_owned()],
            jwks_url: Some(url.parse().expect("a URL")),
            jwks_file: None,
            projects_claim: "projects".to_owned(),
        };
        Self { settings, fetches, answers, _ended: ended.drop_guard() }
    }

    /// The claims of a token for alice, who may read in `mine`.
    pub fn claims(&self) -> Value {
        claims(&self.settings.issuer)
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}
