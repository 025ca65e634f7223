//! The programs: what one step may be, and how likely each is.
//!
//! Weights are chosen so that every outcome is reached often (`the_programs_reach_every_outcome` checks).

use proptest::prelude::*;

use super::{MESSAGE_MIN, PUBLISHERS, SHARDS, TOPICS};
use crate::{Class, Key};

/// Who does something: a publisher, or any other thread.
#[derive(Clone, Copy, Debug)]
pub(super) enum Via {
    Publisher(usize),
    Control,
}

/// One step of a program. Connections are named by their age, topics by number.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Open(usize),
    Publish {
        via: Via,
        topic: usize,
        class: Class,
        len: usize,
        except: Option<usize>,
        times: usize,
    },
    Compose {
        publisher: usize,
        topic: usize,
    },
    Unicast {
        via: Via,
        conn: usize,
        class: Class,
        len: usize,
        times: usize,
    },
    Join {
        via: Via,
        conn: usize,
        topic: usize,
    },
    Leave {
        via: Via,
        conn: usize,
        topic: usize,
    },
    Disconnect {
        via: Via,
        conn: usize,
    },
    Flush(usize),
    /// The publisher is dropped, and another takes its seat.
    Replace(usize),
    Turn {
        shard: usize,
        after_ms: u64,
    },
    /// From now on the socket takes so many bytes.
    Budget {
        conn: usize,
        bytes: Option<usize>,
    },
    Kill(usize),
    /// Something that is rare by chance: asked to end while blocked, and, if not patient, past the
    /// time it is given.
    Linger {
        conn: usize,
        patient: bool,
    },
    Close(usize),
    Subscribe {
        conn: usize,
        topic: usize,
    },
    Unsubscribe {
        conn: usize,
        topic: usize,
    },
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        3 => Just(Class::Reliable),
        2 => (0u32..2).prop_map(|key| Class::Latest(Key::new(key).unwrap())),
        1 => Just(Class::Volatile),
    ]
}

fn via() -> impl Strategy<Value = Via> {
    prop_oneof![
        3 => (0..PUBLISHERS).prop_map(Via::Publisher),
        1 => Just(Via::Control),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (conn, topic) = (0usize..8, 0..TOPICS);
    let conn_topic = (conn.clone(), topic.clone());
    let times = prop_oneof![6 => Just(1usize), 1 => 2usize..10, 1 => 20usize..60];
    let len = prop_oneof![8 => MESSAGE_MIN..40, 1 => Just(400usize)];
    let except = prop::option::weighted(0.2, conn.clone());
    prop_oneof![
        2 => (0..SHARDS).prop_map(Step::Open),
        8 => (via(), topic.clone(), class(), len.clone(), except, times.clone()).prop_map(
            |(via, topic, class, len, except, times)| Step::Publish { via, topic, class, len, except, times }),
        2 => (0..PUBLISHERS, topic).prop_map(|(publisher, topic)| Step::Compose { publisher, topic }),
        3 => (via(), conn.clone(), class(), len, times).prop_map(
            |(via, conn, class, len, times)| Step::Unicast { via, conn, class, len, times }),
        5 => (via(), conn_topic.clone()).prop_map(|(via, (conn, topic))| Step::Join { via, conn, topic }),
        2 => (via(), conn_topic.clone()).prop_map(|(via, (conn, topic))| Step::Leave { via, conn, topic }),
        3 => (via(), conn.clone()).prop_map(|(via, conn)| Step::Disconnect { via, conn }),
        4 => (0..PUBLISHERS).prop_map(Step::Flush),
        1 => (0..PUBLISHERS).prop_map(Step::Replace),
        8 => (0..SHARDS, prop_oneof![4 => Just(1u64), 1 => 4_000u64..7_000]).prop_map(
            |(shard, after_ms)| Step::Turn { shard, after_ms }),
        3 => (conn.clone(), prop_oneof![Just(Some(0)), prop::option::of(0usize..60)]).prop_map(|(conn, bytes)| Step::Budget { conn, bytes }),
        1 => conn.clone().prop_map(Step::Kill),
        1 => conn.clone().prop_map(Step::Close),
        1 => (conn_topic.clone(), any::<bool>()).prop_map(|((conn, _), patient)| Step::Linger { conn, patient }),
        4 => conn_topic.clone().prop_map(|(conn, topic)| Step::Subscribe { conn, topic }),
        1 => conn_topic.prop_map(|(conn, topic)| Step::Unsubscribe { conn, topic }),
    ]
}
