//! Who subscribes to what on this shard.
//!
//! Both sides know each other's position, so joining, leaving and closing are O(1) a membership, and
//! a fan-out walks one dense list. A membership takes 16 bytes and the slack of two vectors.

use crate::topic::{Topic, TopicId};

/// A subscriber, as its topic knows it.
#[derive(Clone, Copy)]
struct Member {
    slot: u32,
    /// Position in the connection's list of memberships.
    back: u32,
}

/// A subscription, as its connection knows it.
#[derive(Clone, Copy)]
pub(crate) struct Membership {
    topic: TopicId,
    /// Position in the topic's list of members.
    at: u32,
}

/// The topics with subscribers on this shard, by slot.
#[derive(Default)]
pub(crate) struct Members {
    topics: Vec<Option<Box<Local>>>,
}

struct Local {
    topic: Topic,
    members: Vec<Member>,
}

impl Members {
    fn local(&mut self, id: TopicId) -> Option<&mut Local> {
        let local = self.topics.get_mut(id.slot())?.as_deref_mut()?;
        (local.topic.id() == id).then_some(local)
    }

    /// The slots of a topic's subscribers.
    pub(crate) fn of(&self, id: TopicId) -> impl ExactSizeIterator<Item = u32> + '_ {
        let local = self
            .topics
            .get(id.slot())
            .and_then(|local| local.as_deref());
        let members = local
            .filter(|local| local.topic.id() == id)
            .map(|local| &local.members[..]);
        members.unwrap_or_default().iter().map(|member| member.slot)
    }

    /// The topic of a membership.
    pub(crate) fn topic(&self, membership: &Membership) -> Option<&Topic> {
        let local = self.topics.get(membership.topic.slot())?.as_deref()?;
        Some(&local.topic)
    }

    /// Subscribes; returns whether that is new.
    pub(crate) fn join(&mut self, topic: &Topic, slot: u32, of_conn: &mut Vec<Membership>) -> bool {
        if of_conn
            .iter()
            .any(|membership| membership.topic == topic.id())
        {
            return false;
        }
        let at = topic.id().slot();
        if self.topics.len() <= at {
            self.topics.resize_with(at + 1, || None);
        }
        let entry = &mut self.topics[at];
        // A topic of an older generation has no members left: nobody could hold it alive but them.
        if entry
            .as_ref()
            .is_none_or(|local| local.topic.id() != topic.id())
        {
            *entry = Some(Box::new(Local {
                topic: topic.clone(),
                members: Vec::new(),
            }));
        }
        let members = &mut entry.as_mut().expect("just made").members;
        of_conn.push(Membership {
            topic: topic.id(),
            at: members.len() as u32,
        });
        members.push(Member {
            slot,
            back: of_conn.len() as u32 - 1,
        });
        true
    }

    /// Unsubscribes; returns the topic if that was its last subscriber here.
    pub(crate) fn leave(
        &mut self,
        id: TopicId,
        slot: u32,
        memberships: &mut [Vec<Membership>],
    ) -> Option<Topic> {
        let of_conn = &mut memberships[slot as usize];
        let position = of_conn
            .iter()
            .position(|membership| membership.topic == id)?;
        self.leave_at(position, slot, memberships)
    }

    /// Ends all subscriptions of a connection; hands out the topics that were left empty.
    pub(crate) fn leave_all(
        &mut self,
        slot: u32,
        memberships: &mut [Vec<Membership>],
        mut emptied: impl FnMut(Topic),
    ) {
        while let Some(last) = memberships[slot as usize].len().checked_sub(1) {
            if let Some(topic) = self.leave_at(last, slot, memberships) {
                emptied(topic);
            }
        }
    }

    fn leave_at(
        &mut self,
        position: usize,
        slot: u32,
        memberships: &mut [Vec<Membership>],
    ) -> Option<Topic> {
        let of_conn = &mut memberships[slot as usize];
        let Membership { topic: id, at } = of_conn.swap_remove(position);
        let moved = of_conn.get(position).copied();
        if let Some(Membership { topic, at }) = moved {
            let local = self.local(topic).expect("a membership's topic is known");
            local.members[at as usize].back = position as u32;
        }
        let local = self.local(id).expect("a membership's topic is known");
        local.members.swap_remove(at as usize);
        if let Some(moved) = local.members.get(at as usize).copied() {
            memberships[moved.slot as usize][moved.back as usize].at = at;
        }
        if !local.members.is_empty() {
            return None;
        }
        self.topics[id.slot()].take().map(|local| local.topic)
    }
}
