//! Why convolution: the parameters of a fully connected, a locally connected and a convolutional layer on one image.
//!
//! In a picture, what belongs together lies together, and what is worth knowing about one place is worth knowing about
//! every other. A fully connected layer uses neither fact. A locally connected layer uses the first: each neuron sees
//! only a small field. A convolutional layer uses both: each neuron sees a small field, and all neurons of a filter
//! share one set of weights. On a 200 by 200 image with a neuron for each pixel:
//!
//! ```
//! use convoke_reference::layers::{convolutional, fully_connected, locally_connected};
//! assert_eq!(fully_connected([200, 200], 40_000), 1_600_000_000);
//! assert_eq!(locally_connected(40_000, [10, 10]), 4_000_000);
//! assert_eq!(convolutional(100, [10, 10]), 10_000); // a hundred filters, each for every place
//! ```
//!
//! These are weights; a bias per neuron (or per filter) comes on top.

/// Weights of a layer whose every neuron sees every pixel of an `[H, W]` image.
pub fn fully_connected([height, width]: [u32; 2], neurons: u32) -> u128 {
    u128::from(height) * u128::from(width) * u128::from(neurons)
}

/// Weights of a layer whose every neuron sees an `[R, S]` field with weights of its own.
pub fn locally_connected(neurons: u32, [r, s]: [u32; 2]) -> u128 {
    u128::from(neurons) * u128::from(r) * u128::from(s)
}

/// Weights of a layer of filters of `[R, S]`, each the same everywhere: the image's size does not matter.
pub fn convolutional(filters: u32, [r, s]: [u32; 2]) -> u128 {
    u128::from(filters) * u128::from(r) * u128::from(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_overflows() {
        let most = u128::from(u32::MAX);
        assert_eq!(fully_connected([u32::MAX; 2], u32::MAX), most * most * most);
        assert_eq!(fully_connected([2, 3], 5), 30);
        assert_eq!(locally_connected(7, [2, 3]), 42);
        assert_eq!(convolutional(5, [1, 4]), 20);
    }
}
