//! Whether a client's link loses frames, and each is worth sending twice.
//!
//! A lost frame is a gap of two intervals, and by the time its loss is known the next one is there: sending it again
//! comes too late. So while a link is seen to lose, each frame goes twice, in two packets (as RFC 2198 has it for sound):
//! of independent losses with probability p that leaves p², 0.25 % of 5 %. "SHOULD only transmit the amount of FEC needed
//! to protect against the observed packet loss" (RFC 8854, section 8): on a clean link nothing goes twice.
//!
//! Promises: told of each frame once whether it arrived, [`Losses`] answers whether to send the next one twice; one loss
//! by itself is nothing to it, and neither is an outage, which would take both copies: frames lost in a row are one loss.
//! Leaves out: how frames are sent, and what a client's budget says to it.

/// The part of a new frame in the smoothed share of losses: it looks back over some 64 frames, three seconds at 20 a
/// second. Then the second of two losses within 80 frames is enough, and at 5 % that takes about two seconds.
const GAIN: f32 = 1.0 / 64.0;
/// The smoothed share of losses from which a link counts as lossy: more than a single loss makes of it.
const LOSSY: f32 = 0.02;
/// Frames that go twice after the last loss: half a minute at 20 a second. What is sent twice shows only one loss in p²
/// frames, so at 5 % four of five such spans see another; where none is seen it costs a loss or two to find out again.
const FRAMES_TWICE: u32 = 640;
/// The share that is assumed when frames go once again: for the next 50 or so the first loss is enough to end that.
const ON_TRIAL: f32 = 0.01;
const _: () = assert!(GAIN < LOSSY && ON_TRIAL < LOSSY);
const _: () = assert!(ON_TRIAL * (1.0 - GAIN) + GAIN > LOSSY);

/// What is known of a link's losses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Of the frames that went once, how many were lost, smoothed: 0 to 1.
    share: f32,
    /// The last frame that was settled was lost.
    is_out: bool,
    /// Frames that go twice from now on, if nothing is lost.
    twice: u32,
}

impl Losses {
    /// Whether the link loses, and the next frame should go twice.
    pub fn are_likely(&self) -> bool {
        self.twice > 0
    }

    /// Tells of the next frame whether it was lost, with its copy where it had one.
    pub fn settle(&mut self, lost: bool) {
        let was_out = std::mem::replace(&mut self.is_out, lost);
        let is_loss = lost && !was_out;
        if self.twice > 0 {
            self.twice = if is_loss {
                FRAMES_TWICE
            } else {
                self.twice - 1
            };
            return;
        }
        self.share += (f32::from(u8::from(is_loss)) - self.share) * GAIN;
        if self.share >= LOSSY {
            (self.share, self.twice) = (ON_TRIAL, FRAMES_TWICE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::SplitMix;

    /// A link that loses packets independently of each other.
    struct World {
        losses: Losses,
        random: SplitMix,
        frames: u32,
        lost: u32,
        twice: u32,
        turned_on: u32,
    }

    impl World {
        fn seeded(seed: u64) -> Self {
            World {
                losses: Losses::default(),
                random: SplitMix(seed),
                frames: 0,
                lost: 0,
                twice: 0,
                turned_on: 0,
            }
        }

        fn run(&mut self, frames: u32, loss_per_mille: u64) {
            for _ in 0..frames {
                let twice = self.losses.are_likely();
                let mut is_lost = || self.random.below(1000) < loss_per_mille;
                let lost = is_lost() && (!twice || is_lost());
                self.losses.settle(lost);
                self.frames += 1;
                self.lost += u32::from(lost);
                self.twice += u32::from(twice);
                self.turned_on += u32::from(!twice && self.losses.are_likely());
            }
        }
    }

    /// An hour at 20 frames a second.
    const HOUR: u32 = 72_000;

    #[test]
    fn of_five_percent_less_than_one_in_a_hundred_and_fifty_stays_lost() {
        for seed in 1..=20 {
            let mut world = World::seeded(seed);
            world.run(HOUR, 50);
            let World {
                lost,
                twice,
                turned_on,
                ..
            } = world;
            println!("seed {seed}: {lost} lost, {twice} twice, turned on {turned_on} times");
            assert!(lost < HOUR / 150, "{lost} of {HOUR}");
            assert!(twice > HOUR * 9 / 10, "{twice} of {HOUR}");
            assert!(turned_on < 90, "{turned_on} times in an hour");
        }
    }

    #[test]
    fn it_is_seen_within_seconds() {
        let mut frames = 0;
        for seed in 1..=200 {
            let mut world = World::seeded(seed);
            while !world.losses.are_likely() {
                world.run(1, 50);
            }
            frames += world.frames;
        }
        assert!(frames / 200 < 60, "{} frames on average", frames / 200);
    }

    #[test]
    fn a_clean_link_carries_nothing_twice_and_one_loss_in_a_thousand_hardly_anything() {
        let mut world = World::seeded(1);
        world.run(HOUR, 0);
        assert_eq!(world.twice, 0);
        for seed in 1..=20 {
            let mut world = World::seeded(seed);
            world.run(HOUR, 1);
            assert!(world.twice < HOUR / 5, "{} of {HOUR}", world.twice);
        }
    }

    #[test]
    fn a_link_that_is_clean_again_carries_everything_once_again() {
        let mut world = World::seeded(3);
        world.run(2_000, 50);
        world.run(FRAMES_TWICE, 0);
        assert!(!world.losses.are_likely());
        world.twice = 0;
        world.run(HOUR, 0);
        assert_eq!(world.twice, 0);
    }

    #[test]
    fn one_loss_and_one_outage_are_nothing_and_on_trial_one_is_enough() {
        let mut losses = Losses::default();
        losses.settle(true);
        (0..100).for_each(|_| losses.settle(false));
        (0..30).for_each(|_| losses.settle(true));
        assert!(!losses.are_likely());
        (0..40).for_each(|_| losses.settle(false));
        losses.settle(true);
        assert!(losses.are_likely());
        (0..FRAMES_TWICE).for_each(|_| losses.settle(false));
        assert!(!losses.are_likely());
        (0..40).for_each(|_| losses.settle(false));
        losses.settle(true);
        assert!(losses.are_likely());
    }
}
