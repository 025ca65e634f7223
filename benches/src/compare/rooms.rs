//! What is told of games that are compared: the page's plots and tables, and the README's table.

use std::fmt::Write;

use super::{
    Stored, points,
    report::{Score, cell},
};
use crate::page::{bars, escape, number, table};

/// The scores, in the order of the page.
const SCORES: &[Score] = &[
    Score::of_games(
        "watch-1500",
        "client_cpu_us",
        "CPU a client and second, 1,500 who watch",
        "µs",
        true,
    ),
    Score::of_games(
        "play-1500",
        "client_cpu_us",
        "CPU a client and second, 1,500 who play",
        "µs",
        true,
    ),
    Score::of_games(
        "paced-1500",
        "client_cpu_us",
        "CPU a client and second, 1,500 who play, paced",
        "µs",
        true,
    ),
    Score::of_games(
        "play-1500",
        "snapshot_bytes",
        "Bytes a snapshot, 100 in view, everything within TCP",
        "bytes",
        true,
    ),
    Score::of_games(
        "play-1500",
        "gap_p99_ms",
        "99th percentile of the time between two snapshots, 1,500 who play",
        "ms",
        true,
    ),
    Score::of_games(
        "most",
        "players",
        "Players on one core with 20 snapshots a second in time",
        "players",
        false,
    ),
];

/// Those who are shown, by their names in results.
const NAMED: [(&str, &str); 6] = [
    ("rooms", "*Ringside rooms"),
    ("colyseus", "Colyseus"),
    ("colyseus-views", "Colyseus, a StateView each"),
    ("floor-rooms", "send() floor (no server)"),
    ("glimmer", "*GLIMMER"),
    ("colyseus-glimmer", "Colyseus, as much in view"),
];

fn title(key: &str) -> &str {
    let named = NAMED.iter().find(|(known, _)| *known == key);
    named.map_or(key, |(_, title)| title)
}

/// The page's part about games; empty if none were measured.
pub(super) fn page(stored: &Stored) -> String {
    let measured = |key: &str| stored.points.contains_key(key);
    let games: Vec<_> = points()
        .into_iter()
        .filter(|point| point.is_of_games() && measured(point.key))
        .collect();
    let mut out = String::new();
    if games.is_empty() {
        return out;
    }
    out.push_str(
        "<h2>Rooms beside Colyseus</h2><p>ARENA-N's noisy scene: 100 entities that move, all of them in everybody's \
         view, twenty snapshots a second, in one room on one core. The same program plays everybody's clients; its \
         first client of Ringside's decodes all it gets and checks it by hash, and Colyseus' own client did so for \
         Colyseus before. Who watches sends nothing to Colyseus, and to Ringside an acknowledgement for two snapshots; \
         who plays sends an input for each, at once, or 25 ms later where it is paced. CPU a client and second is the server's whole run time over clients; \
         players a core are clients over the share of the core that was used. Bytes are all within TCP.</p>",
    );
    for score in SCORES {
        let rows = NAMED
            .iter()
            .filter_map(|(key, title)| Some(((*title).to_owned(), score.of(stored, key)?)));
        let mut rows: Vec<(String, f64)> = rows.collect();
        if rows.is_empty() {
            continue;
        }
        score.sort(&mut rows);
        out.push_str(&bars(&score.heading(), score.unit, &rows));
    }
    let figures: [(&str, &str); 10] = [
        ("players", "players held"),
        ("client_cpu_us", "CPU µs a client and second"),
        ("snapshot_cpu_us", "CPU µs a snapshot"),
        ("snapshot_user_us", "of it user µs"),
        ("clients_per_core", "clients a core"),
        ("snapshot_bytes", "bytes a snapshot"),
        ("payload_bytes", "of it state"),
        ("snapshots_per_s", "snapshots/s"),
        ("gap_p99_ms", "p99 gap ms"),
        ("generator_busy", "generator's core"),
    ];
    for point in games {
        let Some(contenders) = stored.points.get(point.key) else {
            continue;
        };
        let _ = write!(out, "<h2>{}</h2>", escape(point.title));
        let heads: Vec<&str> = std::iter::once("")
            .chain(figures.map(|(_, head)| head))
            .collect();
        let rows = contenders.iter().map(|(key, all)| {
            let mut row = vec![title(key).to_owned()];
            row.extend(figures.iter().map(|(name, _)| cell(all.get(*name))));
            row
        });
        out.push_str(&table(&heads, rows));
    }
    out
}

/// One row of the README's table: who, at which point, and what is told of it.
struct Row {
    point: &'static str,
    key: &'static str,
    what: &'static str,
}

const fn row(point: &'static str, key: &'static str, what: &'static str) -> Row {
    Row { point, key, what }
}

/// The same room, as many clients.
const SAME: &[Row] = &[
    row("watch-400", "rooms", "400 watch"),
    row("watch-400", "colyseus", "400 watch"),
    row("watch-400", "floor-rooms", "400 watch"),
    row("watch-1500", "rooms", "1,500 watch"),
    row("watch-1500", "colyseus", "1,500 watch"),
    row("watch-1500", "floor-rooms", "1,500 watch"),
    row("play-400", "rooms", "400 play"),
    row("play-400", "colyseus", "400 play"),
    row("play-400", "floor-rooms", "400 play"),
    row("play-1500", "rooms", "1,500 play"),
    row("play-1500", "colyseus", "1,500 play"),
    row("play-1500", "floor-rooms", "1,500 play"),
    row("paced-400", "rooms", "400 play, paced"),
    row("paced-400", "colyseus", "400 play, paced"),
    row("paced-400", "floor-rooms", "400 play, paced"),
    row("paced-1500", "rooms", "1,500 play, paced"),
    row("paced-1500", "colyseus", "1,500 play, paced"),
    row("paced-1500", "floor-rooms", "1,500 play, paced"),
];

