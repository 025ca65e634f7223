//! Operations, and how they fit 16-byte descriptors.
//!
//! ```text
//! meta  63                 32 31  28 27                      0
//!      +---------------------+------+-------------------------+
//!      |  topic id or reason | code |    class (28 bits)      |
//!      +---------------------+------+-------------------------+
//! word  a frame, a composer, a topic, an application message, or a connection's number
//! ```
//!
//! Operations on one connection are two descriptors: an address, then the operation. One of the few
//! files with `unsafe`: what a word points to is owned by the descriptor. Promises: [`encode`] gives
//! ownership up, [`Decoder::decode`] takes it back, and a lane delivers each descriptor once, so
//! nothing leaks and nothing is freed twice.

use std::any::Any;

use crate::{
    class::Class,
    compose::Compose,
    frame::Frame,
    ident::ConnId,
    lane::Desc,
    sync::Arc,
    topic::{Inner, Topic, TopicId},
};

const _: () = assert!(
    size_of::<usize>() == 8,
    "a connection's number travels in a pointer"
);

/// A message of the layer above, which the core carries in order and does not look into.
pub type AppMessage = Box<dyn Any + Send>;

/// What travels to a shard.
pub(crate) enum Op {
    Publish {
        topic: TopicId,
        class: Class,
        frame: Frame,
    },
    Compose {
        topic: TopicId,
        composer: std::sync::Arc<dyn Compose>,
    },
    Unicast {
        conn: ConnId,
        class: Class,
        frame: Frame,
    },
    Join {
        conn: ConnId,
        topic: Topic,
    },
    Leave {
        conn: ConnId,
        topic: Topic,
    },
    Disconnect {
        conn: ConnId,
        reason: u16,
    },
    App(AppMessage),
}

/// Whom a frame is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Topic(TopicId),
    Conn(ConnId),
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Code {
    Publish = 0,
    Compose = 1,
    Address = 2,
    Unicast = 3,
    Join = 4,
    Leave = 5,
    Disconnect = 6,
    App = 7,
}

const fn meta(code: Code, class: u32, high: u32) -> u64 {
    (high as u64) << 32 | (code as u64) << 28 | class as u64
}

impl Op {
    /// Descriptors this operation needs.
    pub(crate) fn slots(&self) -> u32 {
        match self {
            Self::Publish { .. } | Self::Compose { .. } | Self::App(_) => 1,
            _ => 2,
        }
    }

    /// Under what a newer operation replaces this one while it waits.
    pub(crate) fn latest(&self) -> Option<(Target, Class)> {
        let (target, class) = match self {
            Self::Publish { topic, class, .. } => (Target::Topic(*topic), *class),
            Self::Unicast { conn, class, .. } => (Target::Conn(*conn), *class),
            _ => return None,
        };
        matches!(class, Class::Latest(_)).then_some((target, class))
    }

    pub(crate) fn is_volatile(&self) -> bool {
        matches!(
            self,
            Self::Publish {
                class: Class::Volatile,
                ..
            } | Self::Unicast {
                class: Class::Volatile,
                ..
            }
        )
    }
}

/// The descriptor of one shared reference of a frame; see [`Frame::into_raw_shares`].
pub(crate) fn publish_desc(topic: TopicId, class: Class, share: *mut ()) -> Desc {
    Desc {
        word: share,
        meta: meta(Code::Publish, class.to_bits(), topic.0),
    }
}

/// Turns an operation into descriptors, handing each to `stage` in order. Ownership goes with them.
pub(crate) fn encode(op: Op, mut stage: impl FnMut(Desc)) {
    let mut address = |conn: ConnId| {
        let word = std::ptr::without_provenance_mut(conn.to_bits() as usize);
        stage(Desc {
            word,
            meta: meta(Code::Address, 0, 0),
        });
    };
    let desc = match op {
        Op::Publish {
            topic,
            class,
            frame,
        } => publish_desc(topic, class, frame.into_raw_shares(1)),
        Op::Compose { topic, composer } => Desc {
            word: Box::into_raw(Box::new(composer)).cast(),
            meta: meta(Code::Compose, 0, topic.0),
        },
        Op::Unicast { conn, class, frame } => {
            address(conn);
            Desc {
                word: frame.into_raw_shares(1),
                meta: meta(Code::Unicast, class.to_bits(), 0),
            }
        }
        Op::Join { conn, topic } => {
            address(conn);
            let word = Arc::into_raw(topic.into_inner()).cast_mut().cast();
            Desc {
                word,
                meta: meta(Code::Join, 0, 0),
            }
        }
        Op::Leave { conn, topic } => {
            address(conn);
            let word = Arc::into_raw(topic.into_inner()).cast_mut().cast();
            Desc {
                word,
                meta: meta(Code::Leave, 0, 0),
            }
        }
        Op::Disconnect { conn, reason } => {
            address(conn);
            let word = std::ptr::null_mut();
            Desc {
                word,
                meta: meta(Code::Disconnect, 0, u32::from(reason)),
            }
        }
        Op::App(message) => Desc {
            word: Box::into_raw(Box::new(message)).cast(),
            meta: meta(Code::App, 0, 0),
        },
    };
    stage(desc);
}

