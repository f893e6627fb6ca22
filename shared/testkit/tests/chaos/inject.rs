//! Makes the faults happen, one after another, and notes when each was.

use crate::client::Client;
use crate::clients::{pause, rest};
use crate::faults::{Class, Fault, Schedule, Window};
use crate::history::History;
use crate::world::{Member, Role, Services, World, end_of};
use anyhow::Result;
use futures_util::future::join_all;
use safepoint_testkit::{Frozen, Mode, Proxy};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// After so many milliseconds a frozen or killed worker's renewals (each 400 ms) are seen to be missing.
const SILENT: u64 = 900;
/// The pools whose sessions fall silent, by their names.
const LANES: [&str; 5] =
    ["safepoint finish", "safepoint worker", "safepoint lease", "safepoint-api", "safepoint keeper"];
/// The exit code of a worker that gives itself up.
const GAVE_UP: i32 = 70;
/// How many operations of a lost worker are cancelled meanwhile.
const ORPHANS: i64 = 5;

/// What the faults left for the report.
#[derive(Debug, Default)]
pub struct Injected {
    pub windows: Vec<Window>,
    /// What a process did that none may: it ended by itself, or did not end when asked to.
    pub misbehaviour: Vec<String>,
}

/// Injects faults until `stop`.
pub struct Injector<'a> {
    world: &'a mut World,
    client: Client,
    injected: Injected,
    /// A broker on its way back, and what befell it.
    broker: Option<JoinHandle<Result<Window>>>,
}

impl<'a> Injector<'a> {
    pub fn new(world: &'a mut World, client: &Client) -> Self {
        Self { world, client: client.session(2_000), injected: Injected::default(), broker: None }
    }

    pub async fn run(mut self, mut schedule: Schedule, stop: &CancellationToken) -> Result<Injected> {
        loop {
            let fault = schedule.next();
            pause(stop, fault.quiet).await;
            if stop.is_cancelled() {
                break;
            }
            let from = History::now();
            if matches!(fault.class, Class::RestartBroker | Class::WipeBroker) {
                self.broker_is_back().await?;
                self.broker = Some(break_broker(self.world.services.clone(), fault));
            } else if self.strike(fault).await? {
                self.injected.windows.push(Window { class: fault.class, from, to: History::now() });
            }
            self.look_for_deaths()?;
        }
        self.broker_is_back().await?;
        Ok(self.injected)
    }

    /// Makes a fault happen, until it is over; `false` where it did not come to it.
    async fn strike(&mut self, fault: Fault) -> Result<bool> {
        match fault.class {
            Class::KillApi => self.kill(Role::Api, fault).await?,
            Class::KillWorker => self.kill(Role::Worker, fault).await?,
            Class::KillKeeper => self.kill(Role::Keeper, fault).await?,
            Class::FreezeWorker => self.freeze(fault).await,
            Class::StopApi => self.terminate(Role::Api, fault).await?,
            Class::StopWorker => self.terminate(Role::Worker, fault).await?,
            Class::StopKeeper => self.terminate(Role::Keeper, fault).await?,
            Class::BlackholeDatabase => break_link(&self.any(fault).database, Mode::Blackhole, fault).await,
            Class::BlackholeBroker => break_link(&self.any(fault).broker, Mode::Blackhole, fault).await,
            Class::ResetDatabase => break_link(&self.any(fault).database, Mode::Reset, fault).await,
            Class::ResetBroker => break_link(&self.any(fault).broker, Mode::Reset, fault).await,
            Class::CutCommit => return Ok(self.cut_commit(fault).await),
            Class::CrashPostgres => {
                self.world.services.call("crash", Some("postgres")).await?;
                rest(fault.millis).await;
                self.world.services.call("start", Some("postgres")).await?;
            }
            Class::ReadOnlyPostgres => {
                self.world.set_read_only(true).await?;
                rest(fault.millis).await;
                self.world.set_read_only(false).await?;
            }
            Class::SilentSessions if fault.other_way => {
                self.any(fault).database.silence();
                rest(fault.millis).await;
            }
            Class::SilentSessions => {
                let lane = LANES[fault.victim as usize % LANES.len()];
                let frozen = Frozen::sessions(&self.world.database().await?, lane).await;
                rest(fault.millis).await;
                drop(frozen);
            }
            Class::RestartBroker | Class::WipeBroker => unreachable!("a broker breaks beside the other faults"),
        }
        Ok(true)
    }

    async fn freeze(&mut self, fault: Fault) {
        self.member(Role::Worker, fault).process.signal("STOP");
        self.cancel_orphans(fault.millis).await;
        self.member(Role::Worker, fault).process.signal("CONT");
    }

