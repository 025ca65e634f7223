//! The tokio driver on real sockets: shards on threads of their own, the pump, slow readers, ends.
//!
//! Servers bind port 0 on loopback. Tests wait for what they expect, with the test runner's patience as
//! the deadline: a reader that gets too little hangs, one that gets too much fails.
#![cfg(feature = "tokio")]

use std::{
    cell::RefCell,
    io::{ErrorKind, Read as _, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ringside_core::{
    Class, CloseReason, ConnId, Core, Frame, Host, OutboxLimits, Shard, Topic,
    driver::{self, Local, Read, TcpSink, ThreadOptions},
};
use tokio::{net::TcpListener, sync::oneshot};

/// Longer than anything here takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells the test of every end.
struct Ends(mpsc::SyncSender<(ConnId, CloseReason)>);

impl Host<TcpSink> for Ends {
    fn closed(&mut self, _: &mut Shard<TcpSink>, conn: ConnId, reason: CloseReason, _: Vec<Topic>) {
        let _ = self.0.try_send((conn, reason));
    }
}

struct Server {
    core: Core,
    topic: Topic,
    at: SocketAddr,
    accepted: mpsc::Receiver<ConnId>,
    ended: mpsc::Receiver<(ConnId, CloseReason)>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A shard that subscribes everybody who connects.
fn serve(outbox: OutboxLimits) -> Server {
    serve_with(ThreadOptions {
        outbox,
        ..ThreadOptions::default()
    })
}

/// The same. Each that connects counts as so many messages that the thread naps before the next, if it is one that does.
fn serve_with(options: ThreadOptions) -> Server {
    let (core, mut seeds) = Core::new(1).unwrap();
    let topic = core.topic().unwrap();
    let (tell_address, address) = mpsc::sync_channel(1);
    let (tell_accepted, accepted) = mpsc::sync_channel(64);
    let (tell_ended, ended) = mpsc::sync_channel(64);
    let (stop, stopped) = oneshot::channel::<()>();
    let theirs = topic.clone();
    let naps = !options.read_interval.is_zero();
    let start = move |local: Rc<Local<TcpSink>>| {
        let main = async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell_address.send(listener.local_addr().unwrap()).unwrap();
            let accepting = local.clone();
            let hearing = local.clone().hear(|_| {});
            local.spawn(async move { hearing.await.unwrap() });
            let accept = local.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let conn = {
                        let mut shard = accepting.shard();
                        let conn = shard.open().unwrap();
                        let stream = stream.into_std().unwrap();
                        shard.sink().insert(conn, stream).unwrap();
                        shard.subscribe(&theirs, conn);
                        conn
                    };
                    tell_accepted.send(conn).unwrap();
                    if naps {
                        accepting.took_in(4);
                        // For as long as that at least the thread has nothing to do.
                        let nothing = std::future::pending::<()>();
                        let _ = tokio::time::timeout(Duration::from_millis(1), nothing).await;
                    }
                }
            });
            let _ = stopped.await;
            accept.abort();
        };
        (Ends(tell_ended), main)
    };
    let tcp = TcpSink::new().unwrap();
    let thread = driver::spawn(&core, seeds.pop().unwrap(), options, move || tcp, start).unwrap();
    Server {
        at: address.recv_timeout(PATIENCE).unwrap(),
        core,
        topic,
        accepted,
        ended,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Server {
    fn connect(&self) -> (TcpStream, ConnId) {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        (stream, self.accepted.recv_timeout(PATIENCE).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|end| end.is_ok()));
    }
}

/// Counters follow the writes they count; this waits for them.
fn wait_for(what: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::yield_now();
    }
}

fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_publish_from_another_thread_reaches_sockets() {
    let server = serve(OutboxLimits::default());
    let mut streams: Vec<_> = (0..10).map(|_| server.connect().0).collect();
    let mut publisher = server.core.publisher().unwrap();
    for n in 0..100u8 {
        publisher
            .publish(
                &server.topic,
                Class::Reliable,
                Frame::from_bytes([n; 10], 0),
            )
            .unwrap();
        publisher.flush();
    }
    let expected: Vec<u8> = (0..100).flat_map(|n| [n; 10]).collect();
    for stream in &mut streams {
        assert_eq!(read(stream, 1000), expected);
    }
    wait_for(|| server.core.stats().delivered == 1000);
}

#[test]
fn the_control_path_wakes_a_shard_that_sleeps() {
    let server = serve(OutboxLimits::default());
    let (mut stream, conn) = server.connect();
    for n in 0..50u8 {
        // Nothing else is under way, so the shard sleeps between the two, or is about to.
        server
            .core
            .unicast(conn, Class::Reliable, Frame::from_bytes([n], 0))
            .unwrap();
        assert_eq!(read(&mut stream, 1), [n]);
    }
}

/// A shard that naps for so long after each who connects.
fn serve_napping(interval: Duration) -> Server {
    serve_with(ThreadOptions {
        read_interval: interval,
        ..ThreadOptions::default()
    })
}

