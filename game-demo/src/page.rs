//! The page, embedded: every file of `web/` under its own path, and `index.html` at `/`.

use ringside_rooms::{Builder, Page};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// Adds the page's files to what the gateway serves.
pub(crate) fn serve(io: &mut Builder) {
    for name in Files::iter() {
        let Some(file) = Files::get(&name) else {
            continue;
        };
        let page = Page::new(content_type(&name), file.data.into_owned());
        if name == "index.html" {
            io.page("/", page.clone());
        }
        io.page(&format!("/{name}"), page);
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_its_scripts_are_in_the_binary() {
        let names: Vec<_> = Files::iter().collect();
        assert!(names.iter().any(|name| name == "index.html"));
        for name in &names {
            assert_ne!(
                content_type(name),
                "application/octet-stream",
                "{name} has no type"
            );
        }
    }
}
