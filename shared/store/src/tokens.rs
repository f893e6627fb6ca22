//! Bearer tokens by their hashes: who may call, in which projects, with which scopes. What a scope means is not known here.

use crate::{Store, StoreError};
use sqlx::Row;
use std::time::Duration;
use time::OffsetDateTime;

pub(crate) const TOKENS: &str = include_str!("../sql/tokens.sql");
pub(crate) const CREATE_TOKEN: &str = include_str!("../sql/create_token.sql");
pub(crate) const REVOKE_TOKEN: &str = include_str!("../sql/revoke_token.sql");
pub(crate) const LIST_TOKENS: &str = include_str!("../sql/list_tokens.sql");

/// A token that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Recorded as the requester.
    pub name: String,
    /// SHA-256 of the token.
    pub sha256: Vec<u8>,
    /// The projects it may act in.
    pub projects: Vec<String>,
    /// The names of what it may do there.
    pub scopes: Vec<String>,
    /// How long it is accepted from now on; for ever without.
    pub expires_in: Option<Duration>,
}

/// What is told of a token, also when it is accepted no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Its name.
    pub name: String,
    /// The projects it may act in.
    pub projects: Vec<String>,
    /// The names of what it may do there.
    pub scopes: Vec<String>,
    /// When it was made.
    pub create_time: OffsetDateTime,
    /// Until when it is accepted.
    pub expire_time: Option<OffsetDateTime>,
    /// Since when it is not.
    pub revoke_time: Option<OffsetDateTime>,
    /// Whether it is accepted now.
    pub accepted: bool,
}

impl Store {
    /// All tokens that are accepted, with their version; `None` where nothing has changed since `version`. 0 is before all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tokens_since(&self, version: i64) -> Result<Option<(i64, Vec<StoredToken>)>, StoreError> {
        let rows = self.fetch_all(sqlx::query(TOKENS).bind(version)).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let version = first.try_get("version")?;
        let mut tokens = Vec::new();
        for row in &rows {
            let Some(name) = row.try_get("name")? else { continue };
            let expires_in: Option<f64> = row.try_get("expires_in")?;
            tokens.push(StoredToken {
                name,
                sha256: row.try_get("sha256")?,
                projects: row.try_get("projects")?,
                scopes: row.try_get("scopes")?,
                expires_in: expires_in.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))),
            });
        }
        Ok(Some((version, tokens)))
    }

    /// Takes a new token, in the name of `principal`; `false` where its name or its hash is there already, also of one that is revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_token(&self, token: &StoredToken, principal: &str) -> Result<bool, StoreError> {
        let created = self
            .fetch_optional(
                sqlx::query(CREATE_TOKEN)
                    .bind(&token.name)
                    .bind(&token.sha256)
                    .bind(&token.projects)
                    .bind(&token.scopes)
                    .bind(token.expires_in.map(|duration| duration.as_secs_f64()))
                    .bind(principal),
            )
            .await?;
        Ok(created.is_some())
    }

    /// Takes a token back for good, in the name of `principal`; `false` where there is none of this name, or it was revoked before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_token(&self, name: &str, principal: &str) -> Result<bool, StoreError> {
        Ok(self.fetch_optional(sqlx::query(REVOKE_TOKEN).bind(name).bind(principal)).await?.is_some())
    }

    /// All tokens there ever were, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_tokens(&self) -> Result<Vec<ListedToken>, StoreError> {
        let rows = self.fetch_all(sqlx::query(LIST_TOKENS)).await?;
        rows.iter()
            .map(|row| {
                Ok(ListedToken {
                    name: row.try_get("name")?,
                    projects: row.try_get("projects")?,
                    scopes: row.try_get("scopes")?,
                    create_time: row.try_get("create_time")?,
                    expire_time: row.try_get("expire_time")?,
                    revoke_time: row.try_get("revoke_time")?,
                    accepted: row.try_get("accepted")?,
                })
            })
            .collect()
    }
}
