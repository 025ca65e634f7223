//! One TCP stream: bytes that could not be written yet, and bytes that are no whole answer yet.

use std::io::{self, Read, Write};

use mio::{Interest, Registry, Token, net::TcpStream};

use super::Settings;

pub(super) struct Wire {
    stream: TcpStream,
    connected: bool,
    /// What is to be written.
    pub(super) unsent: Vec<u8>,
    /// An HTTP answer that has not arrived whole.
    pub(super) partial: Vec<u8>,
}

/// What a read gave.
pub(super) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing more for now.
    Nothing,
    /// The end.
    Eof,
}

impl Wire {
    /// Starts to connect. Edge-triggered: the poll tells once of everything that changes.
    pub(super) fn connect(
        settings: &Settings,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(settings.address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            connected: false,
            unsent: Vec::new(),
            partial: Vec::new(),
        })
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.connected || self.unsent.is_empty() {
            return Ok(());
        }
        let mut written = 0;
        while written < self.unsent.len() {
            match self.stream.write(&self.unsent[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..written);
        if self.unsent.is_empty() && self.unsent.capacity() > 4096 {
            self.unsent = Vec::new();
        }
        Ok(())
    }

    /// The socket takes more, or has connected.
    pub(super) fn writable(&mut self) -> io::Result<()> {
        if !self.connected {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            match self.stream.peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error),
            }
            self.connected = true;
            // Small messages must not wait for each other; a failure costs only latency.
            let _ = self.stream.set_nodelay(true);
        }
        self.flush()
    }

    pub(super) fn read(&mut self, scratch: &mut [u8]) -> io::Result<Got> {
        loop {
            return match self.stream.read(scratch) {
                Ok(0) => Ok(Got::Eof),
                Ok(n) => Ok(Got::Bytes(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }
}
