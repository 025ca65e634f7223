//! The seats of a room that are taken, by their number.
//!
//! Numbers are small and dense: a room gives seats 1 to as many as it has. So a seat is found at its number's place, which every
//! packet asks for, and all are gone through in the order of their numbers, twice a tick. A seat lies elsewhere: a room that has
//! a thousand and seats four costs a thousand pointers.

use super::Seat;
use crate::game::PlayerId;

/// The seats that are taken.
pub(super) struct Seats<I> {
    /// At the place of its number, up to the highest that was ever taken.
    places: Vec<Option<Box<Seat<I>>>>,
    taken: usize,
}

impl<I> Seats<I> {
    pub(super) fn new() -> Self {
        Self {
            places: Vec::new(),
            taken: 0,
        }
    }

    /// How many are taken.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn get(&self, id: PlayerId) -> Option<&Seat<I>> {
        self.places.get(usize::from(id.0))?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: PlayerId) -> Option<&mut Seat<I>> {
        self.places.get_mut(usize::from(id.0))?.as_deref_mut()
    }

    /// Takes a seat, in place of whoever had it.
    pub(super) fn insert(&mut self, id: PlayerId, seat: Seat<I>) {
        let place = usize::from(id.0);
        if place >= self.places.len() {
            self.places.resize_with(place + 1, || None);
        }
        let before = self.places[place].replace(Box::new(seat));
        self.taken += usize::from(before.is_none());
    }

    pub(super) fn remove(&mut self, id: PlayerId) -> Option<Box<Seat<I>>> {
        let seat = self.places.get_mut(usize::from(id.0))?.take();
        self.taken -= usize::from(seat.is_some());
        seat
    }

    /// All that are taken, by ascending number.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (PlayerId, &Seat<I>)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(place, seat)| Some((PlayerId(place as u16), seat.as_deref()?)))
    }

    /// All that are taken, by ascending number.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (PlayerId, &mut Seat<I>)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(place, seat)| Some((PlayerId(place as u16), seat.as_deref_mut()?)))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PlayerId> {
        self.iter().map(|(id, _)| id)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Seat<I>> {
        self.places.iter().filter_map(Option::as_deref)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Seat<I>> {
        self.places.iter_mut().filter_map(Option::as_deref_mut)
    }
}
