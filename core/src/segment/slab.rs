//! The codes of a segment in memory, while its graph is built.

use crate::codes::dot_codes;

/// The codes of all rows of a segment in memory, for building its graph.
///
/// Grows block by block: growing never copies, so the peak is what is kept.
pub(super) struct CodeSlab {
    dimension: usize,
    rows: usize,
    blocks: Vec<Box<[u8]>>,
    scales: Vec<Box<[f32]>>,
    pending: Vec<u8>,
    pending_scales: Vec<f32>,
}

/// Rows of a block, a power of two.
const BLOCK_ROWS: usize = 256;

impl CodeSlab {
    pub(super) fn new(dimension: u32) -> Self {
        Self {
            dimension: dimension as usize,
            rows: 0,
            blocks: Vec::new(),
            scales: Vec::new(),
            pending: Vec::new(),
            pending_scales: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows as u32
    }

    pub(super) fn dimension(&self) -> u32 {
        self.dimension as u32
    }

    /// Appends rows: `dimension` codes and one factor each.
    pub(super) fn extend(&mut self, codes: &[u8], scales: &[f32]) {
        for (code, &scale) in codes.chunks_exact(self.dimension).zip(scales) {
            if self.pending.is_empty() {
                self.pending.reserve_exact(BLOCK_ROWS * self.dimension);
            }
            self.pending.extend_from_slice(code);
            self.pending_scales.push(scale);
            self.rows += 1;
            if self.pending_scales.len() == BLOCK_ROWS {
                self.close_block();
            }
        }
    }

    /// No more rows will come.
    pub(super) fn seal(&mut self) {
        if !self.pending_scales.is_empty() {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        self.blocks
            .push(std::mem::take(&mut self.pending).into_boxed_slice());
        self.scales
            .push(std::mem::take(&mut self.pending_scales).into_boxed_slice());
    }

    /// A row of a sealed slab.
    pub(super) fn row(&self, row: u32) -> (&[u8], f32) {
        let (block, within) = (row as usize / BLOCK_ROWS, row as usize % BLOCK_ROWS);
        let code = &self.blocks[block][within * self.dimension..][..self.dimension];
        (code, self.scales[block][within])
    }

    /// The cosine similarity of two rows of a sealed slab, up to rounding of their codes.
    pub(super) fn similarity(&self, a: u32, b: u32) -> f32 {
        let ((a, a_scale), (b, b_scale)) = (self.row(a), self.row(b));
        dot_codes(a, b) as f32 * a_scale * b_scale
    }
}
