//! The steps about namespaces, managers, and the connection's lives.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ringside_client::{AckError, Auth, ConnectionError, Manager, Options, Socket, io};
use serde_json::{Value, json};

use crate::{
    Done,
    script::{Anything, Script, message},
};

pub(crate) async fn namespaces(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let manager = script.manager().clone();
    let second = manager.socket("/foo");
    second.next::<()>("connect").await?;
    script.tell("a namespace", &second.connected().to_string());
    let shared = json!([
        *second.io() == manager,
        second.nsp(),
        second.id() != socket.id()
    ]);
    script.tell("shares the connection", &shared.to_string());
    let id: String = second.emit_with_ack("getId", &()).await?;
    let own = Some(id) == second.id();
    script.tell("has its own id at the server", &own.to_string());

    let options = Options {
        auth: Auth::value(&json!({"level": 3}))?,
        ..script.base.clone()
    };
    let abc = manager.socket_with("/abc", &options);
    let handshake: Value = abc.next("handshake").await?;
    abc.disconnect();
    script.tell("auth of a namespace", &handshake["auth"].to_string());

    let no = manager.socket("/no");
    let error: ConnectionError = no.next("connect_error").await?;
    let refused = json!([error.message, no.connected(), no.active()]);
    script.tell("a namespace that refuses", &refused.to_string());
    let error: ConnectionError = manager.socket("/nowhere").next("connect_error").await?;
    script.tell(
        "a namespace that is not there",
        &json!(error.message).to_string(),
    );

    let gone = second.next::<String>("disconnect");
    second.disconnect();
    let after = json!([
        gone.await?,
        second.connected(),
        second.active(),
        socket.connected()
    ]);
    script.tell("leaving a namespace", &after.to_string());
    let still = socket.emit_with_ack::<String>("echo", "still");
    script.step("the main namespace goes on", still).await?;

    let refused = io(&format!("{}/?fail=1", script.url), script.base.clone())?;
    let error: ConnectionError = refused.next("connect_error").await?;
    refused.disconnect();
    script.tell("refused by the query", &json!(error.message).to_string());

    let options = Options {
        auto_connect: false,
        ..script.base.clone()
    };
    let own = Manager::new(&script.url, options)?;
    let one = own.socket("/");
    let before = [one.connected(), one.active()];
    one.connect();
    one.next::<()>("connect").await?;
    let answer: String = one.emit_with_ack("echo", "own").await?;
    one.disconnect();
    script.tell(
        "a manager of one's own",
        &json!([before, answer]).to_string(),
    );
    Ok(())
}

pub(crate) async fn lives(script: &mut Script) -> Done {
    let socket = script.socket.clone();
    let manager = script.manager().clone();
    let attempts = next_of(&manager, "reconnect_attempt");
    let reconnected = next_of(&manager, "reconnect");
    let (lost, back) = (
        socket.next::<String>("disconnect"),
        socket.next::<()>("connect"),
    );
    manager.drop_connection();
    let story = async {
        let (lost, attempts, reconnected) = (lost.await?, attempts.await?, reconnected.await?);
        back.await?;
        let story = json!([lost, attempts, reconnected, null, socket.connected()]);
        Ok::<_, Box<dyn std::error::Error>>(story)
    };
    script
        .step("the connection breaks, and comes back by itself", story)
        .await?;
    script
        .step(
            "and answers",
            socket.emit_with_ack::<String>("echo", "back"),
        )
        .await?;

    let lost = socket.next::<String>("disconnect");
    socket.disconnect();
    let after = json!([
        lost.await?,
        socket.connected(),
        socket.active(),
        socket.id()
    ]);
    script.tell("disconnect()", &after.to_string());

    let waiting = socket.emit_with_ack::<String>("echo", "kept");
    socket.volatile().emit("hi", &())?;
    let heard = Arc::new(OnceLock::new());
    let hears = heard.clone();
    socket.once("hi", move |_, _: Anything| hears.set(()).is_ok());
    socket.connect();
    let meanwhile = async {
        let answer = waiting.await?;
        socket.emit_with_ack::<String>("echo", "after").await?;
        Ok::<_, AckError>(json!([answer, heard.get().is_some()]))
    };
    script
        .step("what is emitted meanwhile waits", meanwhile)
        .await?;
    socket.off(Some("hi"));

    let waiting = socket
        .timeout(Duration::from_secs(5))
        .emit_with_ack::<Value>("nobody", &());
    socket.disconnect();
    let ended = async { message(waiting.await) };
    script.step("an ack in flight when it ends", ended).await?;

    let options = Options {
        retries: 2,
        ack_timeout: Some(Duration::from_secs(2)),
        ..script.base.clone()
    };
    let stubborn: Socket = io(&script.url, options)?;
    let asked = [1, 2, 3].map(|n| stubborn.emit_with_ack::<u32>("echo", &n));
    let retries = async {
        let mut all = Vec::new();
        for answer in asked {
            all.push(answer.await?);
        }
        Ok::<_, AckError>(all)
    };
    script.step("retries", retries).await?;
    stubborn.disconnect();
    Ok(())
}

/// The first argument of the manager's next event of that name.
fn next_of(
    manager: &Manager,
    name: &str,
) -> impl Future<Output = Result<u32, &'static str>> + use<> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    manager.once(name, move |_, attempts: u32| {
        // Nobody waits any more: then nobody is told.
        let _ = sender.try_send(attempts);
    });
    async move { receiver.recv().await.ok_or("the manager is gone") }
}
