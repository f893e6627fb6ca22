//! The names of runs, which tell their job: `transferOperations/transferJobs-<job>-<uuid>`.

use super::JobName;
use operation::OperationId;

/// Before each name of a run; also the name of the list, and of the collection of our operations.
pub const OPERATIONS: &str = "transferOperations";
/// Before each name of a job; also the name of their list, and of the collection of our resources.
pub const JOBS: &str = "transferJobs";
/// A UUID as text.
const ID_LENGTH: usize = 36;

/// A run's name, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// Whose run it is.
    pub job: JobName,
    /// Which.
    pub id: OperationId,
}

impl RunName {
    /// Only in the very form that we give: a job's name may hold what looks like an id.
    pub fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(OPERATIONS)?.strip_prefix('/')?.strip_prefix(JOBS)?.strip_prefix('-')?;
        let (job, id) = rest.split_at_checked(rest.len().checked_sub(ID_LENGTH)?)?;
        let job = format!("{JOBS}/{}", job.strip_suffix('-')?).parse().ok()?;
        let id = id.parse().ok().filter(|parsed: &OperationId| parsed.to_string() == id)?;
        Some(Self { job, id })
    }
}

/// The name of a job's run.
pub fn run_name(job: &str, id: OperationId) -> String {
    let job = job.strip_prefix(JOBS).and_then(|rest| rest.strip_prefix('/')).unwrap_or(job);
    format!("{OPERATIONS}/{JOBS}-{job}-{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0193a5a0-0000-7000-8000-000000000001";

    #[test]
    fn a_name_is_parsed_as_it_is_made() {
        for job in ["transferJobs/1", "transferJobs/OPI2", "transferJobs/a-b-c", &format!("transferJobs/{ID}")] {
            let name = run_name(job, ID.parse().unwrap());
            let parsed = RunName::parse(&name).expect(&name);
            assert_eq!((parsed.job.as_str(), parsed.id.to_string().as_str()), (job, ID));
        }
        assert_eq!(run_name("transferJobs/1", ID.parse().unwrap()), format!("transferOperations/transferJobs-1-{ID}"));
        for wrong in [
            String::new(),
            "transferOperations/".to_owned(),
            format!("transferJobs-1-{ID}"),
            format!("transferOperations/{ID}"),
            format!("transferOperations/transferJobs-{ID}"),
            format!("transferOperations/transferJobs--{ID}"),
            format!("transferOperations/transferJobs-1{ID}"),
            format!("transferOperations/transferJobs-1-{}", ID.to_uppercase()),
            format!("transferOperations/transferJobs-1-{{{ID}}}"),
            format!("transferOperations/transferJobs-1-{ID}/"),
            format!("transferOperations/transferJobs/1-{ID}"),
            format!("transferOperations/transferJobs-ä-{ID}"),
            format!("transferOperations/transferJobs-1-ä{}", &ID[1..]),
            format!("transferOperations/transferJobs-1-ä{}", &ID[2..]),
        ] {
            assert_eq!(RunName::parse(&wrong), None, "{wrong}");
        }
    }
}