#[test]
fn while_messages_come_often_the_next_wait_for_an_interval() {
    let interval = Duration::from_millis(500);
    let server = serve_napping(interval);
    let begun = Instant::now();
    let (_first, _second) = (server.connect(), server.connect());
    assert!(begun.elapsed() >= interval, "{:?}", begun.elapsed());
}

#[test]
fn what_is_published_waits_for_nothing() {
    let interval = Duration::from_secs(5);
    let server = serve_napping(interval);
    let begun = Instant::now();
    let (mut stream, _) = server.connect();
    let mut publisher = server.core.publisher().unwrap();
    for n in 0..100 {
        let frame = Frame::from_bytes([n], 0);
        publisher
            .publish(&server.topic, Class::Reliable, frame)
            .unwrap();
        publisher.flush();
        assert_eq!(read(&mut stream, 1), [n]);
    }
    assert!(begun.elapsed() < interval, "{:?}", begun.elapsed());
}

#[test]
fn a_slow_reader_gets_everything_and_delays_nobody() {
    const MESSAGES: usize = 600;
    const BYTES: usize = 100_000;
    let limits = OutboxLimits {
        bytes: MESSAGES * BYTES,
        messages: MESSAGES,
    };
    let server = serve(limits);
    let ((mut slow, _), (mut quick, _)) = (server.connect(), server.connect());
    let mut publisher = server.core.publisher().unwrap();
    for n in 0..MESSAGES {
        publisher
            .publish(
                &server.topic,
                Class::Reliable,
                Frame::from_bytes(vec![n as u8; BYTES], 0),
            )
            .unwrap();
        publisher.flush();
        assert_eq!(read(&mut quick, BYTES), vec![n as u8; BYTES]);
    }
    // Far more than the kernel buffers: the slow one's backlog is the shard's.
    wait_for(|| server.core.stats().waiting() > 0);
    for n in 0..MESSAGES {
        assert_eq!(read(&mut slow, BYTES), vec![n as u8; BYTES], "message {n}");
    }
    assert_eq!(server.core.stats().slow_consumers, 0);
}

/// More subscribers than are looked up at once, of all kinds: who reads, who has stopped for now, who
/// never does, who has hung up without a word.
#[test]
fn each_of_many_subscribers_gets_what_it_takes_and_no_more() {
    const BYTES: usize = 100_000;
    let server = serve(OutboxLimits {
        bytes: 100 * BYTES,
        messages: 100,
    });
    let mut quick = Vec::new();
    let (mut slow, mut stuck) = (Vec::new(), Vec::new());
    let mut gone = Vec::new();
    for n in 0..80 {
        let (stream, conn) = server.connect();
        match n % 16 {
            3 => slow.push(stream),
            7 => stuck.push((stream, conn)),
            11 => gone.push(conn),
            _ => quick.push(stream),
        }
    }
    let mut publisher = server.core.publisher().unwrap();
    let mut sent = 0;
    let mut ends = Vec::new();
    while ends.len() < stuck.len() + gone.len() {
        let frame = Frame::from_bytes(vec![sent as u8; BYTES], 0);
        publisher
            .publish(&server.topic, Class::Reliable, frame)
            .unwrap();
        publisher.flush();
        for stream in &mut quick {
            assert_eq!(read(stream, BYTES), vec![sent as u8; BYTES]);
        }
        // These fall behind for fifty messages at a time, and then catch up: never as far as the stuck.
        if sent % 50 == 49 {
            for stream in &mut slow {
                for n in sent - 49..=sent {
                    assert_eq!(read(stream, BYTES), vec![n as u8; BYTES], "message {n}");
                }
            }
        }
        sent += 1;
        ends.extend(server.ended.try_iter());
    }
    let because = |reason| {
        let conns = ends.iter().filter(|end| end.1 == reason).map(|end| end.0);
        let mut conns: Vec<_> = conns.collect();
        conns.sort_unstable();
        conns
    };
    let stuck: Vec<_> = stuck.iter().map(|(_, conn)| *conn).collect();
    assert_eq!(because(CloseReason::SlowConsumer), stuck);
    assert_eq!(because(CloseReason::Gone), gone);
    for stream in &mut slow {
        for n in sent - sent % 50..sent {
            assert_eq!(read(stream, BYTES), vec![n as u8; BYTES], "message {n}");
        }
    }
}

