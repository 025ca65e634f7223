//! Which crate may know which.
//!
//! Promises: the table [`MAY_SEE`] is the whole truth about the workspace's own crates, for every
//! kind of dependency (a dev-dependency on a sibling would be a cycle in all but name); a package
//! without a row is a finding. The leaves, besides, keep out the crates that would bring them
//! sockets, clocks, randomness, async or a protocol ([`LEAF_AVOIDS`]); their tests may use those.

use super::{Broken, File, House, Rule};

/// Each package of the workspace, and which of its siblings it may depend on.
const MAY_SEE: &[(&str, &[&str])] = &[
    ("ringside-core", &[]),
    ("ringside-proto", &[]),
    ("ringside-netcode", &["ringside-netcode-derive"]),
    ("ringside-netcode-derive", &[]),
    (
        // `ringside-web` is bytes to serve, no code to call.
        "ringside-gateway",
        &["ringside-core", "ringside-proto", "ringside-web"],
    ),
    ("ringside-rooms", &["ringside-gateway", "ringside-netcode"]),
    // What players compute: ticks and inputs are netcode's.
    ("ringside-client", &["ringside-proto", "ringside-netcode"]),
    ("ringside-web", &[]),
    (
        "game-demo",
        &["ringside-rooms", "ringside-client", "ringside-web"],
    ),
];

/// Packages in these folders may depend on every package above, and nothing may depend on them.
const SEE_ALL: &[&str] = &["benches/", "tests/", "xtask/"];

/// Their names, which no manifest elsewhere may mention.
const UNSEEN: &[&str] = &["ringside-benches", "ringside-tests", "xtask"];

/// What a leaf must never know.
const WORLD: &[&str] = &[
    "async-std",
    "fastrand",
    "getrandom",
    "mio",
    "rand",
    "rustix",
    "smol",
    "socket2",
    "tokio",
    "web-time",
];
const PROTOCOLS: &[&str] = &[
    "h2",
    "http",
    "http-body-util",
    "hyper",
    "hyper-util",
    "quinn",
    "rmp-serde",
    "rustls",
    "serde_json",
    "tokio-rustls",
    "tokio-tungstenite",
    "tungstenite",
];
const LEAF_AVOIDS: &[(&str, &[&str])] = &[
    ("ringside-core", PROTOCOLS),
    ("ringside-proto", WORLD),
    ("ringside-netcode", WORLD),
];

/// The workspace's crates among themselves.
pub const CRATES: Rule = Rule {
    name: "crates",
    about: "which crate of the workspace may depend on which",
    check: crates,
};

/// The leaves and the rest of the world.
pub const LEAVES: Rule = Rule {
    name: "leaves",
    about: "core knows no protocol; proto and netcode know no sockets, clocks, randomness or async",
    check: leaves,
};

fn crates(file: &File<'_>, _: &House) -> Vec<Broken> {
    let Some(manifest) = Manifest::read(file) else {
        return Vec::new();
    };
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(broken) => return vec![broken],
    };
    let sees_all = SEE_ALL.iter().any(|folder| file.path.starts_with(folder));
    let row = MAY_SEE.iter().find(|(name, _)| *name == manifest.name);
    if row.is_none() && !sees_all {
        let message = format!(
            "`{}` has no row in MAY_SEE of xtask/src/tidy/dependencies.rs",
            manifest.name
        );
        return vec![Broken::at(1, message)];
    }
    let allowed = row.map_or(&[] as &[&str], |(_, allowed)| allowed);
    let ours = |name: &str| MAY_SEE.iter().any(|(ours, _)| *ours == name) || UNSEEN.contains(&name);
    let mut broken = Vec::new();
    for Dependency { name, .. } in manifest.dependencies {
        if !sees_all && ours(&name) && !allowed.contains(&name.as_str()) {
            let message = format!(
                "`{}` must not know `{name}`; it may know: {}",
                manifest.name,
                allowed.join(", ")
            );
            broken.push(Broken::at(line_of(file.text, &name), message));
        }
    }
    broken
}

fn leaves(file: &File<'_>, _: &House) -> Vec<Broken> {
    let Some(Ok(manifest)) = Manifest::read(file) else {
        return Vec::new();
    };
    let Some((_, avoided)) = LEAF_AVOIDS.iter().find(|(name, _)| *name == manifest.name) else {
        return Vec::new();
    };
    manifest
        .dependencies
        .iter()
        .filter(|dependency| {
            !dependency.only_for_tests && avoided.contains(&dependency.name.as_str())
        })
        .map(|Dependency { name, .. }| {
            Broken::at(
                line_of(file.text, name),
                format!("`{}` is a leaf and must not know `{name}`", manifest.name),
            )
        })
        .collect()
}

/// A package's name and what it depends on.
struct Manifest {
    name: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    /// The package's name, whatever it is renamed to.
    name: String,
    only_for_tests: bool,
}

