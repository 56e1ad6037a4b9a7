//! Masks from text: a name, or rows of numbers on one line or in a file.

use std::str::FromStr;

use super::named::by_name;
use super::{MAX_SIDE, Mask, MaskError};

impl Mask {
    /// A mask from rows of numbers: rows end at a newline or a `;`, numbers are separated by blanks or commas.
    /// Empty rows, and everything after a `#`, are skipped.
    ///
    /// ```
    /// use convoke::mask::{Mask, MaskError};
    /// let mask = Mask::from_rows("# a gradient\n-1, 0, 1\n-1, 0, 1\n")?;
    /// assert_eq!(mask.size(), [2, 3]);
    /// assert_eq!(Mask::from_rows("1 2 1\n2 4\n"), Err(MaskError::Ragged { row: 2, expected: 3, got: 2 }));
    /// # Ok::<(), MaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`MaskError::Ragged`], [`MaskError::NotANumber`], [`MaskError::NotFinite`] or [`MaskError::Empty`], with
    /// rows counted without the skipped ones.
    pub fn from_rows(text: &str) -> Result<Self, MaskError> {
        let mut weights = Vec::new();
        let (mut rows, mut columns) = (0, 0);
        let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before));
        for row_text in lines.flat_map(|line| line.split(';')) {
            let before = weights.len();
            for word in
                row_text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty())
            {
                let column = weights.len() - before + 1;
                let weight = word.parse::<f32>().map_err(|_| {
                    // Words can be long when the file is no mask at all.
                    let text = word.chars().take(20).collect();
                    MaskError::NotANumber { row: rows + 1, column, text }
                })?;
                weights.push(weight);
            }
            let got = weights.len() - before;
            if got == 0 {
                continue;
            }
            rows += 1;
            if rows == 1 {
                columns = got;
            } else if got != columns {
                return Err(MaskError::Ragged { row: rows, expected: columns, got });
            }
        }
        if rows > MAX_SIDE || columns > MAX_SIDE {
            return Err(MaskError::Parameter {
                name: "rows",
                required: "sides of at most 4095",
                got: format!("{rows}x{columns}"),
            });
        }
        Self::new([rows, columns], weights)
    }
}

impl FromStr for Mask {
    type Err = MaskError;

    /// A name of [`NAMES`](super::NAMES), or rows of numbers as in [`from_rows`](Mask::from_rows).
    fn from_str(text: &str) -> Result<Self, MaskError> {
        let trimmed = text.trim();
        let (name, parameters) = match trimmed.split_once(':') {
            Some((name, parameters)) => (name, Some(parameters)),
            None => (trimmed, None),
        };
        if let Some(mask) = by_name(name, parameters) {
            return mask;
        }
        // Something without any digit is a misspelt name and not a row of numbers.
        if !trimmed.is_empty() && !trimmed.contains(|c: char| c.is_ascii_digit()) {
            return Err(MaskError::UnknownName(trimmed.to_owned()));
        }
        match Self::from_rows(trimmed) {
            Err(MaskError::NotANumber { row: 1, column: 1, .. }) => {
                Err(MaskError::UnknownName(trimmed.to_owned()))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::NAMES;

    #[test]
    fn every_name_is_a_mask() {
        for name in NAMES {
            let text = match *name {
                "box:N" => "box:5",
                "gaussian:SIGMA[,N]" => "gaussian:1.5,9",
                "motion:N,ANGLE" => "motion:7,30",
                other => other,
            };
            let mask: Mask = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(mask.weights().len(), mask.size()[0] * mask.size()[1], "{text}");
        }
    }

    #[test]
    fn smoothing_masks_keep_flat_pictures_flat() {
        for text in ["box:7", "gaussian:0.8", "gaussian:3", "gaussian:2,4", "motion:9,0", "motion:8,77"] {
            let mask: Mask = text.parse().unwrap();
            let sum: f64 = mask.weights().iter().map(|&w| f64::from(w)).sum();
            let gain = sum / f64::from(mask.divisor);
            assert!((gain - 1.0).abs() < 1e-6, "{text}: {gain}");
        }
    }

    #[test]
    fn motion_follows_its_angle() {
        let up: Mask = "motion:3,90".parse().unwrap();
        assert_eq!(up.weights(), [0., 1., 0., 0., 1., 0., 0., 1., 0.]);
        let rising: Mask = "motion:5,45".parse().unwrap();
        assert!(rising.weights()[4 * 5] > 0.0 || rising.weights()[3 * 5 + 1] > 0.9);
        assert_eq!(rising.weights()[0], 0.0);
    }

    #[test]
    fn gaussian_is_the_product_of_its_sides() {
        let mask: Mask = "gaussian:1,3".parse().unwrap();
        let (a, b) = (0.274_068_62_f32, 0.451_862_76_f32);
        for (got, want) in mask.weights().iter().zip([a * a, a * b, a * a, a * b, b * b]) {
            assert!((got - want).abs() < 1e-7, "{got} {want}");
        }
    }

    #[test]
    fn errors_say_where() {
        let error = |text: &str| text.parse::<Mask>().unwrap_err().to_string();
        assert_eq!(error("1 2 1; 2 4; 1 2 1"), "mask: row 2 must have 3 numbers like the first, got 2");
        assert_eq!(error("1 2 x1"), "mask: row 1, column 3 must be a number, got \"x1\"");
        assert_eq!(error("1 nan"), "mask: row 1, column 2 must be finite, got infinity or NaN");
        assert_eq!(error("  "), "mask: must have at least one weight, got none");
        assert!(error("sobel-z").contains("sobel-x"));
        assert!(error("foo.txt").contains("must be a name"));
        for text in
            ["box", "box:0", "box:-1", "box:4096", "box:3,3", "gaussian:0", "gaussian:nan", "gaussian:600"]
        {
            assert!(matches!(text.parse::<Mask>(), Err(MaskError::Parameter { .. })), "{text}");
        }
        for text in
            ["motion:3", "motion:0,3", "motion:3,inf", "gaussian:1,0", "gaussian:1e-9,2", "identity:3"]
        {
            assert!(matches!(text.parse::<Mask>(), Err(MaskError::Parameter { .. })), "{text}");
        }
    }
}
