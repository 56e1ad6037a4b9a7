//! What the mask sees at one pixel: the values under it and the weights that they meet, in the order in which they are
//! summed. For the page to show; filters never come here.

use convoke_core::{Filter2dDesc, Mode};

/// Values and weights, row by row. Outside the picture, values are what the border says.
#[derive(Default)]
pub(crate) struct Window {
    pub(crate) values: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    /// 1 where a value is a pixel of the picture, 0 where the border provides it.
    pub(crate) inside: Vec<u8>,
    /// Rows above and columns left of the output pixel.
    pub(crate) before: [usize; 2],
}

impl Window {
    /// The window at row `y` and column `x` of one channel, which are in the picture.
    pub(crate) fn look(
        &mut self,
        desc: &Filter2dDesc,
        mask: &[f32],
        src: &[u8],
        [y, x, channel]: [usize; 3],
    ) {
        let ([height, width], [rows, columns]) = (desc.size, desc.mask_size);
        // True convolution turns the mask, and the anchor with it.
        let turned = desc.mode == Mode::Convolve;
        let [above, left] = desc.anchor;
        self.before = if turned { [rows - 1 - above, columns - 1 - left] } else { desc.anchor };
        self.values.clear();
        self.weights.clear();
        self.inside.clear();
        let place = |at: usize, offset: usize, before: usize| (at + offset) as isize - before as isize;
        for i in 0..rows {
            for j in 0..columns {
                let [row, column] = [place(y, i, self.before[0]), place(x, j, self.before[1])];
                let at = desc.border.index(row, height).zip(desc.border.index(column, width));
                self.values.push(match at {
                    Some((row, column)) => src[(row * width + column) * desc.channels + channel].into(),
                    None => desc.border.outside(),
                });
                let is_inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
                self.inside.push(is_inside.into());
                let tap = i * columns + j;
                self.weights.push(mask[if turned { mask.len() - 1 - tap } else { tap }]);
            }
        }
    }
}
