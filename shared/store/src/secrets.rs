//! Secrets, as they are stored: sealed. No key is known here.

use crate::attempts::signed_attempt;
use crate::{Store, StoreError};
use operation::{Fence, ProjectId, Sealed};
use sqlx::Row;
use time::OffsetDateTime;

pub(crate) const SECRET: &str = include_str!("../sql/secret.sql");
pub(crate) const CREATE_ACCESS_KEY: &str = include_str!("../sql/create_access_key.sql");
pub(crate) const REVOKE_ACCESS_KEY: &str = include_str!("../sql/revoke_access_key.sql");
pub(crate) const ACCESS_KEYS: &str = include_str!("../sql/access_keys.sql");
pub(crate) const RESEAL_ACCESS_KEY: &str = include_str!("../sql/reseal_access_key.sql");

/// A pair of access key and secret key, as Huawei Cloud's clients sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// What its bearer names it by, in each request.
    pub access_key: String,
    /// Recorded as the requester.
    pub name: String,
    /// The project it may act in.
    pub project: String,
    /// The names of what it may do there.
    pub scopes: Vec<String>,
    /// The secret key.
    pub sealed: Sealed,
    /// When it was made; `None` until it is.
    pub create_time: Option<OffsetDateTime>,
    /// Since when it is refused.
    pub revoke_time: Option<OffsetDateTime>,
}

impl Store {
    /// The secret that came with an operation, for the attempt that holds it; `None` where there is none, or the attempt is
    /// fenced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn secret(&self, fence: Fence) -> Result<Option<Sealed>, StoreError> {
        let row = self
            .fetch_optional(
                sqlx::query(SECRET)
                    .bind(fence.id.as_uuid())
                    .bind(signed_attempt(fence.attempt))
                    .bind(fence.nonce.as_uuid()),
            )
            .await?;
        row.map(|row| Ok(Sealed { key_id: row.try_get("key_id")?, bytes: row.try_get("sealed")? })).transpose()
    }

    /// Takes a new access key, in the name of `principal`; `false` where it or its name is there already, also of one that
    /// is revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_access_key(&self, key: &AccessKey, principal: &str) -> Result<bool, StoreError> {
        let created = self
            .fetch_optional(
                sqlx::query(CREATE_ACCESS_KEY)
                    .bind(&key.access_key)
                    .bind(&key.name)
                    .bind(&key.project)
                    .bind(&key.scopes)
                    .bind(&key.sealed.key_id)
                    .bind(&key.sealed.bytes)
                    .bind(principal),
            )
            .await?;
        Ok(created.is_some())
    }

    /// Takes an access key back for good, in the name of `principal`; `false` where there is none of this name, or it was
    /// revoked before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_access_key(&self, name: &str, principal: &str) -> Result<bool, StoreError> {
        Ok(self.fetch_optional(sqlx::query(REVOKE_ACCESS_KEY).bind(name).bind(principal)).await?.is_some())
    }

    /// All access keys there ever were, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn access_keys(&self) -> Result<Vec<AccessKey>, StoreError> {
        let rows = self.fetch_all(sqlx::query(ACCESS_KEYS)).await?;
        rows.iter()
            .map(|row| {
                Ok(AccessKey {
                    access_key: row.try_get("access_key")?,
                    name: row.try_get("name")?,
                    project: row.try_get("project_id")?,
                    scopes: row.try_get("scopes")?,
                    sealed: Sealed { key_id: row.try_get("key_id")?, bytes: row.try_get("sealed")? },
                    create_time: row.try_get("create_time")?,
                    revoke_time: row.try_get("revoke_time")?,
                })
            })
            .collect()
    }

    /// Puts the same secret, sealed anew, in the place of the old one; `false` where it was revoked or changed meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reseal_access_key(&self, key: &AccessKey, sealed: &Sealed) -> Result<bool, StoreError> {
        let resealed = self
            .execute(
                sqlx::query(RESEAL_ACCESS_KEY)
                    .bind(&key.name)
                    .bind(&key.sealed.bytes)
                    .bind(&sealed.key_id)
                    .bind(&sealed.bytes),
            )
            .await?;
        Ok(resealed.rows_affected() == 1)
    }
}

/// What an access key's secret is sealed for: `runtime::sealing` binds it to this.
pub fn purpose_of_access_key(access_key: &str) -> String {
    format!("access key {access_key}")
}

/// What an operation's secret is sealed for.
pub fn purpose_of_operation(project: &ProjectId, id: operation::OperationId) -> String {
    format!("operation projects/{project}/operations/{id}")
}
