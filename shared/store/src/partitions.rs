//! The partitions of `operations`: one a week of ids, made ahead of time.

use crate::lists::first_id_at;
use crate::{Store, StoreError};
use sqlx::Row;
use time::{Date, Duration, OffsetDateTime};

pub(crate) const CREATE_PARTITION: &str = include_str!("../sql/create_partition.sql");

/// Why a partition is missing.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// The database refused.
    #[error("the partition {name} could not be made")]
    Create {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The database could not be asked.
    #[error("the partitions could not be read")]
    Read(#[from] StoreError),
}

impl From<std::io::Error> for PartitionError {
    fn from(error: std::io::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl Store {
    /// Makes the partitions of this week and the next `weeks_ahead` where they are missing. Returns how many it made.
    ///
    /// # Errors
    /// [`PartitionError`]; rows of that week then go to the default partition, which is slower, and from which they expire row by row.
    pub async fn ensure_partitions(&self, now: OffsetDateTime, weeks_ahead: u8) -> Result<u32, PartitionError> {
        let mut made = 0;
        for week in 0..=i64::from(weeks_ahead) {
            let monday = monday_of(now.date()) + Duration::weeks(week);
            let name = format!("operations_{:04}w{:02}", monday.to_iso_week_date().0, monday.iso_week());
            if self.has_table(&name).await? {
                continue;
            }
            let (from, to) = (id_at(monday), id_at(monday + Duration::weeks(1)));
            // A short lock timeout (the pool's) keeps a long reader from stopping all writers behind this statement.
            match self.execute(sqlx::query(CREATE_PARTITION).bind(&name).bind(from).bind(to)).await {
                Ok(_) => made += 1,
                // Another keeper made it between our look and our statement.
                Err(_) if self.has_table(&name).await? => {}
                Err(source) => return Err(PartitionError::Create { name, source }),
            }
        }
        Ok(made)
    }

    pub(crate) async fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let row = self.fetch_one(sqlx::query("SELECT to_regclass($1) IS NOT NULL AS there").bind(name)).await?;
        Ok(row.try_get("there")?)
    }
}

fn monday_of(date: Date) -> Date {
    date - Duration::days(i64::from(date.weekday().number_days_from_monday()))
}

fn id_at(date: Date) -> uuid::Uuid {
    first_id_at(date.midnight().assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn weeks_begin_on_monday_and_touch_each_other() {
        assert_eq!(monday_of(date!(2026 - 11 - 23)), date!(2026 - 11 - 23));
        assert_eq!(monday_of(date!(2026 - 11 - 29)), date!(2026 - 11 - 23));
        assert_eq!(monday_of(date!(2027 - 01 - 01)), date!(2026 - 12 - 28));
        let id = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_795_392_000, 0));
        let at = OffsetDateTime::from_unix_timestamp(1_795_392_000).expect("a time in range");
        assert!(first_id_at(at) <= id && id < first_id_at(at + Duration::milliseconds(1)));
    }
}