/// Turns a lane's descriptors back into operations.
#[derive(Default)]
pub(crate) struct Decoder {
    address: Option<ConnId>,
}

impl Decoder {
    /// The next operation, or `None` when this descriptor was an address.
    ///
    /// # Safety
    /// `desc` was made by [`encode`] or [`publish_desc`], is decoded at most once, and the
    /// descriptors of a lane come in the order they were made.
    pub(crate) unsafe fn decode(&mut self, desc: Desc) -> Option<Op> {
        let Desc { word, meta } = desc;
        let class = Class::from_bits(meta as u32 & 0x0fff_ffff);
        let high = (meta >> 32) as u32;
        let code = (meta >> 28) as u32 & 0xf;
        if code == Code::Address as u32 {
            self.address = Some(ConnId::from_bits(word.addr() as u64));
            return None;
        }
        if code == Code::Publish as u32 {
            // SAFETY: `Publish` words are frame shares, and this one is taken up here only.
            let frame = unsafe { Frame::from_raw(word) };
            return Some(Op::Publish {
                topic: TopicId(high),
                class,
                frame,
            });
        }
        if code == Code::Compose as u32 {
            // SAFETY: `Compose` words come from `Box::into_raw` of this very type.
            let composer = *unsafe { Box::from_raw(word.cast::<std::sync::Arc<dyn Compose>>()) };
            return Some(Op::Compose {
                topic: TopicId(high),
                composer,
            });
        }
        if code == Code::App as u32 {
            // SAFETY: `App` words come from `Box::into_raw` of this very type.
            return Some(Op::App(*unsafe {
                Box::from_raw(word.cast::<AppMessage>())
            }));
        }
        let conn = self
            .address
            .take()
            .expect("encode puts an address before this");
        if code == Code::Unicast as u32 {
            // SAFETY: `Unicast` words are frame shares, and this one is taken up here only.
            let frame = unsafe { Frame::from_raw(word) };
            return Some(Op::Unicast { conn, class, frame });
        }
        if code == Code::Disconnect as u32 {
            return Some(Op::Disconnect {
                conn,
                reason: high as u16,
            });
        }
        // SAFETY: `Join` and `Leave` words come from `Arc::into_raw` of this very type.
        let topic = Topic::from_inner(unsafe { Arc::from_raw(word.cast::<Inner>().cast_const()) });
        if code == Code::Join as u32 {
            return Some(Op::Join { conn, topic });
        }
        debug_assert_eq!(code, Code::Leave as u32);
        Some(Op::Leave { conn, topic })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{class::Key, topic::Directory};

    fn round_trip(op: Op) -> Op {
        let slots = op.slots();
        let mut descs = Vec::new();
        encode(op, |desc| descs.push(desc));
        assert_eq!(descs.len(), slots as usize);
        let mut decoder = Decoder::default();
        // SAFETY: each descriptor was just made, in this order, and is decoded once.
        let mut ops = descs
            .into_iter()
            .filter_map(|desc| unsafe { decoder.decode(desc) });
        let op = ops.next().unwrap();
        assert!(ops.next().is_none());
        op
    }

    #[test]
    fn every_operation_survives_its_descriptors() {
        let topic = Directory::new().anonymous().unwrap();
        let conn = ConnId::new(3, 70_000, u32::MAX);
        let frame = Frame::from_bytes(b"abc", 5);
        let class = Class::Latest(Key::new(Key::MAX).unwrap());

        let op = round_trip(Op::Publish {
            topic: topic.id(),
            class,
            frame: frame.clone(),
        });
        assert!(matches!(&op, Op::Publish { topic: t, class: c, frame: f }
            if *t == topic.id() && *c == class && f.payload() == b"abc"));
        drop(op);
        let op = round_trip(Op::Unicast {
            conn,
            class: Class::Volatile,
            frame: frame.clone(),
        });
        assert!(matches!(op, Op::Unicast { conn: c, class: Class::Volatile, .. } if c == conn));
        drop(op);
        assert_eq!(frame.refs(), 1);
        let op = round_trip(Op::Join {
            conn,
            topic: topic.clone(),
        });
        assert!(
            matches!(&op, Op::Join { conn: c, topic: t } if *c == conn && t.id() == topic.id())
        );
        let op = round_trip(Op::Leave {
            conn,
            topic: topic.clone(),
        });
        assert!(matches!(op, Op::Leave { conn: c, .. } if c == conn));
        let op = round_trip(Op::Disconnect { conn, reason: 4321 });
        assert!(matches!(op, Op::Disconnect { conn: c, reason: 4321 } if c == conn));
        let Op::App(message) = round_trip(Op::App(Box::new("hello"))) else {
            panic!()
        };
        assert_eq!(*message.downcast::<&str>().unwrap(), "hello");
    }
}
