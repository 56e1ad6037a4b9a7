//! The functions that follow a sum, in `f64`, as their formulas stand. The last step of [`conv2d`](mod@crate::conv2d).

use convoke_core::Activation;

/// The activation at `x`. NaN gives NaN.
///
/// ```
/// use convoke_core::Activation;
/// use convoke_reference::activation::activate;
/// assert_eq!(activate(Activation::Relu6, 7.5), 6.0);
/// assert_eq!(activate(Activation::Leaky(0.25), -8.0), -2.0);
/// assert_eq!(activate(Activation::Sigmoid, 0.0), 0.5);
/// assert!(activate(Activation::Relu, f64::NAN).is_nan());
/// ```
pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => at_least_0(x),
        Activation::Relu6 => at_most_6(at_least_0(x)),
        Activation::Leaky(slope) => {
            if x < 0.0 {
                f64::from(slope) * x
            } else {
                x
            }
        }
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::HardSwish => x * at_most_6(at_least_0(x + 3.0)) / 6.0,
    }
}

/// The greatest slope of the activation's graph: an error of `e` in a sum is at most this times `e` behind it.
///
/// ```
/// use convoke_core::Activation;
/// use convoke_reference::activation::steepest;
/// assert_eq!(steepest(Activation::Relu), 1.0);
/// assert_eq!(steepest(Activation::Leaky(-3.0)), 3.0);
/// ```
pub fn steepest(activation: Activation) -> f64 {
    match activation {
        Activation::None | Activation::Relu | Activation::Relu6 | Activation::Tanh => 1.0,
        Activation::Leaky(slope) => f64::from(slope.abs()).max(1.0),
        Activation::Sigmoid => 0.25,
        // At x = 2.3994, the graph's point of inflection; rounded up.
        Activation::Silu => 1.099_84,
        // (2 x + 3) / 6 at x = 3.
        Activation::HardSwish => 1.5,
    }
}

// Comparisons instead of `f64::max` and `min`, which would turn NaN into a number.

fn at_least_0(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

fn at_most_6(x: f64) -> f64 {
    if x > 6.0 { 6.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Activation::{HardSwish, Leaky, None, Relu, Relu6, Sigmoid, Silu, Tanh};

    const ALL: [Activation; 8] = [None, Relu, Relu6, Leaky(0.1), Sigmoid, Tanh, Silu, HardSwish];

    #[test]
    fn by_hand() {
        let table: [(Activation, [f64; 5]); 5] = [
            // at          -6    -1.5   0    1.5    9
            (None, [-6.0, -1.5, 0.0, 1.5, 9.0]),
            (Relu, [0.0, 0.0, 0.0, 1.5, 9.0]),
            (Relu6, [0.0, 0.0, 0.0, 1.5, 6.0]),
            (Leaky(0.5), [-3.0, -0.75, 0.0, 1.5, 9.0]),
            (HardSwish, [0.0, -0.375, 0.0, 1.125, 9.0]),
        ];
        for (activation, expected) in table {
            assert_eq!(
                [-6.0, -1.5, 0.0, 1.5, 9.0].map(|x| activate(activation, x)),
                expected,
                "{activation:?}"
            );
        }
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-15, "{got} {expected}");
        close(activate(Sigmoid, 3.0_f64.ln()), 0.75);
        close(activate(Sigmoid, -(3.0_f64.ln())), 0.25);
        close(activate(Tanh, 2.0_f64.ln()), 0.6);
        close(activate(Silu, 3.0_f64.ln()), 0.75 * 3.0_f64.ln());
    }

    #[test]
    fn far_out() {
        let inf = f64::INFINITY;
        for activation in [Relu, Relu6, Sigmoid] {
            assert_eq!(activate(activation, -inf), 0.0, "{activation:?}");
            assert_eq!(activate(activation, -1e30), 0.0, "{activation:?}");
        }
        assert_eq!(activate(Sigmoid, inf), 1.0);
        assert_eq!([-inf, inf].map(|x| activate(Tanh, x)), [-1.0, 1.0]);
        for activation in [Silu, HardSwish] {
            assert_eq!(activate(activation, inf), inf, "{activation:?}");
            assert_eq!(activate(activation, -1e30), 0.0, "{activation:?}");
            assert!(activate(activation, -inf).is_nan(), "infinity times zero, {activation:?}");
        }
        for activation in ALL {
            assert!(activate(activation, f64::NAN).is_nan(), "{activation:?}");
        }
    }

    #[test]
    fn no_chord_is_steeper() {
        for activation in ALL {
            let steps: Vec<f64> = (-4000..4000).map(|i| f64::from(i) * 0.002).collect();
            let chord = |w: &[f64]| (activate(activation, w[1]) - activate(activation, w[0])) / (w[1] - w[0]);
            let steepest_chord = steps.windows(2).map(|w| chord(w).abs()).fold(0.0, f64::max);
            let bound = steepest(activation);
            assert!(steepest_chord <= bound * (1.0 + 1e-9), "{activation:?}: {steepest_chord}");
            assert!(steepest_chord >= bound * 0.999, "{activation:?}: {steepest_chord}");
        }
    }
}
