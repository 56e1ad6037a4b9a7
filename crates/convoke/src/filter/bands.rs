//! A narrow filter as a stream. It has no window of its own that moves, so rows are gathered in a *band*: as many as the
//! mask has, less one, and those of some outputs. Of a full band these outputs are made, as of a picture of that height
//! whose upper and lower edges are never read; then its last rows move up. All sums are exact, so the bits are those of the
//! whole picture.

use convoke_core::{Error, Filter2dDesc, Level, NextRow, Pixel, RowFeed};

use super::engine::Narrow;
use crate::buffer::zeros;

/// Least number of outputs of a band. Otherwise there are as many as the mask has rows, so that what a run does before its
/// first output takes at most as long as the outputs do.
const LEAST: usize = 8;

/// A stream of bytes to integers.
#[derive(Clone, Debug)]
pub(crate) struct Bands<I, O> {
    desc: Filter2dDesc,
    narrow: Narrow,
    feed: RowFeed,
    /// Rows of the picture that the border may show again.
    slots: Vec<I>,
    band: Vec<I>,
    /// Rows in the band.
    held: usize,
    /// The results of a band, and which of its rows are still to be pulled.
    results: Vec<O>,
    ready: std::ops::Range<usize>,
    /// Rows that have been pulled.
    pulled: usize,
}

impl<I: Pixel, O: Pixel> Bands<I, O> {
    /// The stream, if there is a narrow filter for this and it is for these types.
    pub(crate) fn new(desc: &Filter2dDesc, mask: &[f32], level: Level) -> Result<Option<Self>, Error> {
        let ([r, _], row_len) = (desc.mask_size, desc.size[1].saturating_mul(desc.channels));
        if !Narrow::is_for::<I, O>() || r == 0 {
            return Ok(None);
        }
        // Finds out what is wrong with the descriptor, and whether there is such a filter, before there is any memory.
        let mut dense = *desc;
        (dense.src_row_stride, dense.dst_row_stride) = (None, None);
        if Narrow::new(&dense, mask, level)?.is_none() {
            return Ok(None);
        }
        let outputs = r.max(LEAST).min(desc.size[0]);
        let rows = r - 1 + outputs;
        let mut of_band = dense;
        of_band.size[0] = rows;
        let Some(narrow) = Narrow::new(&of_band, mask, level)? else { return Ok(None) };
        let room =
            |rows: usize| rows.checked_mul(row_len).ok_or(Error::Overflow { operand: "stream buffer" });
        let mut bands = Self {
            desc: *desc,
            narrow,
            feed: RowFeed::new(desc),
            slots: zeros("stream buffer", room(RowFeed::kept(desc))?)?,
            band: zeros("stream buffer", room(rows)?)?,
            held: 0,
            results: zeros("stream buffer", room(outputs)?)?,
            ready: 0..0,
            pulled: 0,
        };
        // What lies above the picture may be there already.
        bands.fill();
        Ok(Some(bands))
    }

    pub(crate) fn wants(&self) -> Option<usize> {
        if self.has_row() { None } else { self.feed.wants() }
    }

    /// Takes the row that is wanted.
    pub(crate) fn push(&mut self, row: &[I]) -> Result<(), Error> {
        if self.wants().is_none() {
            return Err(Error::NotWanted { operand: "row" });
        }
        self.check("row", row.len())?;
        let slot = self.feed.push();
        self.slots[slot * row.len()..][..row.len()].copy_from_slice(row);
        self.fill();
        Ok(())
    }

    pub(crate) fn pull(&mut self, dst: &mut [O]) -> Result<bool, Error> {
        self.check("dst", dst.len())?;
        if !self.has_row() {
            return Ok(false);
        }
        if self.ready.is_empty() {
            self.compute()?;
        }
        dst.copy_from_slice(&self.results[self.ready.start * dst.len()..][..dst.len()]);
        self.ready.start += 1;
        self.pulled += 1;
        Ok(true)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.pulled == self.desc.size[0]
    }

    pub(crate) fn desc(&self) -> &Filter2dDesc {
        &self.desc
    }

    pub(crate) fn level(&self) -> Level {
        self.narrow.level()
    }

    /// How it works, in a line for people.
    pub(crate) fn describe(&self) -> String {
        let [r, s] = self.desc.mask_size;
        format!("narrow {r}x{s}, {}, {} rows at a time", self.level(), self.outputs())
    }

    fn row_len(&self) -> usize {
        self.desc.size[1] * self.desc.channels
    }

    fn check(&self, operand: &'static str, got: usize) -> Result<(), Error> {
        let required = self.row_len();
        if got == required { Ok(()) } else { Err(Error::Length { operand, required, got }) }
    }

    /// Outputs of a full band.
    fn outputs(&self) -> usize {
        self.results.len() / self.row_len()
    }

    /// Rows of a full band.
    fn rows(&self) -> usize {
        self.outputs() + self.desc.mask_size[0] - 1
    }

    fn has_row(&self) -> bool {
        let is_full = self.held == self.rows() || self.feed.next() == NextRow::Done;
        !self.ready.is_empty() || !self.is_finished() && is_full
    }

    /// Takes in the rows that are there, until the band is full.
    fn fill(&mut self) {
        let row_len = self.row_len();
        while self.held < self.rows() {
            let to = &mut self.band[self.held * row_len..][..row_len];
            match self.feed.next() {
                NextRow::Kept(slot) => to.copy_from_slice(&self.slots[slot * row_len..][..row_len]),
                // A narrow filter's border is a byte.
                NextRow::Outside => to.fill(I::from(self.desc.border.outside() as u8)),
                NextRow::Missing | NextRow::Done => return,
            }
            self.feed.take();
            self.held += 1;
        }
    }

    /// Makes the outputs of a band, which is full, or has the last rows.
    fn compute(&mut self) -> Result<(), Error> {
        let (halo, row_len, [above, _]) = (self.desc.mask_size[0] - 1, self.row_len(), self.feed.around());
        let count = self.held - halo;
        let region = [above..above + count, 0..self.desc.size[1]];
        self.narrow.run_region(region, &self.band, &mut self.results[..count * row_len], row_len)?;
        self.ready = 0..count;
        self.band.copy_within(count * row_len..self.held * row_len, 0);
        self.held = halo;
        // Rows that were kept from a band that was full.
        self.fill();
        Ok(())
    }
}
