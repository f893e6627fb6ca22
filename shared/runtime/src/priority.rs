//! How much of a busy processor a thread gets.

/// What `nice` adds to the thread: with as many busy threads as processors it then gets about a tenth of one.
const NICER: i32 = 10;

/// Lets the other threads of the machine go before the calling one, for good: only a process with rights could take it back.
/// Linux keeps this for each thread, unlike POSIX (nice(2), "C library/kernel differences").
pub fn lower() {
    if let Err(error) = rustix::process::nice(NICER) {
        tracing::debug!(%error, "a thread's priority cannot be lowered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::spawn;

    fn niceness() -> i32 {
        rustix::process::nice(0).expect("told")
    }

    #[test]
    fn one_thread_steps_back_and_no_other() {
        let before = niceness();
        let lowered = spawn(|| {
            lower();
            niceness()
        });
        assert_eq!(lowered.join().expect("it ends"), (before + NICER).min(19));
        assert_eq!(niceness(), before);
    }
}
