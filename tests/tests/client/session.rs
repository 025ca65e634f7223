//! What outlives a connection: recovery, retries, buffered events, sharing one connection, switching
//! transport; and what travels with the handshake.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ringside_client::{Ack, AckError, Auth, Options, Phase, Transport, io};
use ringside_gateway::{Gateway, Limits, Recovery};
use ringside_tests::within;
use serde_json::{Value, json};

use crate::{
    scripted::{OPEN, Reply, Request, ok, serve},
    world::{CHOICES, Seen, connect, gateway, next, options, stop, until},
};

/// A server that offers recovery: it names a `pid`, sends an event with an offset, and notes with what
/// it is asked to let the client in again.
#[derive(Clone, Default)]
struct Recovering {
    /// The payloads of CONNECT.
    asked: Arc<Mutex<Vec<String>>>,
    /// What the next poll brings.
    pending: Arc<Mutex<Vec<String>>>,
    /// Whether a session is taken up again.
    keeps: bool,
}

impl Recovering {
    fn answer(&self, request: &Request) -> Reply {
        if !request.has_sid() {
            return ok(OPEN);
        }
        let mut pending = self.pending.lock().expect("nobody panics with it");
        if request.is_post() {
            if let Some(asked) = request.body.strip_prefix("40") {
                let mut all = self.asked.lock().expect("nobody panics with it");
                all.push(asked.to_owned());
                let n = if self.keeps { 1 } else { all.len() };
                pending.push(format!(r#"40{{"sid":"id{n}","pid":"pid{n}"}}"#));
                pending.push(format!(r#"42["n",{},"offset{}"]"#, all.len(), all.len()));
            }
            return ok("ok");
        }
        if pending.is_empty() {
            return None;
        }
        ok(std::mem::take(&mut *pending).join("\x1e"))
    }
}

#[tokio::test]
async fn recovery_claims_pid_and_newest_offset_and_keeps_the_id() {
    for keeps in [true, false] {
        let script = Recovering {
            keeps,
            ..Recovering::default()
        };
        let server = script.clone();
        let at = serve(move |request| server.answer(request)).await;
        let mut with_auth = options(&[Transport::Polling]);
        with_auth.auth = Auth::value(&json!({"token": "t"})).expect("an object");
        let (socket, seen) = connect(at, with_auth);
        let got = Arc::new(Mutex::new(Vec::new()));
        let list = got.clone();
        socket.on("n", move |_, n: u32| {
            list.lock().expect("nobody panics with it").push(n)
        });
        for round in 1..=3 {
            until("the event", || {
                got.lock().expect("nobody panics with it").len() == round
            })
            .await;
            assert_eq!(socket.recovered(), keeps && round > 1);
            let id = if keeps { 1 } else { round };
            assert_eq!(socket.id(), Some(format!("id{id}")));
            let back = socket.next::<u32>("reconnect");
            socket.io().drop_connection();
            within("the return", back).await.expect("a number");
        }
        let asked: Vec<Value> = script
            .asked
            .lock()
            .expect("nobody panics with it")
            .iter()
            .map(|text| serde_json::from_str(text).expect("JSON"))
            .collect();
        let claim = |pid: usize, offset: usize| json!({"pid": format!("pid{pid}"), "offset": format!("offset{offset}"), "token": "t"});
        assert_eq!(asked[0], json!({"token": "t"}));
        let second = if keeps { 1 } else { 2 };
        assert_eq!(asked[1..3], [claim(1, 1), claim(second, 2)]);
        assert_eq!(seen.all().iter().filter(|it| *it == "connect").count(), 4);
        socket.disconnect();
    }
}

#[tokio::test]
async fn a_switch_of_transport_keeps_a_session_that_can_be_recovered() {
    let script = Recovering {
        keeps: true,
        ..Recovering::default()
    };
    let server = script.clone();
    let at = serve(move |request| server.answer(request)).await;
    let (socket, seen) = connect(at, options(&[Transport::Polling]));
    next::<u32>(&socket, "n").await;
    // The server speaks polling alone, so the switch to WebSocket ends in polling again: the same way.
    socket.io().switch_transport(Transport::WebSocket);
    let again = next::<u32>(&socket, "n").await;
    assert_eq!((again, socket.id()), (2, Some("id1".to_owned())));
    until("the stage", || seen.all().len() == 3).await;
    assert_eq!(seen.all(), ["connecting", "connect", "switch polling"]);
    socket.disconnect();
}

#[tokio::test]
async fn a_switch_where_nothing_is_recovered_is_an_ordinary_reconnection() {
    let at = serve(|request| match request {
        it if !it.has_sid() => ok(OPEN),
        it if it.is_post() => ok("ok"),
        _ => ok(r#"40{"sid":"x"}"#),
    })
    .await;
    let (socket, seen) = connect(at, options(&[Transport::Polling]));
    next::<()>(&socket, "connect").await;
    let back = socket.next::<()>("connect");
    socket.io().switch_transport(Transport::WebSocket);
    within("the return", back).await.expect("no arguments");
    let story = [
        "connecting",
        "connect",
        "disconnect transport switch",
        "connecting",
        "connect",
    ];
    assert_eq!(seen.all(), story);
    socket.disconnect();
}

/// A gateway that answers `n` only every `each`th time it is asked, and notes what it was asked.
fn stubborn(each: usize) -> (Gateway, Arc<Mutex<Vec<u32>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let list = got.clone();
    let mut io = Gateway::builder();
    io.shards(1).pinned(false).limits(Limits::unlimited());
    io.on_raw("n", move |_, args, ack| {
        let n: u32 = args.parse().expect("a number");
        let mut list = list.lock().expect("nobody panics with it");
        list.push(n);
        if let Some(ack) = ack.filter(|_| list.len() % each == 0) {
            ack.send(&n).expect("it is sent");
        }
    });
    (io.listen("127.0.0.1:0").expect("a free port"), got)
}

#[tokio::test]
async fn an_event_is_sent_until_acknowledged_one_at_a_time_in_order() {
    let (server, got) = stubborn(3);
    let mut trying = options(&[Transport::WebSocket]);
    (trying.retries, trying.ack_timeout) = (3, Some(Duration::from_millis(30)));
    let (socket, _) = connect(server.address(), trying);
    let answers = [1, 2].map(|n| socket.emit_with_ack::<u32>("n", &n));
    for (n, answer) in [1, 2].into_iter().zip(answers) {
        assert_eq!(within("an answer", answer).await.expect("an answer"), n);
    }
    assert_eq!(
        *got.lock().expect("nobody panics with it"),
        [1, 1, 1, 2, 2, 2]
    );
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn out_of_tries_is_an_error_and_the_next_in_line_gets_its_own() {
    let (server, got) = stubborn(usize::MAX);
    let mut trying = options(&[Transport::Polling]);
    (trying.retries, trying.ack_timeout) = (2, Some(Duration::from_millis(20)));
    let (socket, _) = connect(server.address(), trying);
    for answer in [1, 2].map(|n| socket.emit_with_ack::<u32>("n", &n)) {
        let error = within("the end of tries", answer).await;
        assert!(matches!(error, Err(AckError::Timeout)), "{error:?}");
    }
    assert_eq!(
        *got.lock().expect("nobody panics with it"),
        [1, 1, 1, 2, 2, 2]
    );
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_after_a_reconnection() {
    let (server, got) = stubborn(2);
    let mut trying = options(&[Transport::WebSocket]);
    (trying.retries, trying.ack_timeout) = (5, Some(Duration::from_secs(15)));
    let (socket, _) = connect(server.address(), trying);
    let answer = socket.emit_with_ack::<u32>("n", &1);
    until("the first try", || {
        got.lock().expect("nobody panics with it").len() == 1
    })
    .await;
    socket.io().drop_connection();
    assert_eq!(within("the answer", answer).await.expect("an answer"), 1);
    assert_eq!(*got.lock().expect("nobody panics with it"), [1, 1]);
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn namespaces_share_a_connection_and_the_same_one_again_does_not() {
    let server = gateway(0);
    let url = format!("http://{}", server.address());
    let shared = |options: Options| Options {
        force_new: false,
        ..options
    };
    let open =
        |path: &str, options: Options| io(&format!("{url}{path}"), options).expect("an address");
    let main = open("", shared(options(&[Transport::WebSocket])));
    let a = open("/a", shared(options(&[Transport::WebSocket])));
    let again = open("", shared(options(&[Transport::WebSocket])));
    let apart = open(
        "/a",
        Options {
            multiplex: false,
            ..shared(options(&[Transport::WebSocket]))
        },
    );
    for socket in [&main, &a, &again, &apart] {
        until("the connection", || socket.connected()).await;
    }
    assert_eq!(main.io(), a.io());
    assert!(main.io() != again.io() && main.io() != apart.io() && again.io() != apart.io());
    main.disconnect();
    assert_eq!(main.io().phase(), Phase::Open);
    a.disconnect();
    assert_eq!(main.io().phase(), Phase::Closed);
    again.disconnect();
    apart.disconnect();
    stop(&server);
}

#[tokio::test]
async fn query_headers_path_and_auth_reach_the_server() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = seen.clone();
    let mut builder = Gateway::builder();
    builder
        .shards(1)
        .pinned(false)
        .limits(Limits::unlimited())
        .path("/play");
    builder.on_connect(move |socket| {
        let handshake = socket.handshake();
        let mark = handshake.header("x-mark").unwrap_or_default().to_owned();
        let room = handshake.query().contains("room=7");
        let auth = socket.auth().get().to_owned();
        list.lock()
            .expect("nobody panics with it")
            .push((auth, room, mark));
    });
    let server = builder.listen("127.0.0.1:0").expect("a free port");
    let turns = Arc::new(Mutex::new(0));
    for transport in [Transport::WebSocket, Transport::Polling] {
        let turns = turns.clone();
        let asked = Options {
            path: "/play".to_owned(),
            extra_headers: vec![("x-mark".to_owned(), "1".to_owned())],
            auth: Auth::function(move || {
                let mut turn = turns.lock().expect("nobody panics with it");
                *turn += 1;
                let turn = *turn;
                async move { json!({"turn": turn}) }
            }),
            ..options(&[transport])
        };
        let socket =
            io(&format!("http://{}/?room=7", server.address()), asked).expect("an address");
        next::<()>(&socket, "connect").await;
        socket.io().drop_connection();
        next::<u32>(&socket, "reconnect").await;
        socket.disconnect();
    }
    let expected: Vec<_> = (1..=4)
        .map(|turn| (format!(r#"{{"turn":{turn}}}"#), true, "1".to_owned()))
        .collect();
    assert_eq!(*seen.lock().expect("nobody panics with it"), expected);
    stop(&server);
}

#[tokio::test]
async fn events_emitted_before_connecting_leave_in_order_and_a_late_one_is_taken_back() {
    let (server, got) = stubborn(1);
    for transports in CHOICES {
        got.lock().expect("nobody panics with it").clear();
        let mut later = options(transports);
        later.auto_connect = false;
        let (socket, _) = connect(server.address(), later);
        socket.emit("n", &1).expect("it is kept");
        let late = socket
            .timeout(Duration::from_millis(10))
            .emit_with_ack::<u32>("n", &2)
            .await;
        assert!(matches!(late, Err(AckError::Timeout)), "{late:?}");
        socket.emit("n", &3).expect("it is kept");
        socket.connect();
        until("two", || {
            got.lock().expect("nobody panics with it").len() == 2
        })
        .await;
        assert_eq!(*got.lock().expect("nobody panics with it"), [1, 3]);
        socket.disconnect();
    }
    stop(&server);
}

#[tokio::test]
async fn a_thousand_events_keep_their_order_over_an_upgrade() {
    let (server, got) = stubborn(1);
    let (socket, _) = connect(server.address(), options(CHOICES[2]));
    for n in 0..1000 {
        socket.emit("n", &n).expect("there is room");
        if n % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    until("all", || {
        got.lock().expect("nobody panics with it").len() == 1000
    })
    .await;
    let all: Vec<u32> = (0..1000).collect();
    assert_eq!(*got.lock().expect("nobody panics with it"), all);
    until("the upgrade", || {
        socket.io().transport() == Some(Transport::WebSocket)
    })
    .await;
    let stats = socket.io().stats();
    assert_eq!(stats.messages_out, 1000);
    assert!(
        stats.bytes_out > 7000 && stats.messages_in >= 1,
        "{stats:?}"
    );
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn an_answer_goes_to_the_connection_that_asked_and_only_once() {
    let posts = Arc::new(Mutex::new(Vec::new()));
    let list = posts.clone();
    let polls = Mutex::new(0);
    let at = serve(move |request| {
        if !request.has_sid() {
            return ok(OPEN);
        }
        if request.is_post() {
            list.lock()
                .expect("nobody panics with it")
                .push(request.body.clone());
            return ok("ok");
        }
        let mut polls = polls.lock().expect("nobody panics with it");
        *polls += 1;
        match *polls {
            1 => ok("40{\"sid\":\"x\"}\x1e427[\"ask\",1]\x1e428[\"ask\",2]"),
            _ => None,
        }
    })
    .await;
    let (socket, _) = connect(at, options(&[Transport::Polling]));
    let kept: Arc<Mutex<Vec<Ack>>> = Arc::default();
    let keeps = kept.clone();
    socket.on_raw("ask", move |_, _, ack| {
        keeps.lock().expect("nobody panics with it").extend(ack);
        Ok(())
    });
    until("two questions", || {
        kept.lock().expect("nobody panics with it").len() == 2
    })
    .await;
    let acks = std::mem::take(&mut *kept.lock().expect("nobody panics with it"));
    acks[0].clone().send(&("yes", 1)).expect("it is sent");
    acks[0].clone().send("twice").expect("it is nothing");
    let answered = || {
        posts
            .lock()
            .expect("nobody panics with it")
            .iter()
            .any(|it| it.contains("437[\"yes\",1]"))
    };
    until("the answer", answered).await;
    socket.io().drop_connection();
    next::<(u32, u64)>(&socket, "reconnecting").await;
    let late = acks[1].clone().send("late");
    assert!(late.is_err(), "{late:?}");
    let all = posts.lock().expect("nobody panics with it").join(" ");
    assert!(!all.contains("twice") && !all.contains("late"), "{all}");
    socket.disconnect();
}

#[tokio::test]
async fn outside_of_a_runtime_or_without_an_address_there_is_an_error() {
    let outside = std::thread::spawn(|| io("http://localhost", Options::default()).map(drop));
    let error = outside
        .join()
        .expect("no panic")
        .expect_err("there is no runtime");
    assert!(error.to_string().contains("runtime"), "{error}");
    let error = io("ftp://localhost", Options::default()).expect_err("no server");
    assert!(error.to_string().contains("ftp://localhost"), "{error}");
    let refused: Result<Auth, _> = Auth::value(&7);
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_has_ended_is_made_anew() {
    let server = gateway(0);
    for _ in 0..50 {
        let shared = Options {
            force_new: false,
            ..options(&[Transport::WebSocket])
        };
        let socket = io(&format!("http://{}", server.address()), shared).expect("an address");
        let echo = socket.emit_with_ack::<u32>("echo", &7);
        assert_eq!(within("the echo", echo).await.expect("an answer"), 7);
        socket.disconnect();
    }
    stop(&server);
}

#[tokio::test]
async fn emitting_in_a_loop_without_end_is_refused_and_costs_a_bounded_memory() {
    let mut small = options(&[Transport::WebSocket]);
    (small.buffer_max, small.auto_connect) = (10, false);
    let (socket, seen) = connect("127.0.0.1:1".parse().expect("an address"), small);
    let refused = (0..100_000)
        .filter(|n| socket.emit("n", n).is_err())
        .count();
    assert_eq!(refused, 99_990);
    until("the notices", || !seen.all().is_empty()).await;
    assert_eq!(seen.all().len(), 8192);
}

#[tokio::test]
async fn our_gateway_gives_back_what_was_missed() {
    let mut builder = Gateway::builder();
    builder
        .shards(1)
        .pinned(false)
        .recovery(Recovery::default());
    let gone = Arc::new(Mutex::new(0));
    let count = gone.clone();
    builder.on_disconnect(move |_, _| *count.lock().expect("nobody panics with it") += 1);
    let server = builder.listen("127.0.0.1:0").expect("a free port");
    for transport in [Transport::WebSocket, Transport::Polling] {
        *gone.lock().expect("nobody panics with it") = 0;
        let mut patient = options(&[transport]);
        let minute = Duration::from_secs(60);
        (patient.reconnection_delay, patient.reconnection_delay_max) = (minute, minute);
        let (socket, _) = connect(server.address(), patient);
        let got = Arc::new(Mutex::new(Vec::new()));
        let list = got.clone();
        socket.on("n", move |_, n: usize| {
            list.lock().expect("nobody panics with it").push(n)
        });
        next::<()>(&socket, "connect").await;
        let id = socket.id();
        for round in 1..=3 {
            server.emit("n", &(2 * round - 1)).expect("it is sent");
            until("an event", || {
                got.lock().expect("nobody panics with it").len() == 2 * round - 1
            })
            .await;
            socket.io().drop_connection();
            until("the server's notice", || {
                *gone.lock().expect("nobody panics with it") == round
            })
            .await;
            server.emit("n", &(2 * round)).expect("it is sent");
            socket.connect();
            next::<()>(&socket, "connect").await;
            assert!(socket.recovered());
            assert_eq!(socket.id(), id);
            until("what was missed", || {
                got.lock().expect("nobody panics with it").len() == 2 * round
            })
            .await;
        }
        assert_eq!(
            *got.lock().expect("nobody panics with it"),
            [1, 2, 3, 4, 5, 6]
        );
        // The transport is switched, and nobody hears of a disconnect.
        let seen = Seen::of(&socket);
        let other = match transport {
            Transport::Polling => Transport::WebSocket,
            _ => Transport::Polling,
        };
        let switched = socket.next::<String>("switch");
        socket.io().switch_transport(other);
        assert_eq!(
            within("the switch", switched).await.expect("a name"),
            other.name()
        );
        assert_eq!((seen.all().len(), socket.id()), (1, id));
        socket.disconnect();
    }
    stop(&server);
}
