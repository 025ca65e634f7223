//! The namespaces of a running gateway: those with a name, and those a pattern makes when they are asked for.
//!
//! Everybody in a namespace is the members of one topic; so is every room. Promises: a namespace with a
//! name is found by a hash and no lock. Peers choose the names a pattern makes, so those are bounded in
//! number, and go when their last socket has left.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use ringside_core::{Core, SetupError, Topic};
use serde_json::value::RawValue;

use super::Namespace;
use crate::env::HashState;

/// A namespace, as its sockets know it.
pub(crate) struct Space {
    pub(crate) name: Box<str>,
    pub(crate) everybody: Topic,
    pub(crate) set: Arc<Namespace>,
    /// A pattern made it.
    is_child: bool,
}

impl Space {
    fn new(
        name: &str,
        set: Arc<Namespace>,
        is_child: bool,
        core: &Core,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            name: name.into(),
            everybody: core.topic()?,
            set,
            is_child,
        })
    }

    /// The topic of a room, made if nobody is in it.
    pub(crate) fn room(&self, core: &Core, room: &str) -> Result<Topic, SetupError> {
        core.topic_named(&format!("{}\0{room}", self.name))
    }

    /// The room a topic is, if it is one of this namespace's.
    pub(crate) fn room_of<'t>(&self, topic: &'t Topic) -> Option<&'t str> {
        let rest = topic.name()?.strip_prefix(&*self.name)?;
        rest.strip_prefix('\0')
    }
}

/// Decides whether a name that a client asks for becomes a namespace.
pub(crate) type Pattern = Box<dyn Fn(&str, &RawValue) -> bool + Send + Sync>;
type OnNew = Box<dyn Fn(&str) + Send + Sync>;

/// What a gateway is set up with.
#[derive(Default)]
pub(crate) struct SpacesPlan {
    pub(crate) named: HashMap<Box<str>, Namespace>,
    pub(crate) patterns: Vec<(Pattern, Namespace)>,
    pub(crate) on_new: Vec<OnNew>,
    pub(crate) keep_empty: bool,
}

/// All namespaces.
pub(crate) struct Spaces {
    named: HashMap<Box<str>, Arc<Space>, HashState>,
    patterns: Vec<(Pattern, Arc<Namespace>)>,
    on_new: Vec<OnNew>,
    children: Mutex<HashMap<Box<str>, Child, HashState>>,
    children_max: usize,
    keep_empty: bool,
}

struct Child {
    space: Arc<Space>,
    sockets: usize,
}

impl Spaces {
    pub(crate) fn settle(
        plan: SpacesPlan,
        children_max: usize,
        core: &Core,
    ) -> Result<Self, SetupError> {
        let mut named = HashMap::default();
        for (name, set) in plan.named {
            let space = Space::new(&name, Arc::new(set), false, core)?;
            named.insert(name, Arc::new(space));
        }
        Ok(Self {
            named,
            patterns: plan
                .patterns
                .into_iter()
                .map(|(pattern, set)| (pattern, Arc::new(set)))
                .collect(),
            on_new: plan.on_new,
            children: Mutex::default(),
            children_max,
            keep_empty: plan.keep_empty,
        })
    }

    fn children(&self) -> MutexGuard<'_, HashMap<Box<str>, Child, HashState>> {
        self.children
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A namespace that is there.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Space>> {
        if let Some(space) = self.named.get(name) {
            return Some(space.clone());
        }
        if self.patterns.is_empty() {
            return None;
        }
        self.children().get(name).map(|child| child.space.clone())
    }

    /// The namespace a socket enters: one that is there, or one that a pattern makes. Follow with
    /// [`exit`](Self::exit).
    pub(crate) fn enter(&self, name: &str, auth: &RawValue, core: &Core) -> Option<Arc<Space>> {
        if let Some(space) = self.named.get(name) {
            return Some(space.clone());
        }
        if self.patterns.is_empty() {
            return None;
        }
        if let Some(child) = self.children().get_mut(name) {
            child.sockets += 1;
            return Some(child.space.clone());
        }
        // Asked without the lock: a predicate is the application's code.
        let (_, set) = self
            .patterns
            .iter()
            .find(|(matches, _)| matches(name, auth))?;
        let mut children = self.children();
        if children.len() >= self.children_max && !children.contains_key(name) {
            tracing::warn!(
                name,
                max = self.children_max,
                "too many namespaces made from patterns"
            );
            return None;
        }
        let mut is_new = false;
        if !children.contains_key(name) {
            let space = Space::new(name, set.clone(), true, core).ok()?;
            let space = Arc::new(space);
            children.insert(name.into(), Child { space, sockets: 0 });
            is_new = true;
        }
        let child = children.get_mut(name)?;
        child.sockets += 1;
        let space = child.space.clone();
        drop(children);
        if is_new {
            self.on_new.iter().for_each(|f| f(name));
        }
        Some(space)
    }

    /// A socket has left, or was not admitted.
    pub(crate) fn exit(&self, space: &Space) {
        if !space.is_child {
            return;
        }
        let mut children = self.children();
        let Some(child) = children.get_mut(&space.name) else {
            return;
        };
        child.sockets -= 1;
        if child.sockets == 0 && !self.keep_empty {
            children.remove(&space.name);
        }
    }

    /// The names of the namespaces there are, those made from patterns last.
    pub(crate) fn names(&self) -> Vec<String> {
        let children = self.children();
        let named = self.named.keys().chain(children.keys());
        named.map(ToString::to_string).collect()
    }

    /// Whether anybody hears of rooms.
    pub(crate) fn watch_rooms(&self) -> bool {
        let sets = self.named.values().map(|space| &space.set);
        sets.chain(self.patterns.iter().map(|(_, set)| set))
            .any(|set| !set.rooms.is_empty())
    }
}

/// Whether `name` is what `pattern` says, where `*` stands for any text without a slash.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let end = rest.find('/').unwrap_or(rest.len());
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .take_while(|at| *at <= end)
                .any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_text_without_a_slash() {
        for (pattern, name) in [
            ("/room-*", "/room-7"),
            ("/room-*", "/room-"),
            ("/*/chat", "/ünï/chat"),
            ("/a*b*c", "/axxbyyc"),
            ("/x", "/x"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("/room-*", "/room-7/x"),
            ("/room-*", "/rooms"),
            ("/*/chat", "/a/b/chat"),
            ("/a*b*c", "/axxbyy"),
            ("/x", "/xy"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn children_come_and_go_and_are_bounded() {
        let (core, _seeds) = Core::new(1).unwrap();
        let plan = SpacesPlan {
            patterns: vec![(
                Box::new(|name, _| matches("/c-*", name)),
                Namespace::new("/c-*"),
            )],
            ..SpacesPlan::default()
        };
        let spaces = Spaces::settle(plan, 2, &core).unwrap();
        let nothing = RawValue::from_string("{}".to_owned()).unwrap();
        let enter = |name| spaces.enter(name, &nothing, &core);
        assert!(enter("/other").is_none());
        let (a, again, b) = (
            enter("/c-1").unwrap(),
            enter("/c-1").unwrap(),
            enter("/c-2").unwrap(),
        );
        assert!(Arc::ptr_eq(&a, &again));
        assert!(enter("/c-3").is_none(), "above the bound");
        spaces.exit(&a);
        assert!(spaces.find("/c-1").is_some(), "one is still in");
        spaces.exit(&again);
        assert!(spaces.find("/c-1").is_none());
        assert!(enter("/c-3").is_some());
        spaces.exit(&b);
        assert_eq!(spaces.names(), ["/c-3"]);
    }
}
