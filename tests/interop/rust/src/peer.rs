//! Either client of the crate in the same words, and what it hears.

use std::{
    error::Error,
    sync::{
        LazyLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use futures_util::FutureExt;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType, asynchronous, client};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::PATIENCE;

/// Which of the crate's clients.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Blocking,
    Asynchronous,
}

enum Client {
    Blocking(client::Client),
    Asynchronous(asynchronous::Client),
}

/// An event, and its arguments.
type Heard = (String, Vec<Value>);

pub(crate) struct Peer {
    client: Client,
    heard: Receiver<Heard>,
}

pub(crate) struct Dial<'a> {
    pub(crate) url: &'a str,
    pub(crate) kind: Kind,
    pub(crate) transport: TransportType,
    pub(crate) namespace: &'a str,
    pub(crate) auth: Value,
    pub(crate) reconnect: bool,
}

/// More events than any cell is sent: those beyond are lost, and missed.
const HEARD: usize = 1_000;

/// Between attempts, at least and at most.
const DELAY_MS: (u64, u64) = (20, 100);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// What the crate tells apart from events by its type.
const SPECIAL: [Event; 3] = [Event::Connect, Event::Close, Event::Error];

/// Arguments, bytes as `{"bytes": […]}`.
fn values(payload: Payload) -> Vec<Value> {
    match payload {
        Payload::Text(values) => values,
        Payload::Binary(bytes) => vec![json!({ "bytes": bytes.to_vec() })],
        _ => Vec::new(),
    }
}

/// Nobody may listen any more, at a test's end.
fn tell(to: &SyncSender<Heard>, event: Event, payload: Payload) {
    let _ = to.try_send((String::from(event), values(payload)));
}

impl Peer {
    pub(crate) fn connect(dial: Dial<'_>) -> Result<Self, Box<dyn Error>> {
        let (sender, heard) = sync_channel(HEARD);
        let client = match dial.kind {
            Kind::Blocking => Client::Blocking(blocking(dial, &sender)?),
            Kind::Asynchronous => Client::Asynchronous(asynchronous(dial, &sender)?),
        };
        Ok(Self { client, heard })
    }

    pub(crate) fn emit(
        &self,
        event: &str,
        payload: impl Into<Payload>,
    ) -> Result<(), Box<dyn Error>> {
        match &self.client {
            Client::Blocking(client) => client.emit(event, payload.into())?,
            Client::Asynchronous(client) => RUNTIME.block_on(client.emit(event, payload.into()))?,
        }
        Ok(())
    }

    /// The arguments of the answer.
    pub(crate) fn ask(
        &self,
        event: &str,
        payload: impl Into<Payload>,
    ) -> Result<Vec<Value>, Box<dyn Error>> {
        // The crate calls once for the text of an answer and once for its bytes.
        let (sender, answer) = sync_channel(2);
        match &self.client {
            Client::Blocking(client) => {
                client.emit_with_ack(
                    event,
                    payload.into(),
                    PATIENCE,
                    move |payload: Payload, _| {
                        let _ = sender.try_send(values(payload));
                    },
                )?;
            }
            Client::Asynchronous(client) => {
                let on_ack = move |payload: Payload, _: asynchronous::Client| {
                    let _ = sender.try_send(values(payload));
                    async {}.boxed()
                };
                RUNTIME.block_on(client.emit_with_ack(event, payload.into(), PATIENCE, on_ack))?;
            }
        }
        let answer = answer
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("{event}: no ack"))?;
        // The crate hands an answer's arguments over as one array.
        Ok(match &answer[..] {
            [Value::Array(args)] => args.clone(),
            _ => answer,
        })
    }

    /// The arguments of the next event of this name.
    pub(crate) fn next(&self, event: &str) -> Result<Vec<Value>, Box<dyn Error>> {
        loop {
            let heard = self.heard.recv_timeout(PATIENCE);
            let (name, args) = heard.map_err(|_| format!("{event}: not heard"))?;
            if name == event {
                return Ok(args);
            }
        }
    }

    /// Whether nothing has been heard that was not asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.heard.recv_timeout(Duration::ZERO).is_err()
    }

    pub(crate) fn disconnect(&self) -> Result<(), Box<dyn Error>> {
        match &self.client {
            Client::Blocking(client) => client.disconnect()?,
            Client::Asynchronous(client) => RUNTIME.block_on(client.disconnect())?,
        }
        Ok(())
    }
}

fn blocking(dial: Dial<'_>, sender: &SyncSender<Heard>) -> Result<client::Client, Box<dyn Error>> {
    let any = sender.clone();
    let mut builder = ClientBuilder::new(dial.url)
        .namespace(dial.namespace)
        .transport_type(dial.transport)
        .auth(dial.auth)
        .reconnect(dial.reconnect)
        .reconnect_delay(DELAY_MS.0, DELAY_MS.1)
        .on_any(move |event, payload, _| tell(&any, event, payload));
    for event in SPECIAL {
        let sender = sender.clone();
        builder = builder.on(event.clone(), move |payload, _| {
            tell(&sender, event.clone(), payload)
        });
    }
    Ok(builder.connect()?)
}

fn asynchronous(
    dial: Dial<'_>,
    sender: &SyncSender<Heard>,
) -> Result<asynchronous::Client, Box<dyn Error>> {
    let any = sender.clone();
    let mut builder = asynchronous::ClientBuilder::new(dial.url)
        .namespace(dial.namespace)
        .transport_type(dial.transport)
        .auth(dial.auth)
        .reconnect(dial.reconnect)
        .reconnect_delay(DELAY_MS.0, DELAY_MS.1)
        .on_any(move |event, payload, _| {
            tell(&any, event, payload);
            async {}.boxed()
        });
    for event in SPECIAL {
        let sender = sender.clone();
        builder = builder.on(event.clone(), move |payload, _| {
            tell(&sender, event.clone(), payload);
            async {}.boxed()
        });
    }
    Ok(RUNTIME.block_on(builder.connect())?)
}
