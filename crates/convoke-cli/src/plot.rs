//! Small drawings: a falling curve, and a mask as squares. Dots on a canvas, no more; numbers are of five by three dots.

use crate::array::{Array, Data};

/// A picture of RGB dots that is drawn on.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    dots: Vec<u8>,
}

const INK: [u8; 3] = [30, 60, 140];
const GRID: [u8; 3] = [215, 215, 215];
const TEXT: [u8; 3] = [90, 90, 90];

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, dots: vec![255; width * height * 3] }
    }

    /// As an array (H,W,3).
    pub(crate) fn array(self) -> Array {
        Array { shape: vec![self.height, self.width, 3], data: Data::U8(self.dots) }
    }

    /// A dot, if it lies on the canvas.
    fn dot(&mut self, x: isize, y: isize, colour: [u8; 3]) {
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
            && x < self.width
            && y < self.height
        {
            self.dots[(y * self.width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }

    fn block(&mut self, [x, y]: [isize; 2], [width, height]: [isize; 2], colour: [u8; 3]) {
        for dy in 0..height {
            for dx in 0..width {
                self.dot(x + dx, y + dy, colour);
            }
        }
    }

    /// A straight line, two dots thick.
    fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: [u8; 3]) {
        let steps = (to[0] - from[0]).abs().max((to[1] - from[1]).abs()).ceil().max(1.0);
        for i in 0..=steps as usize {
            let part = i as f64 / steps;
            let [x, y] = [0, 1].map(|axis| (from[axis] + part * (to[axis] - from[axis])).round() as isize);
            self.block([x, y], [2, 2], colour);
        }
    }

    /// Digits, `-` and `e`, each eight dots wide and ten high.
    fn text(&mut self, [x, y]: [isize; 2], text: &str) {
        for (i, character) in text.chars().enumerate() {
            // Three dots a row, five rows, the first one first.
            let rows: u16 = match character {
                '0' => 0b111_101_101_101_111,
                '1' => 0b010_110_010_010_111,
                '2' => 0b111_001_111_100_111,
                '3' => 0b111_001_111_001_111,
                '4' => 0b101_101_111_001_001,
                '5' => 0b111_100_111_001_111,
                '6' => 0b111_100_111_101_111,
                '7' => 0b111_001_001_010_010,
                '8' => 0b111_101_111_101_111,
                '9' => 0b111_101_111_001_111,
                '-' => 0b000_000_111_000_000,
                'e' => 0b000_111_111_100_111,
                _ => 0,
            };
            for bit in 0..15 {
                if rows >> (14 - bit) & 1 == 1 {
                    let at = [x + i as isize * 8 + bit % 3 * 2, y + bit / 3 * 2];
                    self.block(at, [2, 2], TEXT);
                }
            }
        }
    }
}

/// Losses over steps, from the left to the right, on a logarithmic scale with a line for each power of ten. A loss of 0 is drawn at the bottom.
pub(crate) fn curve(losses: &[f64]) -> Canvas {
    const LEFT: f64 = 56.0;
    const TOP: f64 = 16.0;
    const WIDTH: f64 = 560.0;
    const HEIGHT: f64 = 320.0;
    let mut canvas = Canvas::new(640, 368);
    let logs: Vec<Option<f64>> = losses.iter().map(|loss| (*loss > 0.0).then(|| loss.log10())).collect();
    let known = || logs.iter().flatten().copied();
    let low = known().fold(f64::INFINITY, f64::min).floor().clamp(-300.0, 300.0);
    let high = known().fold(f64::NEG_INFINITY, f64::max).ceil().clamp(low + 1.0, 310.0);
    let at_y = |log: f64| TOP + (high - log) / (high - low) * HEIGHT;
    let at_x = |step: usize| LEFT + step as f64 / (losses.len() - 1).max(1) as f64 * WIDTH;
    let every = ((high - low) / 10.0).ceil() as usize;
    for decade in (low as i32..=high as i32).step_by(every.max(1)) {
        let y = at_y(decade.into());
        canvas.block([LEFT as isize, y as isize], [WIDTH as isize, 1], GRID);
        let label = format!("1e{decade}");
        canvas.text([LEFT as isize - 8 - 8 * label.len() as isize, y as isize - 5], &label);
    }
    let every = losses.len().div_ceil(10).max(1);
    for step in (0..losses.len()).step_by(every) {
        let x = at_x(step) as isize;
        canvas.block([x, TOP as isize], [1, HEIGHT as isize], GRID);
        let label = step.to_string();
        canvas.text([x - 4 * label.len() as isize, (TOP + HEIGHT) as isize + 8], &label);
    }
    let points: Vec<[f64; 2]> =
        logs.iter().enumerate().map(|(step, log)| [at_x(step), at_y(log.unwrap_or(low))]).collect();
    for pair in points.windows(2) {
        canvas.line(pair[0], pair[1], INK);
    }
    for [x, y] in points {
        canvas.block([x as isize - 2, y as isize - 2], [6, 6], INK);
    }
    canvas
}

/// Weights as squares: white for 0, red above and blue below, the more the further; the weight that is furthest has full colour.
pub(crate) fn mask(size: [usize; 2], weights: &[f64]) -> Canvas {
    let [rows, columns] = size;
    let side = (480 / rows.max(columns)).clamp(1, 96);
    let gap = usize::from(side > 8);
    let mut canvas = Canvas::new(columns * side + gap, rows * side + gap);
    let most = weights.iter().fold(0.0_f64, |most, weight| most.max(weight.abs()));
    if gap == 1 {
        canvas.block([0, 0], [canvas.width as isize, canvas.height as isize], GRID);
    }
    for (i, weight) in weights.iter().enumerate() {
        let part = if most > 0.0 { weight / most } else { 0.0 };
        let [full, faint] = [20.0, 235.0].map(|range| (255.0 - part.abs() * range).round() as u8);
        let colour = if part < 0.0 { [faint, faint, full] } else { [full, faint, faint] };
        let at = [i % columns, i / columns].map(|place| (place * side + gap) as isize);
        canvas.block(at, [(side - gap) as isize; 2], colour);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(canvas: &Canvas, x: usize, y: usize) -> [u8; 3] {
        let at = (y * canvas.width + x) * 3;
        [canvas.dots[at], canvas.dots[at + 1], canvas.dots[at + 2]]
    }

    #[test]
    fn weights_have_their_colours() {
        let canvas = mask([1, 3], &[-2.0, 0.0, 1.0]);
        let middle = |i: usize| dot(&canvas, i * 96 + 48, 48);
        assert_eq!([middle(0), middle(1)], [[20, 20, 235], [255; 3]]);
        let [red, green, blue] = middle(2);
        assert!(red > green && green == blue);
    }

    /// A curve that falls is drawn from the top left to the bottom right; anything else is drawn too.
    #[test]
    fn curves() {
        let canvas = curve(&[1e4, 1e2, 1.0]);
        assert_eq!(dot(&canvas, 57, 17), INK);
        assert_eq!(dot(&canvas, 616, 336), INK);
        assert_eq!(dot(&canvas, 600, 40), [255; 3]);
        for losses in [&[][..], &[0.0], &[1.0], &[0.0, 0.0], &[5.0, 5.0], &[1e300, 1e-300], &[f64::NAN]] {
            assert_eq!(curve(losses).array().shape, [368, 640, 3]);
        }
    }
}
