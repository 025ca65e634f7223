//! What one shard remembers: a log of what it routed, and the sockets that may come back.
//!
//! Promises: the log is bounded by time and bytes; what a socket has missed is told whole, or not at all.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use ringside_core::{ConnId, Frame, Topic, TopicId};
use ringside_proto::time::Millis;

use super::{Recovery, millis};
use crate::{
    env::HashState,
    socketio::{Mark, SocketId, extras::Extras, selector::Selector, space::Space},
};

/// What an event costs in the log besides its bytes.
const EVENT_BYTES: usize = 160;

/// A socket that may come back.
pub(super) struct Saved {
    pub(super) id: SocketId,
    pub(super) conn: ConnId,
    pub(super) space: Arc<Space>,
    pub(super) topics: Vec<Topic>,
    pub(super) extras: Option<Arc<Extras>>,
    pub(super) since: u64,
    pub(super) resumed_at: Option<Mark>,
    pub(super) until: Millis,
}

pub(super) enum To {
    Topic(TopicId),
    Conn(ConnId),
    Selected(Arc<Selector>),
}

pub(super) struct Logged {
    pub(super) to: To,
    pub(super) frame: Frame,
    pub(super) mark: Mark,
    pub(super) at: Millis,
}

pub(super) struct Heard {
    pub(super) sequence: u64,
    pub(super) at: Millis,
}

/// What one shard remembers.
#[derive(Default)]
pub(crate) struct Memory {
    pub(super) log: VecDeque<Logged>,
    /// The position of the log's first event.
    pub(super) first: u64,
    pub(super) bytes: usize,
    pub(super) heard: HashMap<u32, Heard>,
    /// Boxed, so that a table that was once full is small.
    pub(super) saved: HashMap<SocketId, Box<Saved>, HashState>,
    /// Sockets that came back here, by id and by pid: their names lead elsewhere.
    pub(super) homes: HashMap<SocketId, ConnId, HashState>,
    pub(super) back: HashMap<SocketId, ConnId, HashState>,
    /// Where sockets whose pid leads here are, or claim to come back to.
    pub(super) away: HashMap<SocketId, usize, HashState>,
}

impl Memory {
    pub(crate) fn home_of(&self, id: SocketId) -> Option<ConnId> {
        self.homes.get(&id).copied()
    }

    pub(super) fn position(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    pub(super) fn push(
        &mut self,
        to: To,
        frame: &Frame,
        mark: Mark,
        now: Millis,
        options: &Recovery,
    ) {
        if !matches!(to, To::Conn(_)) {
            self.heard.insert(
                mark.origin(),
                Heard {
                    sequence: mark.sequence(),
                    at: now,
                },
            );
        }
        self.bytes += frame.wire().len() + EVENT_BYTES;
        self.log.push_back(Logged {
            to,
            frame: frame.clone(),
            mark,
            at: now,
        });
        self.trim(now, options);
    }

    pub(super) fn trim(&mut self, now: Millis, options: &Recovery) {
        let oldest = now.0.saturating_sub(millis(options.max_disconnection));
        while let Some(front) = self.log.front() {
            if self.bytes <= options.bytes && front.at.0 >= oldest {
                break;
            }
            self.bytes -= front.frame.wire().len() + EVENT_BYTES;
            self.log.pop_front();
            self.first += 1;
        }
    }

    /// What a saved socket has missed since `offset`, if that can be told.
    pub(super) fn missed(&self, saved: &Saved, offset: Option<Mark>) -> Option<Vec<Frame>> {
        let topics: Vec<_> = saved.topics.iter().map(Topic::id).collect();
        let from = |position: u64| position.checked_sub(self.first).map(|at| at as usize);
        let since = from(saved.since);
        let start = match offset {
            None => since?,
            offset if offset == saved.resumed_at => since?,
            // The log may begin after the socket did: what it saw last is enough.
            Some(mark) => {
                let since = since.unwrap_or(0);
                let seen = |event: &Logged| event.mark == mark && event.was_for(saved, &topics);
                since + self.log.iter().skip(since).position(seen)? + 1
            }
        };
        let rest = self.log.iter().skip(start);
        let rest = rest.filter(|event| event.was_for(saved, &topics));
        Some(rest.map(|event| event.frame.clone()).collect())
    }

    pub(super) fn is_behind(&self, heard: &[(u32, u64)]) -> bool {
        heard.iter().any(|(origin, sequence)| {
            self.heard
                .get(origin)
                .is_none_or(|heard| heard.sequence < *sequence)
        })
    }
}

impl Logged {
    pub(super) fn was_for(&self, saved: &Saved, topics: &[TopicId]) -> bool {
        match &self.to {
            To::Topic(topic) => topics.contains(topic) && self.frame.except() != Some(saved.conn),
            To::Conn(conn) => *conn == saved.conn,
            To::Selected(selector) => selector.was_for(topics, saved.id, saved.conn),
        }
    }
}
