//! The keys of one issuer (RFC 7517): fetched when they are first needed, and again when they are old or a token names
//! one that is not there; never more than once a minute, whatever callers send.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, Url};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// When keys are fetched, and how long they are used.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// After this they are fetched again, beside the call that sees it.
    pub fresh: Duration,
    /// So long they are used while the issuer can't be reached. A key that it took back is accepted no longer than this.
    pub usable: Duration,
    /// Between two tries.
    pub cool_down: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { fresh: Duration::from_mins(10), usable: Duration::from_hours(24), cool_down: Duration::from_mins(1) }
    }
}

/// Far more than any issuer has.
const MOST_BYTES: usize = 1024 * 1024;

/// Where keys come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The issuer's address.
    Url(Client, Url),
    /// A file of this machine.
    File(PathBuf),
}

/// A key, and what may be signed with it: said by the key, never by the token.
#[derive(Debug)]
pub struct Key {
    /// It checks signatures.
    pub key: DecodingKey,
    /// By these alone.
    pub algorithms: Vec<Algorithm>,
}

/// There are no keys, or none that are young enough to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoKeys;

/// By their ids.
type Keys = HashMap<String, Arc<Key>>;

/// A try to fetch them.
#[derive(Debug, Clone, Copy)]
struct Try {
    begun: Instant,
    failed: bool,
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct Jwks {
    name: String,
    source: Source,
    terms: Terms,
    held: RwLock<Option<(Arc<Keys>, Instant)>>,
    /// Held while a try is under way: others wait for it.
    last_try: Mutex<Option<Try>>,
}

impl Jwks {
    /// Fetches nothing yet.
    pub fn new(name: &str, source: Source, terms: Terms) -> Self {
        Self { name: name.to_owned(), source, terms, held: RwLock::new(None), last_try: Mutex::new(None) }
    }

    /// The key of this id, if the issuer has it.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn find(self: &Arc<Self>, id: &str) -> Result<Option<Arc<Key>>, NoKeys> {
        if let Some((keys, age)) = self.held()
            && let Some(key) = keys.get(id)
            && age < self.terms.usable
        {
            if age >= self.terms.fresh && self.last_try.try_lock().is_ok_and(|last| !self.is_cooling(*last)) {
                tokio::spawn(self.clone().refresh());
            }
            return Ok(Some(key.clone()));
        }
        // Apart: a caller that goes away must not end a try, of which there is one a minute.
        let failed = tokio::spawn(self.clone().refresh()).await.unwrap_or(true);
        match self.held() {
            Some((keys, age)) if age < self.terms.usable => match keys.get(id) {
                // It may be a new one.
                None if failed => Err(NoKeys),
                key => Ok(key.cloned()),
            },
            _ => Err(NoKeys),
        }
    }

    fn is_cooling(&self, last: Option<Try>) -> bool {
        last.is_some_and(|last| last.begun.elapsed() < self.terms.cool_down)
    }

    fn held(&self) -> Option<(Arc<Keys>, Duration)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|(keys, fetched)| (keys.clone(), fetched.elapsed()))
    }

    /// Tries, unless there was a try a moment ago; returns whether the last one failed.
    async fn refresh(self: Arc<Self>) -> bool {
        let mut last_try = self.last_try.lock().await;
        if let Some(last) = *last_try
            && self.is_cooling(*last_try)
        {
            return last.failed;
        }
        let begun = Instant::now();
        let fetched = self.source.fetch().await;
        *last_try = Some(Try { begun, failed: fetched.is_err() });
        match fetched {
            Ok(keys) => {
                tracing::info!(issuer = self.name, keys = keys.len(), "the issuer's keys are fetched");
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::new(keys), Instant::now()));
            }
            Err(problem) => {
                tracing::warn!(issuer = self.name, problem, "the issuer's keys cannot be had; those known are used on");
            }
        }
        last_try.is_some_and(|last| last.failed)
    }
}

impl Source {
    async fn fetch(&self) -> Result<Keys, &'static str> {
        let bytes = match self {
            Self::Url(client, url) => download(client, url).await?,
            Self::File(path) => tokio::fs::read(path).await.map_err(|_| "the file cannot be read")?,
        };
        let set: JwkSet = serde_json::from_slice(&bytes).map_err(|_| "it is no JSON Web Key Set")?;
        Ok(set.keys.iter().filter_map(key).collect())
    }
}

async fn download(client: &Client, url: &Url) -> Result<Vec<u8>, &'static str> {
    let mut answer = client.get(url.clone()).send().await.map_err(|_| "it does not answer")?;
    if answer.status() != 200 {
        return Err("its answer is not 200");
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| "its answer breaks off")? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err("its answer is larger than 1 MiB");
        }
    }
    Ok(bytes)
}

