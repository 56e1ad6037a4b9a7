//! The order in which the rows of a picture are wanted by whoever walks down it with its border: *virtual* rows, of which
//! `-1` is the first above the picture and `H` the first below, from `-above` to `H - 1 + below`. Which of them shows
//! which row, and which rows must be kept for it. Holds no pixels.
//!
//! ```text
//! push    row k of the picture is there, in slot `k % kept`
//! take    the next virtual row is done with: row `border(v)`, or nothing but the border's constant
//! ```
//!
//! Rows are pushed only where the next virtual row is not there yet. What is kept is then enough: a virtual row inside the
//! picture shows the last row pushed. One above it, in a mirror, waits for up to row `above`, and all of them are kept
//! until then; one below shows one of the last `below + 1` rows. (Where a mirror repeats more than once, the picture has
//! no more rows than that.) With [`Border::Wrap`] rows are pushed in the order of the virtual ones, some of them twice.

use crate::{Border, Filter2dDesc};

/// The virtual row that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRow {
    /// It shows the row of the picture in this slot.
    Kept(usize),
    /// It shows the border's constant.
    Outside,
    /// It shows a row of the picture that has not been pushed yet.
    Missing,
    /// There is none left.
    Done,
}

/// A walk down the virtual rows of a picture. Hidden: for the crates that stream filters of their own.
#[derive(Clone, Copy, Debug)]
pub struct RowFeed {
    border: Border,
    height: usize,
    above: usize,
    count: usize,
    kept: usize,
    pushed: usize,
    taken: usize,
}

impl RowFeed {
    /// Before the first row. The descriptor is one that has been planned.
    pub const fn new(desc: &Filter2dDesc) -> Self {
        let [above, below] = desc.rows_around();
        let [height, _] = desc.size;
        Self {
            border: desc.border,
            height,
            above,
            count: height.saturating_add(above).saturating_add(below),
            kept: Self::kept(desc),
            pushed: 0,
            taken: 0,
        }
    }

    /// Rows of the picture that must be kept.
    pub const fn kept(desc: &Filter2dDesc) -> usize {
        let [above, below] = desc.rows_around();
        match desc.border {
            Border::Reflect | Border::Reflect101 => {
                (if above > below { above } else { below }).saturating_add(1)
            }
            _ => 1,
        }
    }

    /// The next virtual row.
    pub fn next(&self) -> NextRow {
        if self.taken == self.count {
            return NextRow::Done;
        }
        if self.border == Border::Wrap {
            // Rows come in the order of the virtual ones.
            return if self.taken < self.pushed { NextRow::Kept(0) } else { NextRow::Missing };
        }
        match self.border.index(self.taken as isize - self.above as isize, self.height) {
            None => NextRow::Outside,
            Some(row) if row < self.pushed => NextRow::Kept(self.slot(row)),
            Some(_) => NextRow::Missing,
        }
    }

    /// Mask rows above and below the output pixel.
    pub fn around(&self) -> [usize; 2] {
        [self.above, self.count - self.height - self.above]
    }

    /// Virtual rows that are done with.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Is done with the [`next`](Self::next) one, which is there.
    pub fn take(&mut self) {
        self.taken += 1;
    }

    /// The row of the picture that must be pushed; `None` if the next virtual row is there, or none is left.
    pub fn wants(&self) -> Option<usize> {
        if self.next() != NextRow::Missing {
            return None;
        }
        match self.border {
            Border::Wrap => self.border.index(self.pushed as isize - self.above as isize, self.height),
            _ => Some(self.pushed),
        }
    }

    /// Where a row of the picture is kept. At least one is.
    fn slot(&self, row: usize) -> usize {
        row.checked_rem(self.kept).unwrap_or_default()
    }

    /// The slot of the row that it [`wants`](Self::wants), which is there from now on.
    pub fn push(&mut self) -> usize {
        let slot = self.slot(self.pushed);
        self.pushed += 1;
        slot
    }
}