    async fn kill(&mut self, role: Role, fault: Fault) -> Result<()> {
        self.member(role, fault).process.kill();
        if role == Role::Worker {
            self.cancel_orphans(fault.millis).await;
        } else {
            rest(fault.millis).await;
        }
        self.member(role, fault).process.restart()
    }

    async fn terminate(&mut self, role: Role, fault: Fault) -> Result<()> {
        let process = &mut self.member(role, fault).process;
        process.signal("TERM");
        let code = end_of(process).await;
        if code.is_none() {
            process.kill();
        }
        rest(fault.millis).await;
        self.member(role, fault).process.restart()?;
        if code != Some(0) && (role, code) != (Role::Worker, Some(GAVE_UP)) {
            self.injected.misbehaviour.push(format!("{role:?} ended with {code:?} after SIGTERM"));
        }
        Ok(())
    }

    /// Waits until the answer to a commit of a process was lost; `false` where none came.
    async fn cut_commit(&mut self, fault: Fault) -> bool {
        let link = &self.any(fault).database;
        let before = link.cut_commits();
        link.cut_next_commit(true);
        for _ in 0..fault.millis / 20 {
            if link.cut_commits() > before {
                return true;
            }
            rest(20).await;
        }
        link.cut_next_commit(false);
        link.cut_commits() > before
    }

    /// While a worker is silent, some of its operations are cancelled.
    async fn cancel_orphans(&self, millis: u64) {
        rest(SILENT.min(millis)).await;
        let orphans = self.orphans().await.unwrap_or_default();
        let cancels = orphans.iter().map(|id| self.client.cancel(usize::from(millis.is_multiple_of(2)), id));
        let rest_of_it = rest(millis.saturating_sub(SILENT));
        tokio::join!(join_all(cancels), rest_of_it);
    }

    async fn orphans(&self) -> Result<Vec<String>> {
        let silent = "SELECT o.id::text FROM operations o JOIN workers w ON w.id = o.worker_id
            WHERE o.state = 'RUNNING' AND o.cancel_requested_at IS NULL AND o.delete_time IS NULL
              AND w.renewed_at < clock_timestamp() - interval '800 ms' LIMIT $1";
        let rows = self.world.database().await?.query(silent, &[&ORPHANS]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn broker_is_back(&mut self) -> Result<()> {
        if let Some(broker) = self.broker.take() {
            self.injected.windows.push(broker.await??);
        }
        Ok(())
    }

    /// No process may end by itself, whatever befalls the others; only a worker that gives itself up, to be started again.
    fn look_for_deaths(&mut self) -> Result<()> {
        for member in &mut self.world.members {
            if let Some(code) = member.process.ended() {
                if (member.role, code) == (Role::Worker, GAVE_UP) {
                    member.process.restart()?;
                    continue;
                }
                let log = member.process.log().display().to_string();
                self.injected.misbehaviour.push(format!("{:?} ended by itself with {code}: {log}", member.role));
                member.process.restart()?;
            }
        }
        Ok(())
    }

    fn member(&mut self, role: Role, fault: Fault) -> &mut Member {
        let mut members: Vec<_> = self.world.members.iter_mut().filter(|member| member.role == role).collect();
        let index = fault.victim as usize % members.len();
        members.swap_remove(index)
    }

    /// A process of any role: more often one that writes much.
    fn any(&self, fault: Fault) -> &Member {
        let members = &self.world.members;
        let members: Vec<_> =
            members.iter().filter(|member| fault.class != Class::CutCommit || writes(member)).collect();
        members[fault.victim as usize % members.len()]
    }
}

/// Keepers write now and then; a commit of theirs is not waited for.
fn writes(member: &Member) -> bool {
    member.role != Role::Keeper
}

async fn break_link(link: &Proxy, mode: Mode, fault: Fault) {
    link.set(mode);
    rest(fault.millis).await;
    link.mend();
}

/// Beside the other faults, for a broker takes seconds to come back.
fn break_broker(services: Services, fault: Fault) -> JoinHandle<Result<Window>> {
    tokio::spawn(async move {
        let from = History::now();
        let verb = match (fault.class, fault.other_way) {
            (Class::WipeBroker, _) => "wipe",
            (_, true) => "crash",
            (_, false) => "stop",
        };
        services.call(verb, Some("rabbitmq")).await?;
        rest(fault.millis).await;
        services.call("start", Some("rabbitmq")).await?;
        Ok(Window { class: fault.class, from, to: History::now() })
    })
}
