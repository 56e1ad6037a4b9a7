//! `--mask`: a name, a file, or rows of numbers.

use std::path::Path;

use convoke::mask::{Mask, MaskError};

use crate::array::shape_text;
use crate::error::{Context, Failure, Outcome};
use crate::{files, npy};

/// The mask that the option asks for. Names come first; then whatever is a file, or is called like one; then
/// numbers.
pub(crate) fn load(text: &str) -> Outcome<Mask> {
    let parsed = text.parse::<Mask>();
    let path = Path::new(text);
    let like_a_file = path
        .extension()
        .is_some_and(|extension| ["npy", "txt", "csv"].iter().any(|known| extension == *known));
    match parsed {
        Err(MaskError::UnknownName(_)) if like_a_file || path.exists() => from_file(path),
        Err(_) if like_a_file && path.exists() => from_file(path),
        other => other.map_err(Failure::new),
    }
}

/// The sigma of a mask that is called `gaussian:SIGMA`, without a size.
pub(crate) fn sigma(text: &str) -> Option<f64> {
    text.trim().strip_prefix("gaussian:")?.trim().parse().ok()
}

fn from_file(path: &Path) -> Outcome<Mask> {
    let bytes = files::read(path)?;
    if bytes.starts_with(npy::MAGIC) {
        let array = npy::parse(&bytes).about(path.display())?;
        let &[rows, columns] = &array.shape[..] else {
            return Failure::about(
                path.display(),
                format_args!("a mask must have 2 dimensions, got {}", shape_text(&array.shape)),
            );
        };
        let weights = array.data.to_f32().about(path.display())?;
        return Mask::new([rows, columns], weights).about(path.display());
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|_| "neither text nor an .npy file").about(path.display())?;
    Mask::from_rows(text).about(path.display())
}
