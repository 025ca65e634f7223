//! What the steps share: the socket, how a step is told, and how values are shown.

use std::{error::Error, fmt::Display, future::Future, time::Duration};

use bytes::Bytes;
use ringside_client::{Auth, Manager, Options, Socket, Transport, io};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

/// How long a step may take.
const STEP: Duration = Duration::from_secs(8);

/// The script's socket and its server.
pub(crate) struct Script {
    pub(crate) url: String,
    pub(crate) base: Options,
    pub(crate) socket: Socket,
    told: usize,
}

impl Script {
    pub(crate) fn start(
        url: &str,
        transports: Vec<Transport>,
        auth: Auth,
    ) -> Result<Self, Box<dyn Error>> {
        let base = Options {
            transports,
            force_new: true,
            reconnection_delay: Duration::from_millis(10),
            reconnection_delay_max: Duration::from_millis(50),
            ..Options::default()
        };
        let options = Options {
            auth,
            ..base.clone()
        };
        Ok(Self {
            url: url.to_owned(),
            base,
            socket: io(url, options)?,
            told: 0,
        })
    }

    pub(crate) fn manager(&self) -> &Manager {
        self.socket.io()
    }

    /// Runs a step and tells its value as JSON.
    pub(crate) async fn step<T: Serialize, E: Into<Box<dyn Error>>>(
        &mut self,
        what: &str,
        run: impl Future<Output = Result<T, E>>,
    ) -> Result<(), Box<dyn Error>> {
        let late = || format!("step {what:?} took more than {STEP:?}");
        let result = tokio::time::timeout(STEP, run).await.map_err(|_| late())?;
        let value = result.map_err(|error| format!("step {what:?}: {}", error.into()))?;
        self.tell(what, &serde_json::to_string(&value)?);
        Ok(())
    }

    /// Tells a step that is over.
    pub(crate) fn tell(&mut self, what: &str, value: &str) {
        self.told += 1;
        println!("{}. {what}: {value}", self.told);
    }

    /// Sends an event and waits for another, which answers it.
    pub(crate) async fn reply<T: DeserializeOwned + Send + 'static>(
        &self,
        name: &str,
        answer: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<T, Box<dyn Error>> {
        let heard = self.socket.next(answer);
        self.socket.emit(name, args)?;
        Ok(heard.await?)
    }
}

/// Bytes as the transcript shows them: `bytes 0,1,127`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Shown(pub(crate) Bytes);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<String> = self.0.iter().map(u8::to_string).collect();
        serializer.serialize_str(&format!("bytes {}", bytes.join(",")))
    }
}

/// What was to fail, as its message.
pub(crate) fn message<T, E: Display>(result: Result<T, E>) -> Result<String, String> {
    match result {
        Ok(_) => Err("it was to fail".to_owned()),
        Err(error) => Ok(error.to_string()),
    }
}

/// The first argument if there is one; recovery appends an offset behind the others.
#[derive(Debug)]
pub(crate) struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// The JSON of a value, sent and shown alike.
pub(crate) fn values() -> Vec<Value> {
    let text = r#"[7, -1.5, "text", "日本 ünï 🚀 \u2028", "", null, true, [1, [2, [3]]], {"a": {"b": [null, {"c": "d"}]}}]"#;
    serde_json::from_str(text).unwrap_or_default()
}
