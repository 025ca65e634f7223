//! Engine.IO over one WebSocket: one packet a message, binary as it is. The WebSocket is tungstenite's.

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use http::{HeaderName, HeaderValue};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Error, client::IntoClientRequest, error::CapacityError, protocol::WebSocketConfig,
    },
};

use super::{
    dial::{Stream, dial, innermost},
    link::{Command, Ends, Event, Settings},
};
use crate::{
    failure::{ConnectionError, Reason, failure},
    machine::Message,
};

type Socket = WebSocketStream<Stream>;

pub(super) async fn run(settings: Settings, mut ends: Ends) {
    let over = match connect(&settings).await {
        Ok(socket) => {
            let (mut sink, mut stream) = socket.split();
            // Nobody listens any more: then nobody is told.
            let _ = ends.events.send(Event::Opened).await;
            let events = ends.events.clone();
            tokio::select! {
                over = read(&settings, &mut stream, &events) => over,
                over = write(&mut sink, &mut ends) => {
                    if over.is_none() {
                        // The other side shall see the close, and say so.
                        while let Some(Ok(_)) = stream.next().await {}
                        return;
                    }
                    over
                }
            }
        }
        Err(error) => Some(error),
    };
    let _ = ends.events.send(Event::Closed(over)).await;
}

async fn connect(settings: &Settings) -> Result<Socket, ConnectionError> {
    let url = &settings.url;
    let host = url.host_str().unwrap_or_default();
    let at = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let refused = |detail: String| {
        let message = format!("WebSocket to {at} failed: {detail}");
        failure(Reason::WebSocket, message).described(detail)
    };
    let secure = url.scheme() == "https";
    let mut address = url.clone();
    // From http to ws is always allowed.
    let _ = address.set_scheme(if secure { "wss" } else { "ws" });
    let mut request = address
        .as_str()
        .into_client_request()
        .map_err(|error| refused(error.to_string()))?;
    for (name, value) in &settings.headers {
        let name = HeaderName::try_from(name).map_err(|error| refused(error.to_string()))?;
        let value = HeaderValue::try_from(value).map_err(|error| refused(error.to_string()))?;
        request.headers_mut().append(name, value);
    }
    if !settings.protocols.is_empty() {
        let value = HeaderValue::try_from(settings.protocols.join(", "))
            .map_err(|error| refused(error.to_string()))?;
        request
            .headers_mut()
            .insert(http::header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    let stream = dial(settings.tls.clone(), secure, host, url.port())
        .await
        .map_err(|error| refused(innermost(&error)))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(settings.message_max))
        .max_frame_size(Some(settings.message_max));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(refused(format!("HTTP {}", response.status()))),
        Err(error) => Err(refused(innermost(&error))),
    }
}

/// Reads until it is over; gives why.
async fn read(
    settings: &Settings,
    stream: &mut SplitStream<Socket>,
    events: &tokio::sync::mpsc::Sender<Event>,
) -> Option<ConnectionError> {
    loop {
        let event = match stream.next().await? {
            Ok(tungstenite::Message::Text(text)) => Event::Text(text.as_str().to_owned()),
            Ok(tungstenite::Message::Binary(bytes)) => Event::Binary(bytes),
            // Answered by tungstenite itself.
            Ok(_) => continue,
            Err(error) => return broken(settings, &error),
        };
        if events.send(event).await.is_err() {
            return None;
        }
    }
}

/// Writes until it is told to finish, which gives nothing, or until it fails.
async fn write(
    sink: &mut SplitSink<Socket, tungstenite::Message>,
    ends: &mut Ends,
) -> Option<ConnectionError> {
    while let Some(command) = ends.commands.recv().await {
        let (batch, last) = match command {
            Command::Send(batch) => (batch, false),
            Command::Finish(batch) => (batch, true),
            Command::Session(..) | Command::Pause | Command::Resume => continue,
        };
        for message in batch {
            let message = match message {
                Message::Text(text) => tungstenite::Message::Text(text.into()),
                Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
            };
            if let Err(error) = sink.feed(message).await {
                return Some(unwritten(&error));
            }
        }
        let flushed = if last {
            sink.close().await
        } else {
            sink.flush().await
        };
        match flushed {
            _ if last => return None,
            Err(error) => return Some(unwritten(&error)),
            Ok(()) => drop(ends.events.send(Event::Drained).await),
        }
    }
    None
}

fn unwritten(error: &Error) -> ConnectionError {
    let message = format!("the WebSocket takes no more: {}", innermost(error));
    failure(Reason::WebSocket, message)
}

/// Why reading ended: a stream that ends without a word is as good as closed.
fn broken(settings: &Settings, error: &Error) -> Option<ConnectionError> {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => None,
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            let max = settings.message_max;
            let message = format!(
                "the server sent a message of {size} bytes; {max} are accepted (message_max)"
            );
            Some(failure(Reason::TooLarge, message))
        }
        error => {
            let message = format!("the WebSocket broke: {error}");
            Some(failure(Reason::WebSocket, message))
        }
    }
}
