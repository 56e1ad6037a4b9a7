//! `convoke layers`: what the three kinds of layer cost on one image. The lecture's argument in numbers: a fully connected layer
//! wastes weights, a locally connected one less, a convolutional one shares them.

use serde::Serialize;

use crate::args::LayersArgs;
use crate::args::values::Extent;
use crate::error::{Context, Failure, Outcome};
use crate::print;

#[derive(Debug, Serialize)]
struct Report {
    image: [u64; 2],
    neurons: u64,
    field: [u64; 2],
    filters: u64,
    layers: [Kind; 3],
}

/// A kind of layer. A bias would add a parameter for each neuron, or for each filter.
#[derive(Debug, PartialEq, Serialize)]
struct Kind {
    kind: &'static str,
    parameters: u64,
    /// Multiply-accumulates for one image.
    macs: u64,
    /// Of the parameters, as f32.
    bytes: u64,
}

impl Kind {
    /// From the factors of the parameters, and how many times each of them is used.
    fn new(kind: &'static str, factors: &[u64], uses: u64) -> Outcome<Self> {
        let product = |factors: &[u64]| factors.iter().try_fold(1_u64, |product, &n| product.checked_mul(n));
        let counts = product(factors).and_then(|parameters| {
            Some((
                parameters,
                parameters.checked_mul(uses)?,
                parameters.checked_mul(size_of::<f32>() as u64)?,
            ))
        });
        match counts {
            Some((parameters, macs, bytes)) => Ok(Self { kind, parameters, macs, bytes }),
            None => Failure::about(format_args!("{kind} layer"), "too large: counts must fit in 64 bits"),
        }
    }
}

pub(crate) fn run(args: &LayersArgs) -> Outcome<()> {
    let report = Report::new(args)?;
    if args.json {
        let text = serde_json::to_string(&report).about("layers")?;
        return print(&(text + "\n"));
    }
    print(&report.text())
}

impl Report {
    fn new(args: &LayersArgs) -> Outcome<Self> {
        let (Extent(image), Extent(field)) = (args.image, args.field);
        for axis in [0, 1] {
            if field[axis] > image[axis] {
                let [height, width] = image;
                return Failure::about(
                    "--field",
                    format_args!(
                        "must be at most {height}x{width}, as the image, got {}x{}",
                        field[0], field[1]
                    ),
                );
            }
        }
        let Some(pixels) = image[0].checked_mul(image[1]) else {
            return Failure::about("--image", "too large: its pixels must fit in 64 bits");
        };
        let neurons = args.neurons.unwrap_or(pixels);
        let layers = [
            // Every neuron sees every pixel; every neuron sees a field; every filter lies at the place of every pixel.
            Kind::new("fully connected", &[pixels, neurons], 1)?,
            Kind::new("locally connected", &[neurons, field[0], field[1]], 1)?,
            Kind::new("convolutional", &[args.filters, field[0], field[1]], pixels)?,
        ];
        Ok(Self { image, neurons, field, filters: args.filters, layers })
    }

    fn text(&self) -> String {
        let Self { image: [height, width], neurons, field: [r, s], filters, .. } = self;
        let mut text = format!(
            "image {height}x{width}, {} neurons, fields of {r}x{s}, {} filters; without biases\n\n",
            grouped(*neurons),
            grouped(*filters)
        );
        text.push_str(&format!(
            "{:<18} {:>26} {:>26} {:>26}\n",
            "layer", "parameters", "multiply-adds", "bytes (f32)"
        ));
        for layer in &self.layers {
            let [parameters, macs, bytes] = [layer.parameters, layer.macs, layer.bytes].map(grouped);
            text.push_str(&format!("{:<18} {parameters:>26} {macs:>26} {bytes:>26}\n", layer.kind));
        }
        text
    }
}

/// Digits in threes: `1,600,000,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_600_000_000, "1,600,000,000")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn counts_are_checked() {
        let most = u64::from(u32::MAX);
        assert!(Kind::new("x", &[most, most], 1).is_err(), "bytes");
        assert!(Kind::new("x", &[1 << 61], 8).is_err(), "macs");
        assert!(Kind::new("x", &[1 << 61], 1).is_ok());
        assert!(Kind::new("x", &[most, most, most], 1).is_err(), "parameters");
    }
}
