//! Layers whose weights are not shared: at each output a small matrix product over the batch, with images as lanes. The plan says what is
//! computed; [`turn`](self) brings images side by side; [`taps`](self) says where a window lies; the loops are in `kernel::local`.

pub(crate) mod plan;
pub(crate) mod taps;
mod turn;
mod walk;
