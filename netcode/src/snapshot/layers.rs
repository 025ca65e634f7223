//! Layers: which types of entities a world has, and over how many cells each is spread.
//!
//! Both ends list the same layers in the same order; [`Layers::hash`] is how they find out that
//! they do not. What cells mean is up to the game: see [`crate::interest`] for squares of a plane.

use super::CellId;
use super::state::Layout;
use crate::schema::{Fnv, Replicate};
use core::marker::PhantomData;
use core::ops::Range;

/// Most layers of a world; a frame names a layer in four bits.
pub const LAYERS_MAX: usize = 16;
/// Most cells of a world, all layers together. A cell's bookkeeping is about 100 bytes a tick of
/// history; 4,096 cells are a 64 x 64 grid.
pub const CELLS_MAX: usize = 4096;

/// One layer: the type of its entities and the number of its cells.
#[derive(Clone, Debug)]
pub(crate) struct LayerSpec {
    pub layout: Layout,
    pub cells: u16,
}

/// Names a layer of `T`s.
pub struct LayerId<T> {
    pub(crate) index: u8,
    marker: PhantomData<fn() -> T>,
}

impl<T> Clone for LayerId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for LayerId<T> {}

impl<T> core::fmt::Debug for LayerId<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "layer {}", self.index)
    }
}

/// The layers of a world, which both ends must agree on.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    pub(crate) specs: Vec<LayerSpec>,
}

impl Layers {
    /// No layers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a layer of `T`s over `cells` cells.
    ///
    /// # Panics
    /// If there are then more than [`LAYERS_MAX`] layers or [`CELLS_MAX`] cells, if the layer has
    /// no cell, or if `T`'s schema is invalid: mistakes in code, none of which input can cause.
    pub fn add<T: Replicate>(&mut self, cells: u16) -> LayerId<T> {
        assert!(cells > 0, "a layer needs a cell");
        self.specs.push(LayerSpec {
            layout: Layout::new(T::SCHEMA),
            cells,
        });
        assert!(
            self.specs.len() <= LAYERS_MAX,
            "more than {LAYERS_MAX} layers"
        );
        assert!(
            self.cell_count() <= CELLS_MAX,
            "more than {CELLS_MAX} cells"
        );
        LayerId {
            index: self.specs.len() as u8 - 1,
            marker: PhantomData,
        }
    }

    /// Cell `n` of a layer, as frames and views name it. `n` wraps at the layer's end.
    pub fn cell<T>(&self, layer: LayerId<T>, n: u16) -> CellId {
        let range = self.cells(layer.index as usize);
        CellId(range.start + n % (range.end - range.start))
    }

    /// Cells of all layers together.
    pub fn cell_count(&self) -> usize {
        self.specs.iter().map(|spec| usize::from(spec.cells)).sum()
    }

    /// What the handshake compares: differs whenever frames would be read wrongly.
    pub fn hash(&self) -> u32 {
        let mut hash = Fnv::new();
        for spec in &self.specs {
            spec.layout.schema.hash_into(&mut hash);
            hash.bytes(&spec.cells.to_le_bytes());
        }
        hash.get()
    }

    pub(crate) fn cells(&self, layer: usize) -> Range<u16> {
        let start: u16 = self.specs[..layer].iter().map(|spec| spec.cells).sum();
        start..start + self.specs[layer].cells
    }

    /// The layer of a cell, if there is such a cell.
    pub(crate) fn layer_of(&self, cell: CellId) -> Option<usize> {
        let mut end = 0u16;
        self.specs.iter().position(|spec| {
            end += spec.cells;
            cell.0 < end
        })
    }
}
