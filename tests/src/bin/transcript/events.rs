//! The steps about the socket itself and about who listens to it.

use std::sync::{Arc, Mutex};

use ringside_client::Socket;
use serde_json::json;

use crate::{Done, script::Script};

type Told = Result<serde_json::Value, String>;

pub(crate) async fn begin(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let before = json!([
        socket.connected(),
        socket.disconnected(),
        socket.active(),
        socket.id()
    ]);
    script.tell("before connecting", &before.to_string());
    socket.next::<()>("connect").await?;
    script.tell("connect", "undefined");
    let id = socket.id().unwrap_or_default();
    // The word is JavaScript's for what a String is.
    let after = json!([socket.connected(), socket.active(), "string", id.len()]);
    script.tell("connected, with an id", &after.to_string());
    let recovered = async { Told::Ok(json!(socket.recovered())) };
    script
        .step("not recovered the first time", recovered)
        .await?;
    let again = async { Told::Ok(json!(socket.connect().connected())) };
    script
        .step("connect() again changes nothing", again)
        .await?;
    hi(&socket).await?;
    script.tell("an event without arguments", r#""hi""#);
    Ok(())
}

/// Sends `hi` and waits for the server's.
async fn hi(socket: &Socket) -> Result<(), Box<dyn std::error::Error>> {
    let heard = socket.next::<()>("hi");
    socket.emit("hi", &())?;
    Ok(heard.await?)
}

pub(crate) async fn listeners(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let count = Arc::new(Mutex::new(0));
    let counting = |count: &Arc<Mutex<u32>>| {
        let count = count.clone();
        move |_: &Socket, ()| *count.lock().expect("nobody panics with it") += 1
    };
    let counted = || *count.lock().expect("nobody panics with it");

    socket.once("hi", counting(&count));
    hi(&socket).await?;
    hi(&socket).await?;
    script.tell("once is once", &counted().to_string());

    *count.lock().expect("nobody panics with it") = 0;
    let id = socket.on("hi", counting(&count));
    let had = socket.has_listeners("hi");
    socket.off_listener(id);
    hi(&socket).await?;
    let after = json!([had, counted(), socket.listeners_count("hi")]);
    script.tell("off, by name and listener", &after.to_string());

    let seen = Arc::new(Mutex::new(Vec::new()));
    for (prefix, first) in [("any", false), ("before", true)] {
        let seen = seen.clone();
        let listener = move |_: &Socket, name: &str, _: ringside_client::Args<'_>| {
            let mut seen = seen.lock().expect("nobody panics with it");
            seen.push(format!("{prefix} {name}"));
        };
        if first {
            socket.prepend_any(listener);
        } else {
            socket.on_any(listener);
        }
    }
    hi(&socket).await?;
    let listening = socket.listeners_any();
    socket.off_any(None);
    hi(&socket).await?;
    let heard = seen.lock().expect("nobody panics with it").clone();
    let after = json!([listening, heard, socket.listeners_any()]);
    script.tell("onAny and prependAny, in their order", &after.to_string());

    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let seen = seen.clone();
        move |_: &Socket, name: &str, args: ringside_client::Args<'_>| {
            let (one, two): (u32, String) = args.parse().expect("the arguments just sent");
            let mut seen = seen.lock().expect("nobody panics with it");
            seen.push(json!([name, one, two]));
        }
    };
    let id = socket.on_any_outgoing(listener);
    let heard = socket.next::<()>("hi");
    socket.emit("hi", &(1, "a"))?;
    heard.await?;
    socket.off_any_outgoing(Some(id));
    hi(&socket).await?;
    let seen = json!(*seen.lock().expect("nobody panics with it"));
    script.tell("onAnyOutgoing", &seen.to_string());

    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        let said = async { crate::script::message(socket.emit(name, &())) };
        let what = format!("the name {name} is reserved");
        script.step(&what, said).await?;
    }
    Ok(())
}
