//! An answer to come.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// An answer to come. What was asked, was asked when this was made; dropping it takes nothing back.
#[must_use = "an answer is awaited"]
pub struct Answer<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Answer<T> {
    pub(crate) fn new(answer: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }
}

impl<T> Future for Answer<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> std::fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}
