//! The masks that have names: what each is for, its numbers, and where they come from.

use super::{MAX_SIDE, Mask, MaskError};

/// The names that [`Mask`]'s `FromStr` knows, with their parameters.
pub const NAMES: &[&str] = &[
    "box:N",
    "gaussian:SIGMA[,N]",
    "identity",
    "shift-left",
    "shift-right",
    "shift-up",
    "shift-down",
    "sobel-x",
    "sobel-y",
    "scharr-x",
    "scharr-y",
    "prewitt-x",
    "prewitt-y",
    "laplacian",
    "sharpen",
    "emboss",
    "motion:N,ANGLE",
];

/// Smoothing.
impl Mask {
    /// The mean of an `n` by `n` neighbourhood: ones, divided by `n * n`, so that whole numbers stay exact.
    ///
    /// ```
    /// let mean = convoke::mask::Mask::boxed(3)?;
    /// assert_eq!((mean.weights(), mean.divisor), (&[1.0; 9][..], 9.0));
    /// # Ok::<(), convoke::mask::MaskError>(())
    /// ```
    ///
    /// # Errors
    /// If `n` is not from 1 to [`MAX_SIDE`].
    pub fn boxed(n: usize) -> Result<Self, MaskError> {
        check_side("box", "a size from 1 to 4095", n, n.to_string())?;
        // At most 4095^2, which is below 2^24: exact in f32.
        Ok(Self::new([n, n], vec![1.0; n * n])?.divisor((n * n) as f32))
    }

    /// The Gaussian of standard deviation `sigma` pixels, sampled at the pixel centres, cut off at four `sigma`
    /// and normalised: `w[i, j] = g(i) g(j) / sum`, `g(i) = exp(-i^2 / (2 sigma^2))`, computed in f64 and
    /// rounded once.
    ///
    /// The side is `2 * floor(4 * sigma + 0.5) + 1`, what `scipy.ndimage.gaussian_filter` uses (`truncate=4`);
    /// less than 0.007 % of the bell lies outside. [`gaussian_sized`](Self::gaussian_sized) takes another one.
    ///
    /// ```
    /// let soft = convoke::mask::Mask::gaussian(1.5)?;
    /// assert_eq!(soft.size(), [13, 13]);
    /// # Ok::<(), convoke::mask::MaskError>(())
    /// ```
    ///
    /// # Errors
    /// If `sigma` is not positive, or so large that the mask would exceed [`MAX_SIDE`].
    pub fn gaussian(sigma: f64) -> Result<Self, MaskError> {
        const REQUIRED: &str = "a positive sigma of at most 511";
        let radius = (4.0 * sigma + 0.5).floor();
        if !(sigma > 0.0 && radius <= (MAX_SIDE / 2) as f64) {
            return Err(parameter("gaussian", REQUIRED, sigma.to_string()));
        }
        Self::gaussian_sized(sigma, 2 * radius as usize + 1)
    }

    /// The same with a side of `n` pixels. An even `n` has its peak between the two middle pixels.
    ///
    /// # Errors
    /// If `sigma` is not positive and finite, or `n` is not from 1 to [`MAX_SIDE`].
    pub fn gaussian_sized(sigma: f64, n: usize) -> Result<Self, MaskError> {
        const REQUIRED: &str = "a positive sigma and a size from 1 to 4095";
        check_side("gaussian", REQUIRED, n, format!("{sigma},{n}"))?;
        if !(sigma > 0.0 && sigma.is_finite()) {
            return Err(parameter("gaussian", REQUIRED, format!("{sigma},{n}")));
        }
        let middle = (n - 1) as f64 / 2.0;
        let bell: Vec<f64> = (0..n).map(|i| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp()).collect();
        let sum: f64 = bell.iter().sum();
        if sum == 0.0 {
            // An even side with a tiny sigma: the peak lies between the pixels and is too narrow to reach them.
            return Err(parameter(
                "gaussian",
                "a sigma large enough for its even size",
                format!("{sigma},{n}"),
            ));
        }
        let weights = bell.iter().flat_map(|a| bell.iter().map(move |b| (a * b / (sum * sum)) as f32));
        Self::new([n, n], weights.collect())
    }