impl Manifest {
    /// The manifest in `file`, if it is one of a package.
    fn read(file: &File<'_>) -> Option<Result<Self, Broken>> {
        if file.path.rsplit('/').next() != Some("Cargo.toml") {
            return None;
        }
        let table: toml::Table = match file.text.parse() {
            Ok(table) => table,
            Err(error) => return Some(Err(Broken::at(1, format!("no valid TOML: {error}")))),
        };
        let name = table.get("package")?.get("name")?.as_str()?.to_owned();
        let mut dependencies = Vec::new();
        collect(&table, &mut dependencies);
        for platform in table
            .get("target")
            .and_then(toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            if let Some(table) = platform.1.as_table() {
                collect(table, &mut dependencies);
            }
        }
        Some(Ok(Self { name, dependencies }))
    }
}

fn collect(table: &toml::Table, into: &mut Vec<Dependency>) {
    for (kind, only_for_tests) in [
        ("dependencies", false),
        ("build-dependencies", false),
        ("dev-dependencies", true),
    ] {
        for (key, value) in table
            .get(kind)
            .and_then(toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            let name = value
                .get("package")
                .and_then(toml::Value::as_str)
                .unwrap_or(key);
            into.push(Dependency {
                name: name.to_owned(),
                only_for_tests,
            });
        }
    }
}

/// The first line that mentions `name`.
fn line_of(text: &str, name: &str) -> usize {
    text.lines()
        .position(|line| !line.starts_with('#') && line.contains(name))
        .map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::{CRATES, LEAVES};

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{rest}\n")
    }

    #[test]
    fn a_leaf_that_knows_a_sibling_is_found() {
        for kind in [
            "dependencies",
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let text = manifest(
                "ringside-proto",
                &format!("[{kind}]\nringside-core.workspace = true"),
            );
            assert_eq!(lines(&CRATES, "proto/Cargo.toml", &text), [4], "{kind}");
        }
    }

    #[test]
    fn the_game_must_not_know_the_gateway_even_under_another_name() {
        let text = manifest(
            "game-demo",
            "[dependencies]\nringside-rooms.workspace = true\nringside-gateway.workspace = true",
        );
        assert_eq!(lines(&CRATES, "game-demo/Cargo.toml", &text), [5]);
        let text = manifest(
            "game-demo",
            "[dependencies]\ng = { package = \"ringside-gateway\", path = \"../gateway\" }",
        );
        assert_eq!(lines(&CRATES, "game-demo/Cargo.toml", &text), [4]);
    }

    #[test]
    fn nothing_knows_the_tests() {
        let text = manifest(
            "ringside-rooms",
            "[dev-dependencies]\nringside-tests.workspace = true",
        );
        assert_eq!(lines(&CRATES, "rooms/Cargo.toml", &text), [4]);
    }

    #[test]
    fn what_the_table_allows_passes() {
        let text = manifest(
            "ringside-gateway",
            "[dependencies]\nringside-core.workspace = true\nringside-proto.workspace = true\nserde = \"1\"",
        );
        assert_eq!(lines(&CRATES, "gateway/Cargo.toml", &text), [0; 0]);
        let text = manifest(
            "ringside-fuzz",
            "[dependencies]\nringside-proto = { path = \"../../proto\" }",
        );
        assert_eq!(lines(&CRATES, "tests/fuzz/Cargo.toml", &text), [0; 0]);
        assert_eq!(
            lines(&CRATES, "Cargo.toml", "[workspace]\nmembers = []"),
            [0; 0]
        );
    }

    #[test]
    fn a_package_without_a_row_is_found() {
        assert_eq!(
            lines(&CRATES, "shiny/Cargo.toml", &manifest("ringside-shiny", "")),
            [1]
        );
        assert_eq!(lines(&CRATES, "shiny/Cargo.toml", "[package"), [1]);
    }

    #[test]
    fn a_leaf_that_reaches_for_the_world_is_found() {
        let text = manifest("ringside-netcode", "[dependencies]\ntokio = \"1\"");
        assert_eq!(lines(&LEAVES, "netcode/Cargo.toml", &text), [4]);
        let text = manifest("ringside-core", "[dependencies]\nhyper = \"1\"");
        assert_eq!(lines(&LEAVES, "core/Cargo.toml", &text), [4]);
    }

    #[test]
    fn the_tests_of_a_leaf_may_and_core_may_have_a_runtime() {
        let text = manifest("ringside-proto", "[dev-dependencies]\nrand = \"1\"");
        assert_eq!(lines(&LEAVES, "proto/Cargo.toml", &text), [0; 0]);
        let text = manifest("ringside-core", "[dependencies]\ntokio = \"1\"");
        assert_eq!(lines(&LEAVES, "core/Cargo.toml", &text), [0; 0]);
    }
}
