//! Routing: what each operation does to this shard's connections and topics. No writes yet.
//!
//! Promises: operations of one source take effect in order; consecutive publishes to one topic are
//! noted once per subscriber. An operation for nobody is counted as stale, and changes nothing.

use super::{
    Destination, Host, LINGER_MS, Shard, Work,
    conns::State,
    turn::{Item, Routed},
};
use crate::{
    class::Class,
    compose::{Compose, Outbox},
    frame::Frame,
    ident::ConnId,
    op::Op,
    sink::Sink,
    topic::{Topic, TopicId},
};

/// Bytes that routing may gather before they are written, although the turn is not over: 16 MiB, a
/// hundred times a busy turn's need, bounds the memory that bursts leave behind.
const TURN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Frames at the end of the turn's list that all go to one topic.
pub(crate) struct OpenItem {
    pub(crate) topic: TopicId,
    pub(crate) from: usize,
}

impl<S: Sink> Shard<S> {
    pub(super) fn apply(&mut self, op: Op, work: &mut Work, host: &mut impl Host<S>) {
        // Everything but a publish may change who subscribes, or comes between two publishes.
        if !matches!(op, Op::Publish { .. }) {
            self.close_open_item();
        }
        match op {
            Op::Publish {
                topic,
                class,
                frame,
            } => {
                host.routing(Destination::Topic(topic), &frame);
                self.publish(topic, class, frame);
            }
            Op::Compose { topic, composer } => self.compose(topic, &*composer, work),
            Op::Unicast { conn, class, frame } => {
                host.routing(Destination::Conn(conn), &frame);
                self.unicast(conn, class, frame);
            }
            Op::Join { conn, topic } => {
                if self.join(conn, &topic) {
                    host.moved(conn, &topic, true);
                }
                self.join_arrived(&topic);
            }
            Op::Leave { conn, topic } => {
                if self.leave(conn, &topic) {
                    host.moved(conn, &topic, false);
                }
            }
            Op::Disconnect { conn, reason } => self.disconnect(conn, reason),
            Op::App(message) => host.app(self, message),
        }
        if self.turn.bytes_held() > TURN_BYTES_MAX {
            self.write_all(work);
        }
    }

    /// What is left of an operation that comes too late for the shard itself.
    pub(super) fn bury(&self, op: Op) {
        match op {
            Op::Publish { .. } | Op::Compose { .. } | Op::Unicast { .. } => self.count_stale(1),
            Op::Join { topic, .. } => self.join_arrived(&topic),
            Op::Leave { .. } | Op::Disconnect { .. } | Op::App(_) => {}
        }
    }

    pub(super) fn join_arrived(&self, topic: &Topic) {
        topic.join_arrived();
        if self.members.of(topic.id()).len() == 0 {
            topic.leave_if_idle(self.id());
        }
    }

    fn publish(&mut self, topic: TopicId, class: Class, frame: Frame) {
        if self.members.of(topic).len() == 0 {
            return self.count_stale(1);
        }
        let except = frame.except();
        let extends = self
            .open_item
            .as_ref()
            .is_some_and(|open| open.topic == topic);
        if !extends || except.is_some() {
            self.close_open_item();
        }
        let from = self.turn.frames.len();
        self.turn.frames.push(Routed { frame, class });
        if let Some(except) = except {
            let item = self.turn.close_item(from);
            self.note_members(topic, item, Some(except));
        } else if !extends {
            self.open_item = Some(OpenItem { topic, from });
        }
    }

    /// Notes the frames gathered since the topic last changed for all its subscribers.
    pub(super) fn close_open_item(&mut self) {
        if let Some(OpenItem { topic, from }) = self.open_item.take() {
            let item = self.turn.close_item(from);
            self.note_members(topic, item, None);
        }
    }

    pub(super) fn note_members(&mut self, topic: TopicId, item: u32, except: Option<ConnId>) {
        let except = except.and_then(|conn| self.conns.find(conn));
        for slot in self.members.of(topic) {
            if Some(slot) != except {
                self.conns.note(slot, item, &mut self.turn);
            }
        }
    }

    fn compose(&mut self, topic: TopicId, composer: &dyn Compose, work: &mut Work) {
        let mut slots = std::mem::take(&mut self.scratch.slots);
        slots.extend(self.members.of(topic));
        if slots.is_empty() {
            self.count_stale(1);
        }
        for slot in slots.drain(..) {
            if self.turn.bytes_held() > TURN_BYTES_MAX {
                self.write_all(work);
            }
            // A write may have found it gone.
            if self.conns.get(slot).state != State::Open {
                continue;
            }
            let from = self.turn.composed.len() as u32;
            let mut outbox = Outbox {
                bytes: &mut self.turn.composed_bytes,
                messages: &mut self.turn.composed,
            };
            composer.compose(self.conns.id(slot), &mut outbox);
            let to = self.turn.composed.len() as u32;
            if from < to {
                self.turn.items.push(Item::Composed(from..to));
                let item = self.turn.items.len() as u32 - 1;
                self.conns.note(slot, item, &mut self.turn);
            }
        }
        self.scratch.slots = slots;
    }

    fn unicast(&mut self, conn: ConnId, class: Class, frame: Frame) {
        let Some(slot) = self.open_slot(conn) else {
            return self.count_stale(1);
        };
        let from = self.turn.frames.len();
        self.turn.frames.push(Routed { frame, class });
        let item = self.turn.close_item(from);
        self.conns.note(slot, item, &mut self.turn);
    }

    pub(super) fn join(&mut self, conn: ConnId, topic: &Topic) -> bool {
        let Some(slot) = self.open_slot(conn) else {
            return false;
        };
        let of_conn = &mut self.conns.memberships[slot as usize];
        if of_conn.len() >= self.topics_max {
            self.counters().joins_refused.add(1);
            return false;
        }
        let is_new = self.members.join(topic, slot, of_conn);
        topic.subscribed(self.id());
        is_new
    }

    pub(super) fn leave(&mut self, conn: ConnId, topic: &Topic) -> bool {
        let Some(slot) = self.conns.find(conn) else {
            return false;
        };
        let memberships = &mut self.conns.memberships;
        let before = memberships[slot as usize].len();
        if let Some(emptied) = self.members.leave(topic.id(), slot, memberships) {
            emptied.leave_if_idle(self.id());
        }
        self.conns.memberships[slot as usize].len() < before
    }

    /// The end, asked for: after what was sent before, which may still wait to be written.
    fn disconnect(&mut self, conn: ConnId, reason: u16) {
        let Some(slot) = self.open_slot(conn) else {
            return;
        };
        let left: Vec<_> = self.topics(conn).cloned().collect();
        if !left.is_empty() {
            self.left.insert(slot, left);
        }
        self.leave_all(slot);
        self.conns.get_mut(slot).state = State::Closing { reason };
        self.wheel.set(slot, self.now.plus(LINGER_MS));
        self.closing.push(slot);
    }

    pub(super) fn leave_all(&mut self, slot: u32) {
        let shard = self.id();
        self.members
            .leave_all(slot, &mut self.conns.memberships, |topic| {
                topic.leave_if_idle(shard);
            });
    }

    pub(super) fn open_slot(&self, conn: ConnId) -> Option<u32> {
        self.conns
            .find(conn)
            .filter(|slot| self.conns.get(*slot).state == State::Open)
    }

    pub(super) fn count_stale(&self, n: u64) {
        let counters = self.counters();
        counters.accepted.add(n);
        counters.stale.add(n);
    }
}