#[test]
fn a_reader_that_never_reads_is_closed_with_a_reason() {
    let server = serve(OutboxLimits {
        bytes: 1 << 20,
        messages: 100,
    });
    let ((mut stuck, conn), (mut quick, _)) = (server.connect(), server.connect());
    let mut publisher = server.core.publisher().unwrap();
    let end = loop {
        publisher
            .publish(
                &server.topic,
                Class::Reliable,
                Frame::from_bytes([1; 100_000], 0),
            )
            .unwrap();
        publisher.flush();
        read(&mut quick, 100_000);
        if let Ok(end) = server.ended.try_recv() {
            break end;
        }
    };
    assert_eq!(end, (conn, CloseReason::SlowConsumer));
    let mut rest = Vec::new();
    // What the kernel held is still delivered, then the stream ends.
    match stuck.read_to_end(&mut rest) {
        Ok(_) => assert!(!rest.is_empty()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    wait_for(|| server.core.stats().waiting() == 0);
}

#[test]
fn what_was_sent_before_a_disconnect_arrives_before_the_end() {
    let server = serve(OutboxLimits::default());
    let (mut stream, conn) = server.connect();
    let mut publisher = server.core.publisher().unwrap();
    publisher
        .unicast(conn, Class::Reliable, Frame::from_bytes(b"bye", 0))
        .unwrap();
    publisher.disconnect(conn, 7).unwrap();
    publisher.flush();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"bye");
    assert_eq!(
        server.ended.recv_timeout(PATIENCE).unwrap(),
        (conn, CloseReason::Requested(7))
    );
}

/// What a shard has read: of whom, and the bytes; none are the end.
type Heard = (ConnId, Vec<u8>);

/// A shard that reads four bytes at a time, and who is connected to it.
fn listener(tell: mpsc::SyncSender<Heard>) -> (TcpStream, JoinHandle<()>, oneshot::Sender<()>) {
    let (core, mut seeds) = Core::new(1).unwrap();
    let (tell_address, address) = mpsc::sync_channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let start = move |local: Rc<Local<TcpSink>>| {
        let reading = local.clone();
        let hearing = local.clone().hear(move |conns| {
            for &conn in conns {
                let mut shard = reading.shard();
                let mut bytes = [0; 4];
                match shard.sink().read(conn, &mut bytes) {
                    Read::Bytes { n, more } => {
                        tell.send((conn, bytes[..n].to_vec())).unwrap();
                        if more {
                            shard.sink().look_again(conn);
                        }
                    }
                    Read::End { failed } => {
                        assert!(!failed);
                        tell.send((conn, Vec::new())).unwrap();
                        shard.sink().end_reading(conn);
                    }
                    Read::Nothing => {}
                    Read::Gone => panic!("nobody has taken it"),
                }
            }
        });
        local.spawn(async move { hearing.await.unwrap() });
        let main = async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell_address.send(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            // What came before it is listened to is heard as well.
            stream.readable().await.unwrap();
            {
                let mut shard = local.shard();
                let conn = shard.open().unwrap();
                let stream = stream.into_std().unwrap();
                shard.sink().insert(conn, stream).unwrap();
                shard.sink().listen(conn);
            }
            let _ = stopped.await;
        };
        (Ends(mpsc::sync_channel(1).0), main)
    };
    let (tcp, seed) = (TcpSink::new().unwrap(), seeds.pop().unwrap());
    let options = ThreadOptions::default();
    let thread = driver::spawn(&core, seed, options, move || tcp, start).unwrap();
    let at: SocketAddr = address.recv_timeout(PATIENCE).unwrap();
    (TcpStream::connect(at).unwrap(), thread, stop)
}

#[test]
fn what_is_longer_than_a_read_is_read_on_and_so_is_the_end_that_came_with_it() {
    // A message for each read, of which there are few.
    let (tell, heard) = mpsc::sync_channel(64);
    let (mut stream, thread, stop) = listener(tell);
    let next = || heard.recv_timeout(PATIENCE).unwrap().1;
    let take = |len: usize| {
        let mut all = Vec::new();
        while all.len() < len {
            let some = next();
            assert!((1..=4).contains(&some.len()), "{some:?}");
            all.extend(some);
        }
        all
    };
    // More than fits into one read; exactly as much; less.
    for message in [&b"ten bytes."[..], b"four", b"two"] {
        stream.write_all(message).unwrap();
        assert_eq!(take(message.len()), message);
    }
    // The end in the same news.
    stream.write_all(b"all is said").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(take(11), b"all is said");
    assert_eq!(next(), b"");
    drop(stop);
    thread.join().unwrap();
}

#[test]
fn an_identity_that_is_out_of_date_finds_no_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (_core, mut seeds) = Core::new(1).unwrap();
        let shard = RefCell::new(
            seeds
                .pop()
                .unwrap()
                .grow(TcpSink::new().unwrap(), OutboxLimits::default()),
        );
        let mut conns = Vec::new();
        for _ in 0..2 {
            let stream = tokio::net::TcpStream::connect(at).await.unwrap();
            let mut shard = shard.borrow_mut();
            let conn = shard.open().unwrap();
            let stream = stream.into_std().unwrap();
            shard.sink().insert(conn, stream).unwrap();
            conns.push(conn);
            if conns.len() == 1 {
                shard.close(conn, CloseReason::Gone);
            }
        }
        assert_eq!(conns[0].slot(), conns[1].slot());
        let mut shard = shard.borrow_mut();
        assert!(!shard.sink().has(conns[0]));
        assert!(shard.sink().take(conns[0]).is_none());
        assert!(shard.sink().has(conns[1]));
    });
}