    /// What a camera sees that moves `n` pixels while its shutter is open, in the direction `angle` (degrees,
    /// anticlockwise from the right): the weight of a pixel is `max(0, 1 - d)`, `d` its distance from a line of
    /// length `n - 1` through the middle; their sum is the divisor. An even `n` makes a mask of side `n + 1`.
    ///
    /// ```
    /// let blur = convoke::mask::Mask::motion(3, 0.0)?;
    /// assert_eq!((blur.weights(), blur.divisor), (&[0., 0., 0., 1., 1., 1., 0., 0., 0.][..], 3.0));
    /// # Ok::<(), convoke::mask::MaskError>(())
    /// ```
    ///
    /// # Errors
    /// If `n` is not from 1 to [`MAX_SIDE`], or `angle` is not finite.
    pub fn motion(n: usize, angle: f64) -> Result<Self, MaskError> {
        const REQUIRED: &str = "a length from 1 to 4095 and an angle in degrees";
        check_side("motion", REQUIRED, n, format!("{n},{angle}"))?;
        if !angle.is_finite() {
            return Err(parameter("motion", REQUIRED, format!("{n},{angle}")));
        }
        let side = n | 1;
        let half = (n - 1) as f64 / 2.0;
        let (sin, cos) = angle.to_radians().sin_cos();
        let mut weights = Vec::with_capacity(side * side);
        for row in 0..side {
            for column in 0..side {
                // Rows count downwards, angles upwards.
                let (x, y) = (column as f64 - (side / 2) as f64, (side / 2) as f64 - row as f64);
                let along = (x * cos + y * sin).clamp(-half, half);
                let distance = (x - along * cos).hypot(y - along * sin);
                // In steps of 2^-10, far below what is visible, so that right angles give plain ones and zeros.
                weights.push(((1.0 - distance).max(0.0) * 1024.0).round() as f32 / 1024.0);
            }
        }
        let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        Ok(Self::new([side, side], weights)?.divisor(sum as f32))
    }
}

/// Moving.
impl Mask {
    /// A single 1 in the middle of a 3x3 mask: the picture itself.
    pub fn identity() -> Self {
        Self::one_at(1, 1)
    }

    /// Moves the picture one pixel to the left. Its 1 stands right of the middle, so that every pixel takes the
    /// value of its right neighbour. (As a *true* convolution the same mask moves the picture to the right.)
    pub fn shift_left() -> Self {
        Self::one_at(1, 2)
    }

    /// Moves the picture one pixel to the right; the 1 stands left of the middle.
    pub fn shift_right() -> Self {
        Self::one_at(1, 0)
    }

    /// Moves the picture one pixel up; the 1 stands below the middle.
    pub fn shift_up() -> Self {
        Self::one_at(2, 1)
    }

    /// Moves the picture one pixel down; the 1 stands above the middle.
    pub fn shift_down() -> Self {
        Self::one_at(0, 1)
    }

    fn one_at(row: usize, column: usize) -> Self {
        let mut rows = [[0.0; 3]; 3];
        rows[row][column] = 1.0;
        Self::known(rows)
    }
}

