//! Who starts servers and lets them end: crashes, errors, full disks, wrong clocks, rotten bits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lh_core::{ports::Disk, shard::log::Log};
use tokio::time::sleep;

use crate::{
    checker::Violation,
    devices::{
        disk::{End, SimulatedDisk},
        power::{Mishaps, Power},
    },
    history::Event,
    plan::Plan,
    random::Random,
    server::{self, Devices, Running},
    world::World,
};

/// Operations of disk and stores among which a mishap is chosen: while a process opens, soon after, or later.
const OPERATIONS: [u64; 3] = [60, 200, 800];

/// Longest pause until an ended process is started again.
const LONGEST_PAUSE_MS: u64 = 1_500;

/// Time in which a server must have recovered.
const RECOVERY: Duration = Duration::from_secs(120);

/// The machine that servers run on, one after the other.
pub struct Operator {
    world: Arc<World>,
    devices: Mutex<Devices>,
}

impl Operator {
    /// Empty devices.
    pub fn new(world: Arc<World>) -> Self {
        let stores = vec![(); world.plan.run_shards as usize + 1];
        let stores = stores.iter().map(|()| Default::default()).collect();
        Self { world, devices: Mutex::new(Devices { disk: SimulatedDisk::default(), stores }) }
    }

    /// The devices of the present process.
    pub fn devices(&self) -> Devices {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the next process finds.
    fn crash(&self, end: End, random: &mut Random, power: &Arc<Power>) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = devices.disk.crash(end, random, power.clone());
        let stores = devices.stores.iter().map(|store| store.crash(random, power.clone())).collect();
        *devices = Devices { disk, stores };
    }

    /// Runs one process after the other; returns the last one, which serves when the faults are over.
    ///
    /// # Errors
    /// A server does not start, does not recover, or gives up without a reason.
    pub async fn supervise(&self, mut random: Random) -> Result<Arc<Running>, Violation> {
        loop {
            let world = &self.world;
            let is_calm = world.is_calm();
            let mishaps = if is_calm { Mishaps::default() } else { mishaps(&world.plan, &mut random) };
            let power = Arc::new(Power::new(mishaps, world.limit.clone()));
            let end = if random.chance(50) { End::Killed } else { End::PowerCut };
            self.crash(end, &mut random, &power);
            if !is_calm && random.chance(world.plan.rot_percent) {
                rot(&world.plan, &self.devices().disk, &mut random)?;
            }
            let opened = server::open(&world.plan, &self.devices(), &world.clock, power.clone(), &mut random);
            let server = match opened {
                Ok(server) => Arc::new(server),
                Err(_) if power.is_off() || power.has_failed() => {
                    power.switch_off();
                    continue;
                }
                Err(words) => return Err(broken("I21", format!("a server does not start: {words}"))),
            };
            let how = self.live(&server, is_calm, &mut random).await?;
            let Some(how) = how else { return Ok(server) };
            world.set_server(None);
            server.kill();
            world.note(Event::Ended { how });
            sleep(Duration::from_millis(random.within(0..LONGEST_PAUSE_MS))).await;
        }
    }

    /// A process from its recovery to its end; `None` = it serves and nothing will end it.
    async fn live(
        &self,
        server: &Arc<Running>,
        was_calm: bool,
        random: &mut Random,
    ) -> Result<Option<String>, Violation> {
        let world = &self.world;
        let life = world.plan.life_ms.map(|mean| Duration::from_millis(random.within(1..mean * 2)));
        let life = async {
            match life.filter(|_| !was_calm) {
                Some(life) => sleep(life).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(life);
        let serve = async {
            match tokio::time::timeout(RECOVERY, server.recovered()).await {
                Ok(true) => {
                    world.note(Event::Serving);
                    world.set_server(Some(server.clone()));
                    if !world.is_calm() {
                        world.calmed.notified().await;
                    }
                    server.power.calm();
                    // Somebody may not have noticed yet what failed; a new process has no such past.
                    Ok(server.power.has_failed().then(|| "an operation has failed".to_owned()))
                }
                // It has failed, which is said elsewhere.
                Ok(false) => std::future::pending().await,
                Err(_) => Err(broken("I20", "a server does not recover".to_owned())),
            }
        };
        tokio::select! {
            biased;
            () = server.failed.happened() => {
                let reason = server.failed.reason().unwrap_or_default();
                if server.power.is_off() || server.power.has_failed() {
                    Ok(Some(reason))
                } else {
                    Err(broken("I20", format!("a server gives up: {reason}")))
                }
            }
            () = server.power.went_off() => Ok(Some("ended during an operation".to_owned())),
            () = &mut life => Ok(Some("killed".to_owned())),
            served = serve => served,
        }
    }

    /// Fills the disk now and then, until the faults are over.
    pub async fn fill(&self, mut random: Random) {
        let Some(mean_ms) = self.world.plan.full_ms else { return };
        while !self.world.is_calm() {
            sleep(Duration::from_millis(random.within(1..mean_ms * 2))).await;
            self.set_full(!self.world.is_calm());
            sleep(Duration::from_millis(random.within(100..3_000))).await;
            self.set_full(false);
        }
    }

    fn set_full(&self, full: bool) {
        let devices = self.devices();
        devices.disk.set_full(full);
        devices.stores.iter().for_each(|store| store.set_full(full));
    }

    /// Sets the wall clock now and then, until the faults are over.
    pub async fn set_clocks(&self, mut random: Random) {
        let Some(mean_ms) = self.world.plan.jump_ms else { return };
        loop {
            sleep(Duration::from_millis(random.within(1..mean_ms * 2))).await;
            if self.world.is_calm() {
                return;
            }
            let by_ms = random.within(0..8_000) as i64 - 4_000;
            self.world.clock.jump(by_ms);
        }
    }
}

fn mishaps(plan: &Plan, random: &mut Random) -> Mishaps {
    let mut choose = |percent: u64| {
        let most = *random.pick(&OPERATIONS);
        random.chance(percent).then(|| random.within(1..most))
    };
    Mishaps { end_at: choose(plan.torn_percent), fail_at: choose(plan.error_percent) }
}

/// A flipped bit in what was synced is noticed, or changes nothing (I19). The server goes on without it.
fn rot(plan: &Plan, disk: &SimulatedDisk, random: &mut Random) -> Result<(), Violation> {
    let sound = disk.copy(Arc::default());
    let rotten = disk.copy(Arc::default());
    if !rotten.flip_bit(random) {
        return Ok(());
    }
    let open = |disk: SimulatedDisk| Log::open(Arc::new(disk) as Arc<dyn Disk>, plan.log).map(|(_, found)| found);
    match (open(sound), open(rotten)) {
        (Ok(sound), Ok(rotten)) if sound != rotten => {
            Err(broken("I19", "a bit flipped in the log, and what it held changed silently".to_owned()))
        }
        _ => Ok(()),
    }
}

fn broken(rule: &'static str, text: String) -> Violation {
    Violation { rule, text }
}
