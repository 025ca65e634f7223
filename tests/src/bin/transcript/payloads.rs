//! The steps about what travels: values, bytes, acks.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use ringside_client::{AckError, Spread};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Done,
    script::{Anything, Script, Shown, message, values},
};

/// Bytes deep inside, between other things.
#[derive(Serialize, Deserialize)]
struct Deep<B> {
    list: (One<B>, String, Two<B>),
}

#[derive(Serialize, Deserialize)]
struct One<B> {
    one: B,
}

#[derive(Serialize, Deserialize)]
struct Two<B> {
    two: B,
}

#[derive(Serialize)]
struct Note {
    hello: &'static str,
    message: Bytes,
    goodbye: &'static str,
}

#[derive(Deserialize)]
struct Dated {
    date: String,
}

const BYTES: Bytes = Bytes::from_static(&[0, 1, 127, 128, 255]);
const LATE: Duration = Duration::from_millis(20);

pub(crate) async fn run(script: &mut Script) -> Done {
    echoes(script).await?;
    acks(script).await?;
    answers(script).await?;
    binary(script).await?;
    sizes(script).await
}

async fn echoes(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    for value in values() {
        let echo = async { socket.emit_with_ack::<(Value,)>("echo", &(&value,)).await };
        script.step(&format!("echo {value}"), echo).await?;
    }
    let nothing = socket.emit_with_ack::<(Value,)>("echo", &(Value::Null,));
    script.step("echo of undefined", nothing).await?;
    for (what, bytes) in [
        ("echo of bytes", BYTES),
        ("echo of no bytes", Bytes::new()),
        ("echo of an ArrayBuffer", BYTES),
    ] {
        script
            .step(what, socket.emit_with_ack::<(Shown,)>("echo", &bytes))
            .await?;
    }
    let deep = Deep {
        list: (
            One { one: BYTES },
            "between".to_owned(),
            Two {
                two: BYTES.slice(1..3),
            },
        ),
    };
    let echo = socket.emit_with_ack::<(Deep<Shown>,)>("echo", &deep);
    script.step("echo of bytes in depth", echo).await
}

async fn acks(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let promised = socket.emit_with_ack::<String>("echo", "promised");
    script.step("emitWithAck", promised).await?;
    let in_time = async {
        let answer = socket
            .timeout(Duration::from_secs(5))
            .emit_with_ack::<u32>("echo", &1);
        answer.await.map(|answer| json!([null, answer]))
    };
    script.step("an ack in time has no error", in_time).await?;
    for what in ["an ack that is late", "a promise that is late"] {
        let late = async {
            message(
                socket
                    .timeout(LATE)
                    .emit_with_ack::<Value>("nobody", &())
                    .await,
            )
        };
        script.step(what, late).await?;
    }
    socket.once("ack", |_, ()| (5, json!({"test": true})));
    script.reply::<Anything>("ack", "got it", &()).await?;
    script.tell("the server's ack", r#""got it""#);
    let date = socket.emit_with_ack::<String>("getAckDate", &json!({"test": true}));
    let date = is_date(&date.await?);
    script.tell("a date in an ack", &date.to_string());
    let date = is_date(&script.reply::<String>("getDate", "takeDate", &()).await?);
    script.tell("a date", &date.to_string());
    let dated: Dated = script.reply("getDateObj", "takeDateObj", &()).await?;
    script.tell("a date in an object", &is_date(&dated.date).to_string());
    Ok(())
}

/// Whether it is what JavaScript makes of a date: `2026-01-31T12:00:00.000Z`.
fn is_date(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000Z"
}

async fn answers(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let (sender, mut texts) = tokio::sync::mpsc::channel(5);
    let sender = Mutex::new(sender);
    socket.on("takeUtf8", move |_, text: String| {
        let sender = sender.lock().expect("nobody panics with it");
        sender.try_send(text).is_ok()
    });
    socket.emit("getUtf8", &())?;
    let five = async {
        let mut all = Vec::new();
        while all.len() < 5 {
            all.extend(texts.recv().await);
        }
        Ok::<_, String>(all)
    };
    script.step("five texts of many scripts", five).await?;
    socket.off(Some("takeUtf8"));
    let no: bool = script.reply("false", "false", &()).await?;
    script.tell("false", &no.to_string());
    Ok(())
}

async fn binary(script: &mut Script) -> Done {
    for (what, name, answer) in [
        ("bytes from the server", "doge", "doge"),
        ("bytes from the server again", "getbin", "takebin"),
    ] {
        let bytes: Shown = script.reply(name, answer, &()).await?;
        script.tell(what, &serde_json::to_string(&bytes)?);
    }
    let note = Note {
        hello: "lol",
        message: BYTES,
        goodbye: "gotcha",
    };
    script.reply::<Anything>("buffa", "buffack", &BYTES).await?;
    script.tell("buffa is understood", r#""buffack""#);
    script
        .reply::<Anything>("jsonbuff", "jsonbuff-ack", &note)
        .await?;
    script.tell("jsonbuff is understood", r#""jsonbuff-ack""#);
    script.reply::<Anything>("blob", "back", &BYTES).await?;
    script.tell("blob is understood", r#""back""#);
    script
        .reply::<Anything>("jsonblob", "jsonblob-ack", &note)
        .await?;
    script.tell("jsonblob is understood", r#""jsonblob-ack""#);
    script.socket.emit("abuff1", &BYTES)?;
    script
        .reply::<Anything>("abuff2", "abuff2-ack", "please")
        .await?;
    script.tell("two in order", r#""yes""#);
    script.socket.emit("blob1", &BYTES)?;
    script.socket.emit("blob2", "second")?;
    script
        .reply::<Anything>("blob3", "blob3-ack", &BYTES)
        .await?;
    script.tell("three in order, bytes and text", r#""yes""#);
    Ok(())
}

async fn sizes(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let handshake: Value = socket.emit_with_ack("getHandshake", &()).await?;
    let (auth, query) = (&handshake["auth"], &handshake["query"]);
    let shown = json!([auth, query["EIO"], query["transport"]]);
    script.tell("the handshake's auth and protocol", &shown.to_string());
    let id: String = socket.emit_with_ack("getId", &()).await?;
    let ours = socket.id() == Some(id);
    script.tell("the server's id for us is ours", &ours.to_string());
    let asked: Vec<_> = (0..50)
        .map(|n| socket.emit_with_ack::<u32>("echo", &n))
        .collect();
    let fifty = async {
        let mut all = Vec::new();
        for answer in asked {
            all.push(answer.await?);
        }
        Ok::<_, AckError>(all)
    };
    script.step("fifty acks in order", fifty).await?;
    let text: String = socket.emit_with_ack("echo", &"ü".repeat(100_000)).await?;
    script.tell("a large text", &text.chars().count().to_string());
    let bytes: Bytes = socket
        .emit_with_ack("echo", &Bytes::from(vec![9; 300_000]))
        .await?;
    script.tell("large bytes", &bytes.len().to_string());
    let echo = async {
        // Skipped while the large message before it is on its way, as it shall be: then once more.
        loop {
            let volatile = socket.compress(false).volatile();
            match volatile
                .emit_with_ack::<String>("echo", &Spread(&["v"]))
                .await
            {
                Err(AckError::Skipped) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    };
    script
        .step("compress and volatile take nothing away", echo)
        .await
}
