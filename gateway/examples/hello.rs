//! The README's server, word for word: but for its address, which the first argument may name.

use ringside_gateway::{Gateway, Page};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut io = Gateway::builder();
    io.page("/", Page::file("index.html")?);
    io.on_connect(|_| println!("a user connected"));
    io.on_disconnect(|_, _| println!("a user disconnected"));
    io.listen(address())?.wait();
    Ok(())
}

fn address() -> String {
    std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned())
}
