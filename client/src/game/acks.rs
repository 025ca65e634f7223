//! When a client says which snapshots it has, if no input says so before.
//!
//! Where nothing gets lost, the server lets one snapshot more be on its way than a round trip takes, so one
//! acknowledgement in two snapshots is enough: receiving one costs a server nearly as much as sending a snapshot. It
//! waits for half the time between the two, so that it comes when the server is through with everybody's snapshots and
//! not amidst them. Snapshots that come slowly, or after a pause, and the first, are acknowledged at once.
//! On datagrams each acknowledgement counts, and this is not for them.

use std::time::Duration;

/// Snapshots that one acknowledgement is for.
const PAIR: u32 = 2;
/// Longest wait after the second one.
const WAIT_MAX: Duration = Duration::from_millis(25);
/// A second one that is not here after this is not waited for: it would be later than at 15 snapshots a second.
const PATIENCE: Duration = Duration::from_millis(75);

/// What is to be acknowledged, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acks {
    last: Option<Duration>,
    waiting: u32,
    due: Option<Duration>,
}

impl Acks {
    /// A snapshot arrived at `now`.
    pub fn heard(&mut self, now: Duration) {
        let gap = self.last.replace(now).map(|last| now.saturating_sub(last));
        self.waiting += 1;
        let wait = match gap {
            Some(gap) if gap < PATIENCE && self.waiting < PAIR => PATIENCE,
            Some(gap) if gap < PATIENCE => WAIT_MAX.min(gap / 2),
            _ => Duration::ZERO,
        };
        let due = now + wait;
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// When to acknowledge, if there is anything to.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The newest snapshot was acknowledged, by itself or with an input.
    pub fn said(&mut self) {
        (self.waiting, self.due) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When acknowledgements are sent by one who hears at these times, in milliseconds.
    fn said_at(heard: &[u32]) -> Vec<u32> {
        let (mut acks, mut said) = (Acks::default(), Vec::new());
        let mut heard = heard.iter().map(|at| *at * MS).peekable();
        for now in (0..2_000).map(|at| at * MS) {
            if heard.next_if_eq(&now).is_some() {
                acks.heard(now);
            }
            if acks.due().is_some_and(|due| due <= now) {
                acks.said();
                said.push(now.as_millis() as u32);
            }
        }
        said
    }

    #[test]
    fn every_second_one_is_acknowledged_between_two() {
        assert_eq!(said_at(&[0, 50, 100, 150, 200]), [0, 125, 225]);
        assert_eq!(said_at(&[0, 16, 32, 48, 64]), [0, 40, 72]);
    }

    #[test]
    fn slow_ones_and_those_after_a_pause_at_once_and_a_single_one_in_time() {
        assert_eq!(said_at(&[0, 100, 200]), [0, 100, 200]);
        assert_eq!(said_at(&[0, 50, 100, 900, 901, 950]), [0, 125, 900, 975]);
        assert_eq!(said_at(&[0, 50]), [0, 125]);
    }

    #[test]
    fn what_an_input_said_is_not_said_again() {
        let mut acks = Acks::default();
        acks.heard(MS);
        acks.said();
        assert_eq!(acks.due(), None);
        acks.heard(51 * MS);
        assert_eq!(acks.due(), Some(126 * MS));
    }
}
