//! Everything that runs for one attempt: its executor, and what the executor has started apart from itself.
//!
//! A blocking thread goes on after the task that waits for it was aborted. So an aborted attempt has ended only when all
//! of its work has. Executors start tasks and threads through this type only (`tidy.rs` in testkit holds that).

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

/// The running work of one attempt. Cheap to clone: all clones are the same work.
#[derive(Debug, Clone, Default)]
pub struct Work(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How many tasks and threads run.
    running: watch::Sender<usize>,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    handles: Vec<AbortHandle>,
    aborted: bool,
}

/// Counts as running work until it is dropped.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.send_modify(|count| *count -= 1);
    }
}

impl Work {
    /// Starts a task. An abort of the attempt aborts it.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let task = tokio::spawn(self.counted(future));
        self.keep(task.abort_handle());
        task
    }

    /// The same, as one of a set.
    pub fn spawn_in<F>(&self, set: &mut JoinSet<F::Output>, future: F)
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let handle = set.spawn(self.counted(future));
        self.keep(handle);
    }

    /// Runs a step on a blocking thread. Nothing ends it once it has begun: what it does last must look at the lease.
    pub fn blocking<T: Send + 'static>(&self, step: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let running = self.begin();
        let task = tokio::task::spawn_blocking(move || {
            let _running = running;
            step()
        });
        // Ends it while it still waits for a thread.
        self.keep(task.abort_handle());
        task
    }

    /// Starts a clean-up request that may outlive the attempt: to abort an upload, to cancel a query. It changes nothing
    /// that anybody sees, so it does not count as running work. Its own time limits bound it.
    pub fn clean_up<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(future)
    }

    /// Runs a step on a thread that may outlive the attempt: one that nothing can end and that changes nothing that anybody
    /// sees, such as the sync of a disk. It does not count as running work.
    pub fn flush<T: Send + 'static>(step: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        tokio::task::spawn_blocking(step)
    }

    /// Aborts all tasks at their next await, and those that are started from now on. Threads go on.
    pub fn abort(&self) {
        let mut tasks = self.tasks();
        tasks.aborted = true;
        for task in tasks.handles.drain(..) {
            task.abort();
        }
    }

    /// Waits until nothing of it runs any more.
    pub async fn ended(&self) {
        // Fails only without a sender, and this is one.
        let _ = self.0.running.subscribe().wait_for(|count| *count == 0).await;
    }

    fn begin(&self) -> Running {
        self.0.running.send_modify(|count| *count += 1);
        Running(self.0.clone())
    }

    fn counted<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let running = self.begin();
        async move {
            // Dropped after the future, also where the task is aborted.
            let _running = running;
            future.await
        }
    }

    fn keep(&self, task: AbortHandle) {
        let mut tasks = self.tasks();
        if tasks.aborted {
            return task.abort();
        }
        tasks.handles.retain(|task| !task.is_finished());
        tasks.handles.push(task);
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::mpsc;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    /// Whether all has ended by now, after what is ready has run.
    async fn has_ended(work: &Work) -> bool {
        for _ in 0..10 {
            yield_now().await;
        }
        *work.0.running.borrow() == 0
    }

    #[tokio::test]
    async fn aborted_work_ends_when_its_threads_have_returned() {
        let work = Work::default();
        let (release, blocked) = mpsc::channel::<()>();
        let (started, begun) = oneshot::channel();
        let inner = work.clone();
        let step = move || {
            let _ = started.send(());
            blocked.recv()
        };
        let executor = work.spawn(async move { inner.blocking(step).await });
        // A step that still waits for a thread would never begin.
        begun.await.unwrap();
        work.abort();
        assert!(executor.await.unwrap_err().is_cancelled());
        assert!(!has_ended(&work).await, "its thread goes on");
        drop(release);
        work.ended().await;
    }

    #[tokio::test]
    async fn an_abort_reaches_everything_that_was_started() {
        let work = Work::default();
        let mut set = JoinSet::new();
        let task = work.spawn(pending::<()>());
        work.spawn_in(&mut set, pending::<()>());
        work.abort();
        let late = work.spawn(pending::<()>());
        for ended in [task.await, late.await, set.join_next().await.unwrap()] {
            assert!(ended.unwrap_err().is_cancelled());
        }
        work.ended().await;
    }

    /// What is aborted may still own something that works in its drop.
    #[tokio::test]
    async fn work_runs_until_its_future_is_dropped() {
        struct Last(Work, Option<oneshot::Sender<usize>>);
        impl Drop for Last {
            fn drop(&mut self) {
                let running = *self.0.0.running.borrow();
                self.1.take().map(|told| told.send(running));
            }
        }
        let work = Work::default();
        let (told, heard) = oneshot::channel();
        let last = Last(work.clone(), Some(told));
        let task = work.spawn(async move {
            let _last = last;
            pending::<()>().await;
        });
        assert!(!has_ended(&work).await);
        work.abort();
        let _ = task.await;
        assert_eq!(heard.await, Ok(1), "it still counted as running");
    }
}