/// As many players as are held.
const MOST: &[Row] = &[
    row("most", "rooms", "ARENA-N"),
    row("most", "colyseus", "ARENA-N"),
    row("most", "glimmer", "the game, 60 Hz"),
    row("most", "colyseus-glimmer", "ARENA-N, as much in view"),
];

/// Markdown: rooms beside Colyseus' with as many clients, and how many players either holds.
pub fn rooms_table(stored: &Stored) -> String {
    let figure = |row: &Row, name: &str| stored.median(row.point, row.key, name);
    let shown = |row: &Row, name: &str| figure(row, name).map_or("–".to_owned(), number);
    let named = |row: &Row| {
        let title = title(row.key);
        match title.strip_prefix('*') {
            Some(own) => format!("**{own}**"),
            None => title.to_owned(),
        }
    };
    let mut out = String::from(
        "| 100 in view, 20 Hz, one core | | CPU µs a client and second | clients a core | bytes a snapshot | snapshots/s | p99 gap ms |\n\
         |---|---|---:|---:|---:|---:|---:|\n",
    );
    for row in SAME.iter().filter(|row| figure(row, "clients").is_some()) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            named(row),
            row.what,
            shown(row, "client_cpu_us"),
            shown(row, "clients_per_core"),
            shown(row, "snapshot_bytes"),
            shown(row, "snapshots_per_s"),
            shown(row, "gap_p99_ms")
        );
    }
    if MOST.iter().any(|row| figure(row, "players").is_some()) {
        out.push_str(
            "\n| most players on one core | | players | in view (moving) | snapshots/s | p99 gap ms | server's core | generator's core |\n\
             |---|---|---:|---:|---:|---:|---:|---:|\n",
        );
    }
    for row in MOST.iter().filter(|row| figure(row, "players").is_some()) {
        let own = figure(row, "generator_was_the_limit") == Some(1.0);
        let seen = figure(row, "moving").zip(figure(row, "standing"));
        let seen = match (row.key, seen) {
            (_, Some((moving, standing))) => {
                format!("{:.0} ({moving:.0})", moving + standing)
            }
            ("colyseus", None) => "100 (100)".to_owned(),
            (_, None) => "as above".to_owned(),
        };
        let percent =
            |name| figure(row, name).map_or("–".to_owned(), |it| format!("{:.0} %", it * 100.0));
        let _ = writeln!(
            out,
            "| {} | {} | {}{} | {seen} | {} | {} | {} | {} |",
            named(row),
            row.what,
            if own { "≥ " } else { "" },
            shown(row, "players"),
            shown(row, "snapshots_per_s"),
            shown(row, "gap_p99_ms"),
            percent("busy"),
            percent("generator_busy")
        );
    }
    let Stored {
        repetitions,
        seconds,
        ..
    } = stored;
    let _ = write!(
        out,
        "\nMedians of {repetitions} runs of {seconds} s with fresh servers in turns; one core for the server, one for the clients, which \
         are one program for all; {}. Who plays sends \
         an input for each snapshot, at once, or 25 ms later where it is paced; who watches sends Ringside one acknowledgement for two and Colyseus nothing. Clients a core: clients \
         over the share of the core used. Made by `cargo xtask rivals --points watch-400,watch-1500,play-400,play-1500,paced-400,paced-1500` and \
         `cargo xtask bench --table`; [benches/README.md](benches/README.md) says how and what it cannot show.\n",
        stored.origin()
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Figure;

    fn stored() -> Stored {
        let figures = |all: &[(&str, f64)]| {
            let figure = |value: f64| Figure::of([value]).expect("one value");
            all.iter()
                .map(|(name, value)| ((*name).to_owned(), figure(*value)))
                .collect()
        };
        let ours = figures(&[("clients", 400.0), ("client_cpu_us", 120.0)]);
        let most = figures(&[
            ("players", 2_000.0),
            ("generator_was_the_limit", 1.0),
            ("moving", 20.4),
            ("standing", 99.6),
        ]);
        let mut stored = Stored::default();
        let mut add = |point: &str, key: &str, figures| {
            let point = stored.points.entry(point.to_owned()).or_default();
            point.insert(key.to_owned(), figures);
        };
        add("watch-400", "rooms", ours);
        add("most", "glimmer", most);
        stored
    }

    #[test]
    fn the_table_tells_what_was_measured_and_nothing_else() {
        let table = rooms_table(&stored());
        assert!(
            table.contains("| **Ringside rooms** | 400 watch | 120 | – |"),
            "{table}"
        );
        assert!(
            table.contains("| **GLIMMER** | the game, 60 Hz | ≥ 2000 | 120 (20) |"),
            "{table}"
        );
        assert!(
            !table.contains("Colyseus |") && !table.contains("play |"),
            "{table}"
        );
        let page = page(&stored());
        assert!(page.contains("400 clients who watch") && !page.contains("400 clients who send"));
        assert_eq!(super::page(&Stored::default()), "");
    }
}
