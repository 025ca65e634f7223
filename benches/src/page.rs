//! Pages and plots: HTML with SVG inside, in one file that needs nothing beside it.
//!
//! Promises: light and dark follow the reader's setting; every plot names its axes and units and has
//! its figures as a table or as titles beside it; text is escaped. Leaves out: scripts.

use std::fmt::Write;

/// Colours of lines and bars, told apart by most eyes, on light and on dark.
const COLOURS: &[&str] = &[
    "#2f7ed8", "#e4572e", "#2a9d5c", "#9b5de5", "#d8a31a", "#17a2b8", "#c2417c", "#7f8c8d",
];

/// Text as it may stand in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A whole page.
pub fn html(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\n<style>{STYLE}</style>\
         </head>\n<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6b7c;--line:#d5dbe3;--ground:#fff;--own:#eaf3ff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#93a1b5;--line:#333d4b;--ground:#12161d;--own:#1b2a40}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:60rem;margin:0 auto;padding:1.5rem}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}\
p{max-width:46rem}table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums;font-size:.9rem}\
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}\
td+td,th+th{text-align:right}tr.own td{background:var(--own);font-weight:600}\
figure{margin:1.5rem 0}svg{width:100%;height:auto;max-width:56rem}svg text{fill:var(--ink);font:12px system-ui,sans-serif}\
svg .soft{fill:var(--soft)}svg .grid{stroke:var(--line)}figcaption{font-weight:600;margin-bottom:.3rem}";

/// A table. Cells are escaped; a row whose first cell begins with `*` is ours and stands out.
pub fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::from("<table><thead><tr>");
    for head in heads {
        let _ = write!(out, "<th>{}</th>", escape(head));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        let own = row.first().is_some_and(|cell| cell.starts_with('*'));
        out.push_str(if own { "<tr class=\"own\">" } else { "<tr>" });
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escape(cell.trim_start_matches('*')));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
    out
}

/// One line of a plot.
pub struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Line {
    /// A line through these points, in the order of their x.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
        }
    }
}

/// Lines over two axes that begin at zero.
pub struct Plot {
    title: String,
    x: String,
    y: String,
    lines: Vec<Line>,
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 14.0;
const RIGHT: f64 = 110.0;

impl Plot {
    /// An empty plot with named axes.
    pub fn new(title: &str, x: &str, y: &str) -> Self {
        Self {
            title: title.into(),
            x: x.into(),
            y: y.into(),
            lines: Vec::new(),
        }
    }

    /// Adds a line.
    #[must_use]
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// The plot as a figure.
    pub fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let top = |values: &mut dyn Iterator<Item = f64>| nice(values.fold(0.0, f64::max));
        let x_top = top(&mut all().map(|point| point.0));
        let y_top = top(&mut all().map(|point| point.1));
        let x = |value: f64| LEFT + value / x_top * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / y_top * (HEIGHT - BOTTOM - TOP);
        let mut out = open(&self.title, HEIGHT);
        for step in 0..=5 {
            let (at_x, at_y) = (x_top * f64::from(step) / 5.0, y_top * f64::from(step) / 5.0);
            let (left, right, line) = (LEFT, WIDTH - RIGHT, y(at_y));
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
                 <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
                 <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                left - 8.0,
                line + 4.0,
                tick(at_y),
                x(at_x),
                HEIGHT - BOTTOM + 18.0,
                tick(at_x)
            );
        }
        let _ = write!(
            out,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"soft\" x=\"14\" y=\"{:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {:.1})\">{}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 6.0,
            escape(&self.x),
            HEIGHT / 2.0,
            HEIGHT / 2.0,
            escape(&self.y)
        );
        for (at, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py)))
                .collect();
            let _ = write!(
                out,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\
                 <rect x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                points.join(" "),
                WIDTH - RIGHT + 10.0,
                TOP + 20.0 * at as f64,
                WIDTH - RIGHT + 26.0,
                TOP + 9.0 + 20.0 * at as f64,
                escape(&line.name)
            );
        }
        out.push_str("</svg></figure>\n");
        out
    }
}

/// Horizontal bars, one a row, each with its figure; a name that begins with `*` is ours.
pub fn bars(title: &str, unit: &str, rows: &[(String, f64)]) -> String {
    const ROW: f64 = 26.0;
    const NAMES: f64 = 190.0;
    let most = rows.iter().map(|row| row.1).fold(0.0, f64::max);
    let height = ROW * rows.len() as f64 + 10.0;
    let mut out = open(&format!("{title} ({unit})"), height);
    for (at, (name, value)) in rows.iter().enumerate() {
        let own = name.starts_with('*');
        let top = ROW * at as f64 + 4.0;
        let width = if most > 0.0 {
            value / most * (WIDTH - NAMES - 90.0)
        } else {
            0.0
        };
        let colour = if own { COLOURS[0] } else { COLOURS[7] };
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{NAMES}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAMES - 8.0,
            top + 13.0,
            escape(name.trim_start_matches('*')),
            width.max(1.0),
            NAMES + width.max(1.0) + 6.0,
            top + 13.0,
            number(*value)
        );
    }
    out.push_str("</svg></figure>\n");
    out
}

fn open(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">"
    )
}

/// A figure with as many digits as say something.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1e7 => format!("{:.1} M", value / 1e6),
        size if size >= 1e4 => format!("{:.0} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A figure on an axis: without zeros that say nothing.
fn tick(value: f64) -> String {
    let text = number(value);
    if text.contains('.') && !text.contains(' ') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// The next number above that an axis may end with.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|step| value <= step * power * 1.0001);
    step.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_above_the_data() {
        for (value, end) in [
            (0.0, 1.0),
            (0.7, 1.0),
            (1.0, 1.0),
            (3.1, 5.0),
            (21.0, 25.0),
            (60.0, 100.0),
        ] {
            assert_eq!(nice(value), end, "{value}");
        }
    }

    #[test]
    fn names_cannot_break_the_page() {
        let plot = Plot::new("<b>", "x", "y")
            .line(Line::new("a&b", [(0.0, 1.0), (1.0, 2.0)]))
            .svg();
        assert!(plot.contains("&lt;b&gt;") && plot.contains("a&amp;b") && !plot.contains("NaN"));
        let table = table(&["a"], [vec!["*<i>".to_owned()]]);
        assert!(table.contains("class=\"own\"") && table.contains("&lt;i&gt;"));
        assert!(!bars("t", "us", &[("a".into(), 0.0)]).contains("NaN"));
    }
}
