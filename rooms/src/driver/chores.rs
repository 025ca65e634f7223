//! What a room thread does between steps, four times a second: lobbies, saving, reports, and the balance.
//!
//! Once a second a thread that is busy looks for one that is less so and hands it a room, so that the two come nearer
//! each other; for a moment after that a shard may get what the room sends by two lanes, which clients put in order by
//! the numbers of frames and events.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use ringside_gateway::Class;
use ringside_netcode::tick::Histogram;

use super::{
    RoomInfo, RoomReport,
    worker::{Hosting, Worker},
};
use crate::server::Directory;

/// How often a thread tells lobbies, saves, and looks for rooms that nobody is in.
const CHORES_EVERY: Duration = Duration::from_millis(250);
/// Chores between two reports and looks at the balance.
const CHORES_A_REPORT: u32 = 4;
/// A thread this busy (in 1/1000) hands rooms over, if another is less busy by at least the margin.
const BUSY: u32 = 600;
const MARGIN: u32 = 200;

impl Worker {
    pub(super) fn tell_lobby(&mut self, kind: &str, changes: &[RoomInfo]) {
        let Ok(lobby) = self.gateway.room(&Directory::lobby(kind)) else {
            return;
        };
        if let Err(error) = self
            .publisher
            .emit(&lobby, Class::Reliable, "rooms", &(changes,))
        {
            tracing::warn!(%error, "a lobby could not be told of its rooms");
        }
    }

    pub(super) fn do_chores(&mut self, now: Duration) {
        self.chores_at = now + CHORES_EVERY;
        self.chores += 1;
        let mut changes: HashMap<String, Vec<RoomInfo>> = HashMap::new();
        let (mut empty, mut broken) = (Vec::new(), Vec::new());
        for (id, hosting) in &mut self.rooms {
            let Hosting { address, room, .. } = hosting;
            let deserted =
                room.people() == 0 && room.spectators() == 0 && address.now.get().promised == 0;
            let since = *hosting.empty_since.get_or_insert(now);
            if !deserted {
                hosting.empty_since = None;
            } else if room.empty_for().is_some_and(|time| now - since >= time) {
                empty.push(*id);
            }
            let info = address.info();
            if !address.private && hosting.shown.as_ref() != Some(&info) {
                hosting.shown = Some(info.clone());
                changes.entry(info.kind.clone()).or_default().push(info);
            }
            if let Some(keeper) = &self.office.keeper
                && now - hosting.saved_at >= room.save_every()
            {
                match catch_unwind(AssertUnwindSafe(|| room.save())) {
                    Ok(None) => {}
                    Ok(Some(bytes)) => {
                        hosting.saved_at = now;
                        keeper.keep(address, bytes);
                    }
                    Err(_) => broken.push(*id),
                }
            }
        }
        for (kind, changes) in changes {
            self.tell_lobby(&kind, &changes);
        }
        for id in empty {
            self.remove(id);
        }
        for id in broken {
            self.bury(id);
        }
        if self.chores.is_multiple_of(CHORES_A_REPORT) {
            self.report(now);
        }
    }

    fn report(&mut self, now: Duration) {
        let passed = (now - self.reported_at).max(Duration::from_millis(1));
        self.reported_at = now;
        let thousandths = |busy: Duration| (busy.as_micros() * 1000 / passed.as_micros()) as u32;
        let load = thousandths(std::mem::take(&mut self.busy));
        self.office.desks[self.number].load.lock().busy = load;
        let mut costs: Vec<(u32, u64)> = Vec::new();
        for (id, hosting) in &mut self.rooms {
            costs.push((thousandths(std::mem::take(&mut hosting.cost)), *id));
            let mut report = RoomReport {
                code: hosting.address.code.clone(),
                kind: hosting.address.kind.clone(),
                worker: self.number,
                ..RoomReport::default()
            };
            hosting.room.report(&mut report);
            if let Some(schedule) = self.rota.schedule(*id) {
                let quantiles = |h: &Histogram| {
                    let us = |per_mille| h.quantile(per_mille).as_micros() as u64;
                    (us(500), us(990))
                };
                let stats = schedule.stats();
                report.step_us = quantiles(&stats.cost);
                report.late_us = quantiles(&stats.lateness);
                report.dropped = stats.dropped;
                report.skipped = stats.skipped;
                report.rate_percent = schedule.rate_percent();
                schedule.clear_stats();
            }
            *hosting.address.report.lock() = report;
        }
        self.balance(load, &costs);
    }

    /// Hands a room over, if this thread is much busier than another.
    fn balance(&mut self, load: u32, costs: &[(u32, u64)]) {
        let other = self.office.least_busy();
        let theirs = self.office.desks[other].load.get().busy;
        if other == self.number || load < BUSY || load < theirs + MARGIN || costs.len() < 2 {
            return;
        }
        // The one that brings the two nearest to each other without turning the tables.
        let half = (load - theirs) / 2;
        let fitting = costs.iter().filter(|(cost, _)| *cost > 0 && *cost <= half);
        if let Some(&(cost, id)) = fitting.max() {
            self.office.desks[other].load.lock().busy += cost;
            self.hand_over(id, other);
        }
    }
}
