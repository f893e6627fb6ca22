//! The schedule of faults, from the seed: rounds in which each class of fault occurs once, in an order of its own.

use crate::dice::Dice;
use crate::history::Micros;
use serde::Serialize;

/// A class of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Class {
    /// `kill -9` of an api, and a restart.
    KillApi,
    /// `kill -9` of a worker, and a restart after its lease has ended, or before.
    KillWorker,
    /// `kill -9` of a keeper, and a restart.
    KillKeeper,
    /// SIGSTOP of a worker for longer than its lease, then SIGCONT.
    FreezeWorker,
    /// SIGTERM of an api, and a restart.
    StopApi,
    /// SIGTERM of a worker, and a restart.
    StopWorker,
    /// SIGTERM of a keeper, and a restart.
    StopKeeper,
    /// Nothing comes through between a process and Postgres.
    BlackholeDatabase,
    /// Nothing comes through between a process and RabbitMQ.
    BlackholeBroker,
    /// The connections of a process to Postgres are reset.
    ResetDatabase,
    /// The connections of a process to RabbitMQ are reset.
    ResetBroker,
    /// Postgres has committed, and its answer is lost.
    CutCommit,
    /// Postgres stops at once, and recovers.
    CrashPostgres,
    /// Postgres takes no writes, as after a failover to a standby, and then does again.
    ReadOnlyPostgres,
    /// Sessions answer nothing more for longer than a statement may take, while new ones work: the backends of one lane are
    /// stopped, or the connections of one process swallow all that is sent.
    SilentSessions,
    /// RabbitMQ is killed, or stopped, and comes back.
    RestartBroker,
    /// RabbitMQ is killed, and comes back without its data.
    WipeBroker,
}

impl Class {
    pub const ALL: [Self; 17] = [
        Self::KillApi,
        Self::KillWorker,
        Self::KillKeeper,
        Self::FreezeWorker,
        Self::StopApi,
        Self::StopWorker,
        Self::StopKeeper,
        Self::BlackholeDatabase,
        Self::BlackholeBroker,
        Self::ResetDatabase,
        Self::ResetBroker,
        Self::CutCommit,
        Self::CrashPostgres,
        Self::ReadOnlyPostgres,
        Self::SilentSessions,
        Self::RestartBroker,
        Self::WipeBroker,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::KillApi => "kill -9 an api",
            Self::KillWorker => "kill -9 a worker",
            Self::KillKeeper => "kill -9 a keeper",
            Self::FreezeWorker => "freeze a worker",
            Self::StopApi => "SIGTERM an api",
            Self::StopWorker => "SIGTERM a worker",
            Self::StopKeeper => "SIGTERM a keeper",
            Self::BlackholeDatabase => "blackhole to Postgres",
            Self::BlackholeBroker => "blackhole to RabbitMQ",
            Self::ResetDatabase => "reset to Postgres",
            Self::ResetBroker => "reset to RabbitMQ",
            Self::CutCommit => "commit's answer lost",
            Self::CrashPostgres => "crash of Postgres",
            Self::ReadOnlyPostgres => "Postgres read-only",
            Self::SilentSessions => "sessions silent",
            Self::RestartBroker => "restart of RabbitMQ",
            Self::WipeBroker => "wipe of RabbitMQ",
        }
    }

    /// Whether there is such a fault in a run without a broker.
    pub const fn without_broker(self) -> bool {
        !matches!(self, Self::BlackholeBroker | Self::ResetBroker | Self::RestartBroker | Self::WipeBroker)
    }

    /// The classes of a run.
    pub fn of_run(broker: bool) -> Vec<Self> {
        Self::ALL.into_iter().filter(|class| broker || class.without_broker()).collect()
    }
}

/// A fault that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub class: Class,
    /// Which of the processes that it can befall.
    pub victim: u64,
    /// How long it lasts.
    pub millis: u64,
    /// How long nothing happens before it.
    pub quiet: u64,
    /// One of two ways, where a class has two.
    pub other_way: bool,
}

/// The faults without end.
#[derive(Debug)]
pub struct Schedule {
    dice: Dice,
    classes: Vec<Class>,
    round: Vec<Class>,
}

impl Schedule {
    pub fn new(seed: u64, broker: bool) -> Self {
        Self { dice: Dice::new(seed, 0), classes: Class::of_run(broker), round: Vec::new() }
    }

    pub fn next(&mut self) -> Fault {
        if self.round.is_empty() {
            self.round.clone_from(&self.classes);
            self.dice.shuffle(&mut self.round);
        }
        let class = self.round.pop().expect("a round has faults");
        let (least, most) = match class {
            // Beyond the lease of 2 s, and most beyond the second in which a keeper sweeps.
            Class::FreezeWorker => (2_600, 4_500),
            Class::KillWorker => (1_100, 4_000),
            Class::ReadOnlyPostgres => (500, 4_000),
            // Beyond the longest limit of a statement, 5 s, and the 2 s that a process waits more.
            Class::SilentSessions => (7_500, 9_000),
            Class::KillApi | Class::KillKeeper => (100, 1_500),
            Class::BlackholeDatabase | Class::BlackholeBroker => (500, 5_000),
            // How long is waited for a commit.
            Class::CutCommit => (3_000, 3_000),
            Class::StopApi | Class::StopWorker | Class::StopKeeper => (50, 500),
            Class::ResetDatabase | Class::ResetBroker | Class::CrashPostgres => (10, 300),
            Class::RestartBroker | Class::WipeBroker => (100, 2_000),
        };
        Fault {
            class,
            victim: self.dice.next(),
            millis: self.dice.between(least, most),
            quiet: self.dice.between(200, 1_500),
            other_way: self.dice.percent(50),
        }
    }
}

/// A fault that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    pub class: Class,
    pub from: Micros,
    pub to: Micros,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_schedule_in_which_every_class_comes_in_each_round() {
        for broker in [true, false] {
            let (mut one, mut same) = (Schedule::new(7, broker), Schedule::new(7, broker));
            let classes = Class::of_run(broker);
            for _ in 0..3 {
                let round: Vec<_> = classes.iter().map(|_| one.next()).collect();
                assert!(round.iter().all(|fault| *fault == same.next()));
                assert!(classes.iter().all(|class| round.iter().any(|fault| fault.class == *class)));
            }
        }
    }
}
