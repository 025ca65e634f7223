//! One's own player, shown before the server has answered.
//!
//! Each tick the game's own step is run on the predicted state. When a snapshot tells the true state of a tick, it is
//! compared with what was predicted for that tick: equal, nothing happens; else the true state is taken and the inputs
//! since are played again. Promises: with the server's own step and inputs that arrive in time nothing is ever
//! corrected; what is kept is bounded. Leaves out: drawing, so corrections are told, not smoothed.

use std::collections::VecDeque;

use ringside_netcode::Tick;

/// Ticks played again at most: a second. What is older is not predicted any more.
const HISTORY: usize = 60;

/// What a game tells of its own player.
pub trait Foresight {
    /// Everything a step depends on.
    type State: Clone;
    /// What a player does in a tick.
    type Input: Clone;

    /// The state one tick later.
    fn step(&self, state: &Self::State, input: &Self::Input) -> Self::State;

    /// Whether what was predicted is what the server tells.
    fn agrees(&self, predicted: &Self::State, told: &Self::State) -> bool;
}

struct Played<F: Foresight> {
    tick: Tick,
    input: F::Input,
    state: F::State,
}

/// The predicted player.
pub struct Prediction<F: Foresight> {
    game: F,
    state: Option<F::State>,
    history: VecDeque<Played<F>>,
    mispredictions: u64,
}

impl<F: Foresight> Prediction<F> {
    /// Nothing to predict from yet.
    pub fn new(game: F) -> Self {
        Self {
            game,
            state: None,
            history: VecDeque::with_capacity(HISTORY),
            mispredictions: 0,
        }
    }

    /// The predicted state.
    pub fn state(&self) -> Option<&F::State> {
        self.state.as_ref()
    }

    /// Inputs whose outcome the server has not told.
    pub fn pending(&self) -> usize {
        self.history.len()
    }

    /// Corrections so far.
    pub fn mispredictions(&self) -> u64 {
        self.mispredictions
    }

    /// Starts over, with the next snapshot.
    pub fn clear(&mut self) {
        self.state = None;
        self.history.clear();
    }

    /// Plays an input for a tick. Before the first snapshot there is nothing to play it on.
    pub fn predict(&mut self, tick: Tick, input: F::Input) {
        let Some(state) = &mut self.state else { return };
        *state = self.game.step(state, &input);
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        let state = state.clone();
        self.history.push_back(Played { tick, input, state });
    }

    /// The server's state of the player after `tick`. Whether the prediction had to be corrected.
    pub fn confirm(&mut self, tick: Tick, told: F::State) -> bool {
        let mut known = None;
        while let Some(played) = self.history.front()
            && !played.tick.is_newer(tick)
        {
            known = self
                .history
                .pop_front()
                .filter(|played| played.tick == tick);
        }
        if known.is_some_and(|known| self.game.agrees(&known.state, &told)) {
            return false;
        }
        let corrected = self.state.is_some();
        let mut state = told;
        for played in &mut self.history {
            state = self.game.step(&state, &played.input);
            played.state = state.clone();
        }
        self.state = Some(state);
        self.mispredictions += u64::from(corrected);
        corrected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walker on a line, between walls.
    struct Walk;

    impl Foresight for Walk {
        type State = i32;
        type Input = i32;

        fn step(&self, state: &i32, input: &i32) -> i32 {
            (state + input).clamp(0, 20)
        }

        fn agrees(&self, predicted: &i32, told: &i32) -> bool {
            predicted == told
        }
    }

    /// A player whose server hears all inputs but those of `lost` ticks, some ticks later.
    fn mispredictions(lost: &[u32]) -> u64 {
        const LATE: u32 = 7;
        let mut own = Prediction::new(Walk);
        let (mut server, mut inputs) = (10, Vec::new());
        own.confirm(Tick::new(0), server);
        for n in 1..500u32 {
            let input = [1, 1, -1, 0, 2, -2][(n as usize * 7 / 5) % 6];
            own.predict(Tick::new(n), input);
            inputs.push(input);
            if n > LATE {
                let tick = n - LATE;
                let heard = if lost.contains(&tick) {
                    0
                } else {
                    inputs[tick as usize - 1]
                };
                server = Walk.step(&server, &heard);
                if tick.is_multiple_of(3) {
                    own.confirm(Tick::new(tick), server);
                    let since = &inputs[tick as usize..];
                    let replayed = since.iter().fold(server, |at, input| Walk.step(&at, input));
                    assert_eq!(own.state(), Some(&replayed), "at {n}");
                    assert_eq!(own.pending(), LATE as usize);
                }
            }
        }
        own.mispredictions()
    }

    #[test]
    fn what_the_server_heard_is_never_corrected_and_what_it_did_not_hear_is_once() {
        assert_eq!(mispredictions(&[]), 0);
        assert_eq!(mispredictions(&[31]), 1);
    }

    #[test]
    fn without_a_server_memory_stays_bounded() {
        let mut own = Prediction::new(Walk);
        own.predict(Tick::new(1), 1);
        assert_eq!((own.state(), own.pending()), (None, 0));
        own.confirm(Tick::new(1), 5);
        assert_eq!(own.mispredictions(), 0, "the first state corrects nothing");
        for n in 2..1000 {
            own.predict(Tick::new(n), 1);
        }
        assert_eq!((own.pending(), own.state()), (HISTORY, Some(&20)));
        own.clear();
        assert_eq!(own.state(), None);
    }
}
