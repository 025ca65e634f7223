//! The command line as people meet it: what it prints, and what it says when something is wrong.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
};

fn game(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_game-demo"));
    command.args(args).stdin(Stdio::null());
    command
}

fn ends(args: &[&str]) -> (Output, String) {
    let output = game(args).output().expect("the game starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// A running game. It ends with the test.
struct Running {
    child: Child,
    at: SocketAddr,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = game(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the game starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("it prints its address");
        let (_, at) = line
            .trim_end()
            .split_once("http://")
            .expect("the line has the address");
        Self {
            at: at.parse().expect("host and port"),
            child,
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.at).expect("it listens");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.at
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("it answers in text");
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already: then the test has failed and says so itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn port_0_prints_an_address_that_serves_the_page() {
    let game = Running::start(&["--port", "0", "--bots", "3"]);
    assert_ne!(game.at.port(), 0);
    let page = game.get("/");
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("<title>"),
        "{page}"
    );
    assert!(
        game.get("/socket.io/ringside.js")
            .starts_with("HTTP/1.1 200")
    );
    assert!(game.get("/stats").contains("\"people\""));
    assert!(game.get("/nowhere").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_taken_port_is_one_line_that_names_the_mend() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (output, said) = ends(&["--port", &port]);
    assert!(!output.status.success());
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains(&port) && said.contains("choose another port"),
        "{said}"
    );
}

#[test]
fn a_second_copy_on_the_same_port_is_refused() {
    let first = Running::start(&["--port", "0"]);
    let (output, said) = ends(&["--port", &first.at.port().to_string()]);
    assert!(!output.status.success());
    assert!(said.contains("choose another port"), "{said}");
}

#[test]
fn a_bad_flag_or_address_says_what_would_be_right() {
    let (output, said) = ends(&["--bots", "many"]);
    assert!(
        !output.status.success() && said.contains("--bots"),
        "{said}"
    );
    let (output, said) = ends(&["--prot", "1"]);
    assert!(
        !output.status.success() && said.contains("--port"),
        "{said}"
    );
    let (output, said) = ends(&["--host", "192.0.2.1", "--port", "0"]);
    assert!(!output.status.success());
    assert!(said.contains("not an address of this machine"), "{said}");
}

#[test]
fn what_is_no_recording_is_named_and_nothing_runs() {
    let (output, said) = ends(&["--port", "0", "--play", "absent.replay"]);
    assert!(
        !output.status.success() && said.contains("absent.replay"),
        "{said}"
    );
    let (output, said) = ends(&["--port", "0", "--play", env!("CARGO_BIN_EXE_game-demo")]);
    assert!(
        !output.status.success() && said.contains("not a replay"),
        "{said}"
    );
}

#[test]
fn few_descriptors_are_warned_about_with_the_mend() {
    let program = env!("CARGO_BIN_EXE_game-demo");
    // A limit set by the shell, soft and hard; the taken port ends the program at once.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let script = format!("ulimit -n 64 && exec '{program}' --port {port}");
    let output = Command::new("sh")
        .args(["-c", &script])
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ulimit -n 1024"), "{said}");
}

#[test]
fn help_names_every_option_and_the_keys() {
    let output = game(&["--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&output.stdout);
    for word in ["--host", "--port", "--bots", "--open", "WASD", "/stats"] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_says_why() {
    let (output, said) = ends(&["--port", "0", "--cert", "absent.pem", "--key", "absent.key"]);
    assert!(!output.status.success());
    assert!(said.contains("absent.pem"), "{said}");
    let (output, said) = ends(&["--port", "0", "--cert", "absent.pem"]);
    assert!(!output.status.success());
    assert!(said.contains("--key"), "{said}");
}