/// Edges. As correlations, the `x` masks are positive where the picture gets brighter to the right, the `y`
/// masks where it gets brighter downwards. Their results are not scaled.
impl Mask {
    /// Horizontal gradient, smoothed vertically: `[1 2 1]^T [-1 0 1]` (Sobel and Feldman, 1968).
    pub fn sobel_x() -> Self {
        Self::known([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    }

    /// Vertical gradient: [`sobel_x`](Self::sobel_x) transposed.
    pub fn sobel_y() -> Self {
        Self::known([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    }

    /// Horizontal gradient whose direction is more nearly the same for every direction of the edge:
    /// `[3 10 3]^T [-1 0 1]` (Scharr, *Optimale Operatoren in der Digitalen Bildverarbeitung*, 2000).
    pub fn scharr_x() -> Self {
        Self::known([[-3.0, 0.0, 3.0], [-10.0, 0.0, 10.0], [-3.0, 0.0, 3.0]])
    }

    /// Vertical gradient: [`scharr_x`](Self::scharr_x) transposed.
    pub fn scharr_y() -> Self {
        Self::known([[-3.0, -10.0, -3.0], [0.0, 0.0, 0.0], [3.0, 10.0, 3.0]])
    }

    /// Horizontal gradient, `[-1 0 1]` three times (Prewitt, *Object Enhancement and Extraction*, 1970).
    pub fn prewitt_x() -> Self {
        Self::known([[-1.0, 0.0, 1.0]; 3])
    }

    /// Vertical gradient: [`prewitt_x`](Self::prewitt_x) transposed.
    pub fn prewitt_y() -> Self {
        Self::known([[-1.0; 3], [0.0; 3], [1.0; 3]])
    }

    /// The sum of the second differences in both directions, `[0 1 0; 1 -4 1; 0 1 0]`: negative on bright
    /// spots.
    pub fn laplacian() -> Self {
        Self::known([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    }

    /// The picture minus its [`laplacian`](Self::laplacian), `[0 -1 0; -1 5 -1; 0 -1 0]`.
    pub fn sharpen() -> Self {
        Self::known([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]])
    }

    /// A relief of the picture lit from the top left, on the picture itself: `[-2 -1 0; -1 1 1; 0 1 2]`.
    pub fn emboss() -> Self {
        Self::known([[-2.0, -1.0, 0.0], [-1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])
    }
}

fn check_side(name: &'static str, required: &'static str, n: usize, got: String) -> Result<(), MaskError> {
    if (1..=MAX_SIDE).contains(&n) { Ok(()) } else { Err(parameter(name, required, got)) }
}

fn parameter(name: &'static str, required: &'static str, got: String) -> MaskError {
    MaskError::Parameter { name, required, got }
}

/// The mask of this name and these parameters; `None` if there is no such name.
pub(super) fn by_name(name: &str, parameters: Option<&str>) -> Option<Result<Mask, MaskError>> {
    let plain: fn() -> Mask = match name {
        "box" => return Some(parse_box(parameters.unwrap_or_default())),
        "gaussian" => return Some(parse_gaussian(parameters.unwrap_or_default())),
        "motion" => return Some(parse_motion(parameters.unwrap_or_default())),
        "identity" => Mask::identity,
        "shift-left" => Mask::shift_left,
        "shift-right" => Mask::shift_right,
        "shift-up" => Mask::shift_up,
        "shift-down" => Mask::shift_down,
        "sobel-x" => Mask::sobel_x,
        "sobel-y" => Mask::sobel_y,
        "scharr-x" => Mask::scharr_x,
        "scharr-y" => Mask::scharr_y,
        "prewitt-x" => Mask::prewitt_x,
        "prewitt-y" => Mask::prewitt_y,
        "laplacian" => Mask::laplacian,
        "sharpen" => Mask::sharpen,
        "emboss" => Mask::emboss,
        _ => return None,
    };
    let known = NAMES.iter().find(|known| **known == name).copied().unwrap_or("");
    Some(match parameters {
        None => Ok(plain()),
        Some(got) => Err(parameter(known, "no parameter", got.to_owned())),
    })
}

fn parse_box(text: &str) -> Result<Mask, MaskError> {
    let n = text.trim().parse().map_err(|_| parameter("box:N", "a size from 1 to 4095", text.to_owned()))?;
    Mask::boxed(n)
}

fn parse_gaussian(text: &str) -> Result<Mask, MaskError> {
    let wrong = || parameter("gaussian:SIGMA[,N]", "a positive sigma, and perhaps a size", text.to_owned());
    match text.split_once(',') {
        None => Mask::gaussian(text.trim().parse().map_err(|_| wrong())?),
        Some((sigma, n)) => Mask::gaussian_sized(
            sigma.trim().parse().map_err(|_| wrong())?,
            n.trim().parse().map_err(|_| wrong())?,
        ),
    }
}

fn parse_motion(text: &str) -> Result<Mask, MaskError> {
    let wrong =
        || parameter("motion:N,ANGLE", "a length from 1 to 4095 and an angle in degrees", text.to_owned());
    let (n, angle) = text.split_once(',').ok_or_else(wrong)?;
    Mask::motion(n.trim().parse().map_err(|_| wrong())?, angle.trim().parse().map_err(|_| wrong())?)
}
