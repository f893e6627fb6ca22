//! What a project may have at a time. A project is whatever credentials name; here stand those with limits of their own.

use crate::{Store, StoreError};
use operation::ProjectId;
use sqlx::Row;

pub(crate) const SET_PROJECT: &str = include_str!("../sql/set_project.sql");
pub(crate) const LIST_PROJECTS: &str = include_str!("../sql/list_projects.sql");
pub(crate) const PROJECT_QUEUE: &str = include_str!("../sql/project_queue.sql");

/// A project's own limits, in operations. A cancel of many is never counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProjectLimits {
    /// At most so many wait or stand paused; `None`: what the configuration says of all projects.
    pub queued: Option<u32>,
    /// At most so many run at a time; `None`: as many as there are workers for.
    pub running: Option<u32>,
}

/// A project with limits of its own, or with operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedProject {
    /// Its name.
    pub project: String,
    /// Its own limits.
    pub limits: ProjectLimits,
    /// How many operations wait or stand paused.
    pub queued: u64,
    /// How many run.
    pub running: u64,
}

/// How full a project's queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectQueue {
    /// How many operations wait or stand paused.
    pub queued: u64,
    /// How many may, if that was set for this project.
    pub limit: Option<u64>,
}

impl Store {
    /// Gives a project these limits, in the name of `principal`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_project(
        &self,
        project: &ProjectId,
        limits: ProjectLimits,
        principal: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(SET_PROJECT)
                .bind(project.as_str())
                .bind(limits.queued.map(i64::from))
                .bind(limits.running.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
                .bind(principal),
        )
        .await?;
        Ok(())
    }

    /// All projects that have limits of their own, or operations, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_projects(&self) -> Result<Vec<ListedProject>, StoreError> {
        let rows = self.fetch_all(sqlx::query(LIST_PROJECTS)).await?;
        rows.iter()
            .map(|row| {
                let queued: Option<i64> = row.try_get("queued_limit")?;
                let running: Option<i32> = row.try_get("running_limit")?;
                Ok(ListedProject {
                    project: row.try_get("project_id")?,
                    limits: ProjectLimits {
                        queued: queued.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
                        running: running.map(i32::unsigned_abs),
                    },
                    queued: row.try_get::<i64, _>("queued")?.max(0).unsigned_abs(),
                    running: row.try_get::<i64, _>("running")?.max(0).unsigned_abs(),
                })
            })
            .collect()
    }

    /// How full a project's queue is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn project_queue(&self, project: &ProjectId) -> Result<ProjectQueue, StoreError> {
        let row = self.fetch_one(sqlx::query(PROJECT_QUEUE).bind(project.as_str())).await?;
        Ok(ProjectQueue {
            queued: row.try_get::<i64, _>("queued")?.max(0).unsigned_abs(),
            limit: row.try_get::<Option<i64>, _>("queued_limit")?.map(i64::unsigned_abs),
        })
    }
}
