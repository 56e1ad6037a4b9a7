//! What the page works on: a picture, a mask, how the one is laid over the other, and the result. Behind the exports.

use convoke_core::{Border, Filter2dDesc, Mode};

use crate::engine;
use crate::mask::Mask;
use crate::window::Window;

/// Most values of a picture, and most taps of a mask: a page should never be left waiting for minutes.
const MOST_VALUES: usize = 1 << 26;
const MOST_TAPS: usize = 1 << 16;

/// How results are brought into the range of a pixel: the program's `--out-range`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Range {
    #[default]
    Clamp,
    /// The magnitude.
    Abs,
    /// Zero becomes 128.
    Centre,
}

/// See the module.
pub(crate) struct Studio {
    pub(crate) size: [usize; 2],
    pub(crate) channels: usize,
    pub(crate) picture: Vec<u8>,
    pub(crate) result: Vec<u8>,
    pub(crate) mask: Mask,
    pub(crate) mode: Mode,
    pub(crate) border: Border,
    pub(crate) range: Range,
    pub(crate) window: Window,
    /// What the page writes a text into.
    pub(crate) text: Vec<u8>,
    /// What was wrong, or by which algorithm the result was made.
    pub(crate) message: String,
}

impl Studio {
    pub(crate) fn new() -> Self {
        Self {
            size: [0, 0],
            channels: 1,
            picture: Vec::new(),
            result: Vec::new(),
            mask: Mask::identity(),
            mode: Mode::Correlate,
            border: Border::Zero,
            range: Range::Clamp,
            window: Window::default(),
            text: Vec::new(),
            message: String::new(),
        }
    }

    /// Makes room for a picture of this size, all of it black.
    pub(crate) fn make_room(&mut self, height: usize, width: usize, channels: usize) -> Result<(), String> {
        let len = height.checked_mul(width).and_then(|area| area.checked_mul(channels));
        let Some(len) = len.filter(|&len| (1..=MOST_VALUES).contains(&len) && channels <= 4) else {
            return Err(format!(
                "picture: must have 1 to 4 channels and 1 to {MOST_VALUES} values, got {height}x{width}x{channels}"
            ));
        };
        (self.size, self.channels) = ([height, width], channels);
        for pixels in [&mut self.picture, &mut self.result] {
            pixels.clear();
            pixels.resize(len, 0);
        }
        Ok(())
    }

    /// Takes the mask that the text names or consists of.
    pub(crate) fn read_mask(&mut self) -> Result<(), String> {
        let text = std::str::from_utf8(&self.text).map_err(|error| format!("mask: {error}"))?;
        let mask: Mask = text.parse().map_err(|error| format!("{error}"))?;
        if mask.weights().len() > MOST_TAPS {
            return Err(format!("mask: must have at most {MOST_TAPS} weights, got {}", mask.weights().len()));
        }
        self.mask = mask;
        Ok(())
    }

    /// The mask over the picture.
    pub(crate) fn desc(&self) -> Filter2dDesc {
        self.mask.desc(self.size, self.channels).mode(self.mode).border(self.border)
    }

    /// Filters the picture; tells by which algorithm.
    pub(crate) fn run(&mut self) -> Result<&'static str, String> {
        let Self { picture, result, mask, range, .. } = &*self;
        let mut dst = vec![0; result.len()];
        let desc = self.desc();
        let desc = if *range == Range::Centre { desc.offset(desc.offset + 128.0) } else { desc };
        let run = |desc: &Filter2dDesc, dst: &mut [u8]| {
            engine::run(desc, mask.weights(), picture, dst).map_err(|error| format!("{error}"))
        };
        let algorithm = run(&desc, &mut dst)?;
        if *range == Range::Abs {
            // Of y and -y one is clamped to 0, and the other is |y|.
            let mut others = vec![0; dst.len()];
            run(&desc.scale(-desc.scale).offset(-desc.offset), &mut others)?;
            for (value, other) in dst.iter_mut().zip(others) {
                *value = other.max(*value);
            }
        }
        self.result.copy_from_slice(&dst);
        Ok(algorithm)
    }
}
