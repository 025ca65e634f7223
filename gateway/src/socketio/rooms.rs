//! Rooms: their names, and those that are held on to.

use std::sync::Arc;

use ringside_core::{Frame, Topic};
use serde::Serialize;

use super::{EmitError, Mark, SocketId, space::Space};
use crate::{shared::Shared, wire::Stamp};

/// Names of rooms: one, or several.
pub trait Rooms {
    /// Calls `f` for each.
    fn each(&self, f: &mut dyn FnMut(&str));
}

impl Rooms for str {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        f(self);
    }
}

impl Rooms for String {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        f(self);
    }
}

impl Rooms for SocketId {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        f(self.as_str());
    }
}

impl<R: Rooms + ?Sized> Rooms for &R {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        (**self).each(f);
    }
}

impl<R: Rooms> Rooms for [R] {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        self.iter().for_each(|room| room.each(f));
    }
}

impl<R: Rooms, const N: usize> Rooms for [R; N] {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        self[..].each(f);
    }
}

impl<R: Rooms> Rooms for Vec<R> {
    fn each(&self, f: &mut dyn FnMut(&str)) {
        self[..].each(f);
    }
}

/// A room that is held on to: its members are found without a look-up.
#[derive(Clone)]
pub struct Room {
    pub(crate) shared: Arc<Shared>,
    pub(crate) space: Arc<Space>,
    pub(crate) topic: Topic,
}

impl Room {
    pub(crate) fn frame<T: Serialize + ?Sized>(
        &self,
        mark: Option<Mark>,
        event: &str,
        args: &T,
    ) -> Result<Frame, EmitError> {
        let stamp = Stamp::many(None, mark);
        let parser = self.shared.parser;
        Ok(parser.event(stamp, &self.space.name, None, event, args)?)
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({:?} in {})", self.topic, self.space.name)
    }
}
