//! The walk of a chain: strips of output rows, and for each the rows of every layer that it needs and that are not there
//! yet.

use super::desc::ChainOperands;
use super::plan::ChainPlan;
use super::strip::{LINE, Strips};
use crate::conv::geometry::Strides;
use crate::conv::methods::Layered;
use crate::conv::operands::Operands;
use crate::conv::part::Part;
use crate::conv::plan::Conv2dPlan;

/// One call, its operands known to fit.
pub(super) struct Run<'a, const N: usize> {
    pub(super) plan: &'a ChainPlan<N>,
    pub(super) part: &'a Part,
    pub(super) operands: &'a ChainOperands<'a, N>,
    pub(super) weights: [&'a [f32]; N],
}

/// How far the layers are with the rows of one image's part.
#[derive(Clone, Copy, Debug)]
struct Progress<const N: usize> {
    /// The rows of each layer that the part needs: the first of them, and the one behind the last.
    first: [usize; N],
    end: [usize; N],
    /// The next to be made.
    next: [usize; N],
    /// The first that is held.
    held: [usize; N],
}

impl<'a, const N: usize> Run<'a, N> {
    pub(super) fn run(&self, dst: &mut [f32], scratch: &mut [f32]) {
        let start = match self.plan.strips.len.iter().any(|&len| len > 0) {
            true => scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE),
            false => 0,
        };
        let held = self.plan.strips.len.iter().sum();
        let (held, scratch) = scratch[start..].split_at_mut(held);
        if self.part.rows.is_empty() {
            return;
        }
        for image in self.part.images() {
            self.image(image, dst, held, scratch);
        }
    }

    /// The part's rows of one image.
    ///
    /// ```text
    /// for each strip of output rows
    ///     from the last layer to the first:  which rows must it make, so that the next can?
    ///     from the first layer to the last:  make them, behind those that are held; let go of what nobody will read
    /// ```
    ///
    /// The rows between two layers lie in a buffer one after the other, so that the layer which reads them sees an image of
    /// those rows like any other. When the buffer's end is reached, the rows that are still needed (of a 3x3 layer two) move to
    /// its start.
    fn image(&self, image: usize, dst: &mut [f32], held: &mut [f32], scratch: &mut [f32]) {
        let ChainPlan { layers, strips, .. } = self.plan;
        let mut progress = Progress::new(layers, self.part);
        while progress.next[N - 1] < progress.end[N - 1] {
            let targets = progress.targets(layers, strips.rows);
            let mut rest = &mut *held;
            let mut before: &[f32] = &[];
            for layer in 0..N {
                let (window, after) = rest.split_at_mut(strips.len[layer]);
                rest = after;
                if layer + 1 < N {
                    progress.make_room(layer, targets[layer], &layers[layer + 1], strips, window);
                    self.layer(image, layer, &progress, targets, before, window, scratch);
                } else {
                    self.layer(image, layer, &progress, targets, before, dst, scratch);
                }
                before = window;
            }
            progress.next = targets;
        }
    }

    /// Makes rows of one layer, from those of the one `before` it.
    #[expect(clippy::too_many_arguments, reason = "one call, in one place")]
    fn layer(
        &self,
        image: usize,
        layer: usize,
        progress: &Progress<N>,
        targets: [usize; N],
        before: &[f32],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let ChainPlan { layers, strips, .. } = self.plan;
        let rows = progress.next[layer]..targets[layer];
        if rows.is_empty() {
            return;
        }
        let mut plan = layers[layer];
        let Strides { image: images, .. } = self.plan.first().src;
        let mut src = &self.operands.src[image * images..];
        if layer > 0 {
            let read = plan.reads(rows.clone());
            let strides = strips.strides[layer - 1];
            // Where nothing is read, any row may be pointed at.
            let at = if read.is_empty() { 0 } else { read.start - progress.held[layer - 1] };
            src = &before[at * strides.row..];
            plan = plan.within(read, strides);
        }
        let out_channels = plan.desc.out_channels;
        let (strides, at, residual) = if layer + 1 < N {
            let strides = strips.strides[layer];
            (strides, (rows.start - progress.held[layer]) * strides.row, None)
        } else {
            let residual =
                self.operands.residual.map(|residual| &residual[image * self.plan.last().dst.image..]);
            (self.part.strides(), self.part.at(image, 0, rows.start, 0), residual)
        };
        let part = Part::of_image(strides, rows, out_channels);
        let operands = Operands {
            src,
            weights: self.operands.weights[layer],
            bias: self.operands.bias[layer],
            residual,
        };
        plan.run_checked(&part, &operands, self.weights[layer], &mut dst[at..], scratch);
    }
}

impl<const N: usize> Progress<N> {
    fn new(layers: &[Conv2dPlan; N], part: &Part) -> Self {
        let mut rows = part.rows.clone();
        let [mut first, mut end] = [[0; N]; 2];
        for layer in (0..N).rev() {
            [first[layer], end[layer]] = [rows.start, rows.end];
            rows = layers[layer].reads(rows);
        }
        Self { first, end, next: first, held: first }
    }

    /// Up to which row each layer must be made for the next strip. Rows that no later output reads are passed over.
    fn targets(&mut self, layers: &[Conv2dPlan; N], rows: usize) -> [usize; N] {
        let mut targets = self.next;
        targets[N - 1] = self.end[N - 1].min(self.next[N - 1] + rows);
        for layer in (1..N).rev() {
            if self.next[layer] < targets[layer] {
                let first = self.first_needed(&layers[layer], layer);
                let end = layers[layer].reads(self.first[layer]..targets[layer]).end;
                self.next[layer - 1] = self.next[layer - 1].max(first);
                targets[layer - 1] = end.max(self.next[layer - 1]);
            }
        }
        targets
    }

    /// The first row that outputs of `layer` yet to be made read.
    fn first_needed(&self, plan: &Conv2dPlan, layer: usize) -> usize {
        plan.reads(self.next[layer]..self.end[layer]).start
    }

    /// Lets go of rows of `layer` that its `reader` has no use for, if there is no room for all up to `target`.
    fn make_room(
        &mut self,
        layer: usize,
        target: usize,
        reader: &Conv2dPlan,
        strips: &Strips<N>,
        window: &mut [f32],
    ) {
        if target - self.held[layer] <= strips.held[layer] || self.next[layer] == target {
            return;
        }
        let kept = self.first_needed(reader, layer + 1);
        let rows = kept..self.next[layer].max(kept);
        let Strides { row, channel, .. } = strips.strides[layer];
        let [from, len] = [(rows.start - self.held[layer]) * row, rows.len() * row];
        self.held[layer] = kept;
        if len == 0 {
            return;
        }
        // One run of rows (NHWC), or one for each channel.
        let planes = if channel == 1 { 1 } else { reader.desc.in_channels };
        for at in (0..planes).map(|plane| plane * channel) {
            window.copy_within(at + from..at + from + len, at);
        }
    }
}
