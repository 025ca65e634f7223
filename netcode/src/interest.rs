//! Interest: which cells a client sees.
//!
//! [`Grid`] cuts a plane into square cells. An entity changes its cell only when it is clearly
//! past the border, and a client's [`View`] gains a cell sooner than it loses it, so that nothing
//! flickers at an edge. Besides its squares a grid has one cell, [`Grid::everywhere`], for
//! entities that every client sees wherever it looks.
//!
//! What a view does not hold is not sent, not even in part: see [`crate::snapshot`]. Whether a
//! client deserves its view is the game's business.

use crate::snapshot::{CellId, LayerId, Layers};
use core::ops::Range;

/// The cells a client may see, each with a weight for when not all fit the budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    cells: Vec<(CellId, u16)>,
}

impl View {
    /// A view of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a cell, or changes its weight. A weight of zero counts as one: what is in view must
    /// have its turn.
    pub fn insert(&mut self, cell: CellId, weight: u16) {
        match self.cells.binary_search_by_key(&cell, |(cell, _)| *cell) {
            Ok(at) => self.cells[at].1 = weight,
            Err(at) => self.cells.insert(at, (cell, weight)),
        }
    }

    /// Removes a cell.
    pub fn remove(&mut self, cell: CellId) {
        self.cells.retain(|(c, _)| *c != cell);
    }

    /// Removes all cells.
    pub fn clear(&mut self) {
        self.cells.clear();
    }

    /// Whether a cell is in view.
    pub fn contains(&self, cell: CellId) -> bool {
        self.cells
            .binary_search_by_key(&cell, |(cell, _)| *cell)
            .is_ok()
    }

    /// The cells and their weights, by cell.
    pub fn cells(&self) -> &[(CellId, u16)] {
        &self.cells
    }
}

/// The shape of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridConfig {
    /// Least coordinates of the plane.
    pub origin: (i32, i32),
    /// Side of a cell, in the plane's units; at least 1.
    pub cell: i32,
    /// Cells along x and along y; at least 1 each. What lies outside belongs to the edge.
    pub columns: u16,
    /// See `columns`.
    pub rows: u16,
    /// How far past the border of its cell an entity must be to change it, in units. A tenth of
    /// a cell keeps those who dance on the border still.
    pub margin: i32,
}

/// A plane cut into cells, for one layer of entities.
#[derive(Clone, Debug)]
pub struct Grid {
    config: GridConfig,
    cells: Range<u16>,
}

impl GridConfig {
    /// Cells a layer needs for this grid: its squares, and one for entities seen from everywhere.
    pub fn cells(&self) -> u16 {
        self.columns * self.rows + 1
    }
}

impl Grid {
    /// A grid over the cells of `layer`.
    ///
    /// # Panics
    /// If the layer has fewer cells than [`GridConfig::cells`], or a side is zero: mistakes in
    /// code.
    pub fn new<T>(config: GridConfig, layers: &Layers, layer: LayerId<T>) -> Self {
        assert!(
            config.cell > 0 && config.columns > 0 && config.rows > 0,
            "an empty grid"
        );
        let cells = layers.cells(usize::from(layer.index));
        assert!(
            cells.len() >= usize::from(config.cells()),
            "the layer has too few cells"
        );
        Grid { config, cells }
    }

    /// The cell of entities that every client sees.
    pub fn everywhere(&self) -> CellId {
        CellId(self.cells.start + self.config.columns * self.config.rows)
    }

    /// The cell at a column and a row, which are cut to the grid.
    pub fn at(&self, column: i32, row: i32) -> CellId {
        let column = column.clamp(0, i32::from(self.config.columns) - 1) as u16;
        let row = row.clamp(0, i32::from(self.config.rows) - 1) as u16;
        CellId(self.cells.start + row * self.config.columns + column)
    }

    /// The cell in which a position lies.
    pub fn cell_of(&self, x: i32, y: i32) -> CellId {
        let (column, row) = self.place_of(x, y);
        self.at(column, row)
    }

    /// The cell of an entity that was in `before`: the same, unless it is past the margin.
    pub fn cell_after(&self, before: CellId, x: i32, y: i32) -> CellId {
        let Some((column, row)) = self.place(before) else {
            return self.cell_of(x, y);
        };
        let within = |at: i32, origin: i32, place: i32| {
            let low = i64::from(origin) + i64::from(place) * i64::from(self.config.cell);
            let high = low + i64::from(self.config.cell);
            let margin = i64::from(self.config.margin);
            (low - margin..high + margin).contains(&i64::from(at))
        };
        let (left, top) = self.config.origin;
        if within(x, left, column) && within(y, top, row) {
            before
        } else {
            self.cell_of(x, y)
        }
    }

    /// Fits `view` to a client that looks at a position: cells within `radius` come into view,
    /// cells beyond `radius + slack` leave it. Nearer cells weigh more. Cells that are not squares
    /// of this grid stay as they are, and [`Grid::everywhere`] is always in view.
    pub fn look(&self, view: &mut View, x: i32, y: i32, radius: i32, slack: i32) {
        let keep = i64::from(radius.max(0)) + i64::from(slack.max(0));
        view.cells.retain(|(cell, _)| match self.place(*cell) {
            Some((column, row)) => self.distance_squared(column, row, x, y) <= keep * keep,
            None => true,
        });
        let (left, top) = self.place_of(x.saturating_sub(radius), y.saturating_sub(radius));
        let (right, bottom) = self.place_of(x.saturating_add(radius), y.saturating_add(radius));
        let radius = i64::from(radius.max(0));
        for row in top..=bottom {
            for column in left..=right {
                if self.distance_squared(column, row, x, y) <= radius * radius {
                    view.insert(self.at(column, row), 1);
                }
            }
        }
        for (cell, weight) in &mut view.cells {
            if let Some((column, row)) = self.place(*cell) {
                // From 8 beside the client to 1 a radius away.
                let distance = self.distance_squared(column, row, x, y).isqrt();
                *weight = (8 - 7 * distance.min(radius) / radius.max(1)) as u16;
            }
        }
        view.insert(self.everywhere(), 8);
    }

    /// Column and row of a position, cut to the grid.
    fn place_of(&self, x: i32, y: i32) -> (i32, i32) {
        let place = |at: i32, origin: i32, count: u16| {
            let place = (i64::from(at) - i64::from(origin)).div_euclid(self.config.cell.into());
            place.clamp(0, i64::from(count) - 1) as i32
        };
        let (left, top) = self.config.origin;
        (
            place(x, left, self.config.columns),
            place(y, top, self.config.rows),
        )
    }

    /// Column and row of a cell, if it is a square of this grid.
    fn place(&self, cell: CellId) -> Option<(i32, i32)> {
        let n = cell.0.checked_sub(self.cells.start)?;
        let columns = self.config.columns;
        (n < columns * self.config.rows).then(|| (i32::from(n % columns), i32::from(n / columns)))
    }

    /// The square of the distance from a position to the nearest point of a cell.
    fn distance_squared(&self, column: i32, row: i32, x: i32, y: i32) -> i64 {
        let side = i64::from(self.config.cell);
        let apart = |at: i32, origin: i32, place: i32| {
            let low = i64::from(origin) + i64::from(place) * side;
            let high = low + side - 1;
            (low - i64::from(at)).max(i64::from(at) - high).max(0)
        };
        let (left, top) = self.config.origin;
        let (dx, dy) = (apart(x, left, column), apart(y, top, row));
        dx.saturating_mul(dx).saturating_add(dy.saturating_mul(dy))
    }
}