/// A key that can be named and that checks signatures. Shared secrets are none: who can check could sign as well.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not known cannot be checked")]
fn key(jwk: &Jwk) -> Option<(String, Arc<Key>)> {
    let id = jwk.common.key_id.clone()?;
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let possible: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDSA],
        _ => return None,
    };
    let named = jwk.common.key_algorithm.map(Algorithm::try_from);
    let algorithms: Vec<_> = match named {
        Some(Ok(named)) => possible.iter().copied().filter(|algorithm| *algorithm == named).collect(),
        Some(Err(_)) => return None,
        None => possible.to_vec(),
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (!algorithms.is_empty()).then(|| (id, Arc::new(Key { key, algorithms })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// RFC 7517 appendix A.1, and RFC 8037 appendix A.2.
    fn examples() -> (Value, Value, Value) {
        let ec = json!({"kty": "EC", "crv": "P-256", "kid": "ec",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
        let rsa = json!({"kty": "RSA", "kid": "rsa", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
        let ed =
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        (ec, rsa, ed)
    }

    #[test]
    fn a_key_says_what_it_is_for() {
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        let check = |mut jwk: Value, more: Value, expected: Option<&[Algorithm]>| {
            jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let set: JwkSet = serde_json::from_value(json!({ "keys": [jwk] })).unwrap();
            let taken = key(&set.keys[0]).map(|(_, key)| key.algorithms.clone());
            assert_eq!(taken.as_deref(), expected, "{jwk}");
        };
        let (ec, rsa, ed) = examples();
        check(ec.clone(), json!({}), Some(&[Algorithm::ES256]));
        check(ec.clone(), json!({"use": "sig", "alg": "ES256"}), Some(&[Algorithm::ES256]));
        check(ed, json!({}), Some(&[Algorithm::EdDSA]));
        check(rsa.clone(), json!({"alg": "RS256"}), Some(&[RS256]));
        check(rsa.clone(), json!({}), Some(&[RS256, RS384, RS512, PS256, PS384, PS512]));
        check(rsa.clone(), json!({"alg": "HS256"}), None);
        check(rsa.clone(), json!({"alg": "RSA-OAEP"}), None);
        check(rsa.clone(), json!({"alg": "something new"}), None);
        check(rsa.clone(), json!({"use": "enc"}), None);
        check(rsa, json!({"kid": null}), None);
        check(ec.clone(), json!({"crv": "P-521"}), None);
        check(ec, json!({"alg": "ES384"}), None);
        check(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}), json!({}), None);
        check(json!({"kty": "new", "kid": "new"}), json!({}), None);
    }

    #[tokio::test]
    async fn keys_are_fetched_when_they_are_wanted_and_not_more_often() {
        let folder = std::env::temp_dir().join(format!("jwks-{}", std::process::id()));
        let write = |keys: &[&Value]| std::fs::write(&folder, json!({ "keys": keys }).to_string()).unwrap();
        let source = || Source::File(folder.clone());
        let (ec, rsa, _) = examples();
        let there = async |jwks: &Arc<Jwks>, id| jwks.find(id).await.map(|key| key.is_some());
        write(&[&ec]);
        let patient = Arc::new(Jwks::new("patient", source(), Terms::default()));
        let eager = Arc::new(Jwks::new("eager", source(), Terms { cool_down: Duration::ZERO, ..Terms::default() }));
        let unkept = Arc::new(Jwks::new("unkept", source(), Terms { usable: Duration::ZERO, ..Terms::default() }));
        assert_eq!(there(&patient, "ec").await, Ok(true));
        assert_eq!(there(&eager, "ec").await, Ok(true));
        assert_eq!(there(&unkept, "ec").await, Err(NoKeys), "too old to be used");

        // The issuer takes another key, and takes this one back.
        write(&[&rsa]);
        assert_eq!(there(&patient, "rsa").await, Ok(false), "it has just looked");
        assert_eq!(there(&eager, "rsa").await, Ok(true));
        assert_eq!(there(&eager, "ec").await, Ok(false));

        // It is away: what is known stays known, and nothing else is.
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(there(&eager, "rsa").await, Ok(true));
        assert_eq!(there(&eager, "ec").await, Err(NoKeys), "it may be a new one");
        let late = Arc::new(Jwks::new("late", source(), Terms::default()));
        assert_eq!(there(&late, "ec").await, Err(NoKeys));
    }
}
