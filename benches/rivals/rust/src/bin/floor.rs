//! The floor: a bare loop over epoll, recv() and send(), with the WebSocket framing that a message
//! needs and nothing else. No sessions, no topics, no backpressure: it shows what the system itself
//! costs, not what a server may leave out.
//!
//! A message that begins with `E` comes back to its sender; any other goes to everybody. All that is
//! for everybody in one turn is joined and sent once a socket. With `--sink null` it is not sent.
//!
//! With `--tick BYTES` it is a room's floor: twenty times a second everybody is sent a message of so many bytes,
//! and what comes is read and forgotten.

use std::{
    collections::HashMap,
    env,
    net::{TcpListener, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use ringside_proto::ws::{
    Decoder, Event, Limits, OpCode, Role, encode_frame, handshake::accept_key,
};
use rustix::{
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    net::{RecvFlags, SendFlags, recv, send},
};

const FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
/// The listener's mark; connections have their slots.
const LISTENER: u64 = u64::MAX;
/// Time between two messages of a room.
const TICK: Duration = Duration::from_millis(50);

struct Conn {
    stream: TcpStream,
    /// Nothing until the upgrade.
    decoder: Option<Decoder>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = env::args().skip(1);
    let port: u16 = args.next().as_deref().unwrap_or("9104").parse()?;
    let (mut swallow, mut tick) = (false, None);
    while let Some(option) = args.next() {
        let value = args.next().unwrap_or_default();
        match option.as_str() {
            "--sink" => swallow = value == "null",
            "--tick" => tick = Some((Instant::now() + TICK, vec![7; value.parse()?])),
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);

    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &poll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut conns: Vec<Option<Conn>> = Vec::new();
    let mut heads: HashMap<usize, Vec<u8>> = HashMap::new();
    let mut events = Vec::with_capacity(1024);
    let (mut scratch, mut everybody) = (vec![0; 65_536], Vec::new());
    loop {
        events.clear();
        let wait = match &tick {
            Some((due, _)) => Some(due.saturating_duration_since(Instant::now()).try_into()?),
            None => None,
        };
        epoll::wait(
            &poll,
            rustix::buffer::spare_capacity(&mut events),
            wait.as_ref(),
        )?;
        if let Some((due, message)) = &mut tick
            && *due <= Instant::now()
        {
            *due += TICK;
            encode_frame(&mut everybody, OpCode::Binary, message);
        }
        for event in &events {
            let mark = event.data.u64();
            if mark == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let data = EventData::new_u64(conns.len() as u64);
                    epoll::add(&poll, &stream, data, EventFlags::IN)?;
                    conns.push(Some(Conn {
                        stream,
                        decoder: None,
                    }));
                }
                continue;
            }
            let at = mark as usize;
            let Some(conn) = &mut conns[at] else { continue };
            let read = match recv(conn.stream.as_fd(), &mut scratch[..], RecvFlags::DONTWAIT) {
                Ok((_, n)) if n > 0 => &mut scratch[..n],
                Err(rustix::io::Errno::AGAIN) => continue,
                _ => {
                    conns[at] = None;
                    continue;
                }
            };
            let Some(decoder) = &mut conn.decoder else {
                let head = heads.entry(at).or_default();
                head.extend_from_slice(read);
                if head.ends_with(b"\r\n\r\n") {
                    send(conn.stream.as_fd(), answer(head).as_bytes(), FLAGS)?;
                    conn.decoder = Some(Decoder::new(Role::Server, Limits::unlimited()));
                    heads.remove(&at);
                }
                continue;
            };
            let mut own = Vec::new();
            let mut input = decoder.input(read);
            while let Ok(Some(event)) = input.next() {
                match event {
                    Event::Text(text) if text.starts_with('E') => {
                        encode_frame(&mut own, OpCode::Text, text.as_bytes());
                    }
                    Event::Text(text) if tick.is_none() => {
                        encode_frame(&mut everybody, OpCode::Text, text.as_bytes())
                    }
                    _ => {}
                }
            }
            if !own.is_empty() {
                // Who cannot take it has left, as far as a floor is concerned.
                let _ = send(conn.stream.as_fd(), &own, FLAGS);
            }
        }
        if !everybody.is_empty() {
            for conn in conns.iter().flatten().filter(|conn| conn.decoder.is_some()) {
                if swallow {
                    // The loop itself stays, and nothing of it is optimised away.
                    std::hint::black_box((conn.stream.as_fd(), &everybody));
                } else {
                    let _ = send(conn.stream.as_fd(), &everybody, FLAGS);
                }
            }
            everybody.clear();
        }
    }
}

fn answer(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let key = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key")
                .then(|| value.trim())
        })
        .unwrap_or_default();
    let accept = accept_key(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept.as_str()
    )
}
