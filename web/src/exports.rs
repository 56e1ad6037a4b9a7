//! The functions that the page calls. Addresses and lengths are numbers; whatever can go wrong returns 0, and then the
//! message says what.
//!
//! An address is good until the next call that makes room for the same thing. A page never hands over an address, so
//! there is none to check, and no unsafe code.

#![expect(unsafe_code, reason = "an exported name is an unsafe attribute; nothing else here is unsafe")]

use std::cell::RefCell;

use convoke_core::{Border, Level, Mode};

use crate::mask::NAMES;
use crate::studio::{Range, Studio};

thread_local! {
    static STUDIO: RefCell<Studio> = RefCell::new(Studio::new());
}

fn with<T>(f: impl FnOnce(&mut Studio) -> T) -> T {
    STUDIO.with_borrow_mut(f)
}

/// Keeps what was wrong.
fn done(studio: &mut Studio, outcome: Result<&str, String>) -> u32 {
    let good = outcome.is_ok();
    studio.message = outcome.map_or_else(|error| error, str::to_owned);
    good.into()
}

/// Values of `f32` in a vector of the level that filters run at: 4 with simd128.
#[unsafe(no_mangle)]
pub extern "C" fn simd() -> u32 {
    u32::from(cfg!(target_feature = "simd128")) * Level::detect().lanes() as u32
}

/// Makes room for a picture, row by row with interleaved channels, and returns its address; 0 if it cannot be.
#[unsafe(no_mangle)]
pub extern "C" fn picture(height: usize, width: usize, channels: usize) -> *mut u8 {
    with(|studio| match studio.make_room(height, width, channels) {
        Ok(()) => studio.picture.as_mut_ptr(),
        Err(error) => {
            studio.message = error;
            std::ptr::null_mut()
        }
    })
}

/// The address of the result, as long as the picture.
#[unsafe(no_mangle)]
pub extern "C" fn result() -> *const u8 {
    with(|studio| studio.result.as_ptr())
}

/// Makes room for a text of at most a megabyte and returns its address; 0 if it is longer.
#[unsafe(no_mangle)]
pub extern "C" fn text(len: usize) -> *mut u8 {
    if len > 1 << 20 {
        return std::ptr::null_mut();
    }
    with(|studio| {
        studio.text.clear();
        // An address that is not null, even of nothing.
        studio.text.reserve(len.max(1));
        studio.text.resize(len, 0);
        studio.text.as_mut_ptr()
    })
}

/// Takes the text as the mask: a name with its parameters, or rows of numbers.
#[unsafe(no_mangle)]
pub extern "C" fn mask() -> u32 {
    with(|studio| {
        let outcome = studio.read_mask().map(|()| "");
        done(studio, outcome)
    })
}

/// Sets what sums are divided by, which must be positive, and what is added then.
#[unsafe(no_mangle)]
pub extern "C" fn adjust(divisor: f32, offset: f32) {
    with(|studio| (studio.mask.divisor, studio.mask.offset) = (divisor, offset));
}

/// The mask's height.
#[unsafe(no_mangle)]
pub extern "C" fn mask_rows() -> usize {
    with(|studio| studio.mask.size()[0])
}

/// The mask's width.
#[unsafe(no_mangle)]
pub extern "C" fn mask_columns() -> usize {
    with(|studio| studio.mask.size()[1])
}

/// The address of the mask's weights, row by row.
#[unsafe(no_mangle)]
pub extern "C" fn mask_weights() -> *const f32 {
    with(|studio| studio.mask.weights().as_ptr())
}

/// What sums are divided by.
#[unsafe(no_mangle)]
pub extern "C" fn mask_divisor() -> f32 {
    with(|studio| studio.mask.divisor)
}

/// Filters the picture. `mode` is 0 for correlation and 1 for convolution; `border` counts zero, constant, replicate,
/// reflect, reflect101 and wrap from 0; `range` counts clamp, abs and centre. The message names the algorithm.
#[unsafe(no_mangle)]
pub extern "C" fn filter(mode: u32, border: u32, constant: f32, range: u32) -> u32 {
    with(|studio| {
        studio.mode = if mode == 1 { Mode::Convolve } else { Mode::Correlate };
        studio.border = match border {
            0 => Border::Zero,
            1 => Border::Constant(constant),
            2 => Border::Replicate,
            3 => Border::Reflect,
            4 => Border::Reflect101,
            5 => Border::Wrap,
            _ => return done(studio, Err(format!("border: must be from 0 to 5, got {border}"))),
        };
        studio.range = match range {
            1 => Range::Abs,
            2 => Range::Centre,
            _ => Range::Clamp,
        };
        let outcome = studio.run();
        done(studio, outcome)
    })
}

/// Looks through the mask at a pixel, with the settings of the last run.
#[unsafe(no_mangle)]
pub extern "C" fn look(y: usize, x: usize, channel: usize) -> u32 {
    with(|studio| {
        if y >= studio.size[0] || x >= studio.size[1] || channel >= studio.channels {
            return done(studio, Err(format!("pixel: {y},{x},{channel} is outside the picture")));
        }
        let desc = studio.desc();
        studio.window.look(&desc, studio.mask.weights(), &studio.picture, [y, x, channel]);
        1
    })
}

/// The address of the values that the mask sees, row by row.
#[unsafe(no_mangle)]
pub extern "C" fn window_values() -> *const f32 {
    with(|studio| studio.window.values.as_ptr())
}

/// The address of the weights that they meet: the mask, turned for convolution.
#[unsafe(no_mangle)]
pub extern "C" fn window_weights() -> *const f32 {
    with(|studio| studio.window.weights.as_ptr())
}

/// The address of a byte for each value: 1 where it is a pixel, 0 where the border provides it.
#[unsafe(no_mangle)]
pub extern "C" fn window_inside() -> *const u8 {
    with(|studio| studio.window.inside.as_ptr())
}

/// Rows of the window above the pixel.
#[unsafe(no_mangle)]
pub extern "C" fn window_above() -> usize {
    with(|studio| studio.window.before[0])
}

/// Columns of the window left of the pixel.
#[unsafe(no_mangle)]
pub extern "C" fn window_left() -> usize {
    with(|studio| studio.window.before[1])
}

/// Makes the names of all masks, one a line, the message.
#[unsafe(no_mangle)]
pub extern "C" fn names() {
    with(|studio| studio.message = NAMES.join("\n"));
}

/// The address of the message.
#[unsafe(no_mangle)]
pub extern "C" fn message() -> *const u8 {
    with(|studio| studio.message.as_ptr())
}

/// The length of the message, in bytes of UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn message_len() -> usize {
    with(|studio| studio.message.len())
}
