//! Engine.IO over HTTP long-polling: one GET always waiting, one POST at a time. HTTP is hyper's.
//!
//! Packets of one body are separated by U+001E; binary travels as `b` and base64 (Engine.IO protocol
//! 4, "HTTP long-polling"). The first GET opens the session.

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ringside_proto::engineio::{
    Data, Misbehaviour, Packet, PacketKind, Version, payload::SEPARATOR,
};
use tokio::sync::{mpsc::Sender, watch};

use super::{
    dial::{Dialer, innermost},
    link::{Command, Ends, Event, Settings},
};
use crate::{
    address,
    failure::{ConnectionError, Reason, failure, wrong_answer},
    machine::Message,
};

/// Where the two loops look.
#[derive(Clone, Debug, Default)]
struct Course {
    sid: Option<String>,
    paused: bool,
}

struct Http {
    settings: Settings,
    client: Client<Dialer, Full<Bytes>>,
}

pub(super) async fn run(settings: Settings, ends: Ends) {
    let Ends {
        mut commands,
        events,
        ..
    } = ends;
    let client = Client::builder(TokioExecutor::new()).build(Dialer(settings.tls.clone()));
    let http = Http { settings, client };
    let (course, seen) = watch::channel(Course::default());
    let post = async {
        let mut max = usize::MAX;
        while let Some(command) = commands.recv().await {
            match command {
                Command::Session(sid, bytes) => {
                    max = if bytes == 0 { usize::MAX } else { bytes };
                    course.send_modify(|course| course.sid = Some(sid));
                }
                Command::Pause => course.send_modify(|course| course.paused = true),
                Command::Resume => course.send_modify(|course| course.paused = false),
                Command::Send(batch) => {
                    let sid = course.borrow().sid.clone();
                    http.post(sid.as_deref(), &batch).await?;
                    // Nobody listens any more: then nobody is told.
                    let _ = events.send(Event::Drained).await;
                }
                Command::Finish(batch) => {
                    let sid = course.borrow().sid.clone();
                    http.farewell(sid.as_deref(), batch, max).await;
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    let over: Result<(), ConnectionError> = tokio::select! {
        over = http.poll(seen, &events) => over,
        over = post => over,
    };
    let _ = events.send(Event::Closed(over.err())).await;
}

impl Http {
    /// Polls for ever, with pauses.
    async fn poll(
        &self,
        mut course: watch::Receiver<Course>,
        events: &Sender<Event>,
    ) -> Result<(), ConnectionError> {
        let mut opened = false;
        loop {
            if course.borrow().paused {
                let _ = events.send(Event::Paused).await;
                // Errs when nobody can say `Resume` any more.
                let resumed = course.wait_for(|course| !course.paused).await.is_ok();
                if !resumed {
                    return Ok(());
                }
            }
            let sid = course.borrow().sid.clone();
            let body = self.request(Method::GET, sid.as_deref(), None).await?;
            for part in body.split(SEPARATOR as char) {
                if events.send(event(part)?).await.is_err() {
                    return Ok(());
                }
            }
            if !opened {
                opened = true;
                // The answer to the handshake names the session; the next poll must, too.
                let named = course.wait_for(|course| course.sid.is_some()).await.is_ok();
                if !named {
                    return Ok(());
                }
            }
        }
    }

    async fn post(&self, sid: Option<&str>, batch: &[Message]) -> Result<(), ConnectionError> {
        let mut body = Vec::new();
        for message in batch {
            if !body.is_empty() {
                body.push(SEPARATOR);
            }
            match message {
                Message::Text(text) => body.extend_from_slice(text.as_bytes()),
                Message::Binary(bytes) => {
                    Packet::binary(bytes).encode_as_text(&mut body, Version::V4);
                }
            }
        }
        self.request(Method::POST, sid, Some(body)).await.map(drop)
    }

    /// Sends what is left, in bodies the server takes, and says that this is all.
    async fn farewell(&self, sid: Option<&str>, batch: Vec<Message>, max: usize) {
        let close = PacketKind::Close.digit() as char;
        let batch = batch.into_iter().chain([Message::Text(close.to_string())]);
        let (mut body, mut size) = (Vec::new(), 0);
        for message in batch {
            let len = 1 + message.travels(ringside_proto::engineio::Transport::Polling);
            if !body.is_empty() && size + len > max {
                if self.post(sid, &body).await.is_err() {
                    return;
                }
                body.clear();
                size = 0;
            }
            size += len;
            body.push(message);
        }
        // The session is over either way; unsaid, the server learns it from its heartbeat.
        let _ = self.post(sid, &body).await;
    }

    async fn request(
        &self,
        method: Method,
        sid: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Result<String, ConnectionError> {
        let url = address::request(&self.settings.url, "polling", sid);
        let at = address::shown(&url);
        let unreachable = |cause: String| {
            let origin = url.origin().ascii_serialization();
            failure(
                Reason::Unreachable,
                format!("cannot reach {origin}: {cause}"),
            )
            .described(cause)
        };
        let posting = body.is_some();
        let mut request = Request::builder().method(method).uri(url.as_str());
        if posting {
            request = request.header(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
        }
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::from(body.unwrap_or_default()))
            .map_err(|error| unreachable(error.to_string()))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| unreachable(innermost(&error)))?;
        let status = response.status().as_u16();
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let max = self.settings.message_max;
        let body = Limited::new(response.into_body(), max).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<hyper::Error>() {
            Some(error) => unreachable(innermost(error)),
            None => {
                let message = format!("{at} sent more than {max} bytes at once (message_max)");
                failure(Reason::TooLarge, message)
            }
        })?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let first = text.as_bytes().first().copied().unwrap_or_default();
        let packets = match sid {
            Some(_) => matches!(first, b'b' | b'0'..=b'6'),
            None => first == b'0',
        };
        if status == 200 && (posting || packets) {
            Ok(text)
        } else {
            Err(wrong_answer(&at, status, &kind, &text))
        }
    }
}

/// One packet of a body.
fn event(part: &str) -> Result<Event, ConnectionError> {
    match Packet::decode_text(part, Version::V4) {
        Ok(Packet {
            data: Data::Binary(bytes),
            ..
        }) => Ok(Event::Binary(bytes.into_owned().into())),
        Err(Misbehaviour::InvalidBase64) => {
            let message = "the server sent a binary packet that is not base64";
            Err(failure(Reason::Parse, message))
        }
        // What is no packet is the session's to judge.
        _ => Ok(Event::Text(part.to_owned())),
    }
}
