//! `convoke learn`: the mask that turns one picture into another. Here files become planes of floats and weights become text and
//! pictures; what learns is [`MaskFit`].

use std::path::Path;

use convoke::Options;
use convoke::learn::MaskFit;

use crate::args::LearnArgs;
use crate::args::values::Extent;
use crate::array::{Array, shape_text};
use crate::error::{Context, Failure, Outcome};
use crate::files::{self, Output};
use crate::filter::Size;
use crate::progress::Progress;
use crate::{memory, plot, print, threads};

/// Steps after which the search ends, wherever it is.
const MOST_STEPS: usize = 1000;

pub(crate) fn run(args: &LearnArgs) -> Outcome<()> {
    if let Some(folder) = &args.plot {
        check_folder(folder)?;
    }
    let input = files::read_array_or_picture(&args.input)?.array;
    let target = files::read_array_or_picture(&args.target)?.array;
    if input.shape != target.shape {
        return Failure::about(
            args.target.display(),
            format_args!(
                "must be as large as {}, {}, got {}",
                args.input.display(),
                shape_text(&input.shape),
                shape_text(&target.shape)
            ),
        );
    }
    let size = Size::of(&input.shape).about(args.input.display())?;
    let mask = mask_size(args.size, size)?;
    // The arrays as floats, planes of both, and what the search holds.
    let values = input.shape.iter().product::<usize>();
    memory::check("pictures", values.saturating_mul(10 * size_of::<f32>()))?;
    let src = planes(&input.data.to_f32().about(args.input.display())?, size.channels);
    let (target, clamped) = usable(&target).about(args.target.display())?;
    let target = planes(&target, size.channels);

    let options = Options::new().level(args.common.level.0).threads(threads::set_up(args.common.threads)?);
    let mut fit = MaskFit::new(size.channels, [size.height, size.width], mask, &src, &target, &options)
        .about("learn")?;
    let progress = Progress::new("learning", MOST_STEPS as u64, args.common.quiet);
    while fit.losses().len() <= MOST_STEPS && fit.step().about("learn")? {
        progress.add(1);
    }
    drop(progress);
    if !args.common.quiet && !fit.is_determined() {
        // Nobody can be told if stderr is closed.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"convoke: warning: the picture is too plain: other masks would give the same result\n",
        );
    }
    if let Some(folder) = &args.plot {
        std::fs::create_dir_all(folder).map_err(files::plain).about(folder.display())?;
        for (name, canvas) in
            [("loss.png", plot::curve(fit.losses())), ("mask.png", plot::mask(mask, fit.weights()))]
        {
            Output::array_or_picture(&folder.join(name))?.write(canvas.array())?;
        }
    }
    print(&report(&fit, mask, clamped))
}

/// A folder that is there, or can be made.
fn check_folder(folder: &Path) -> Outcome<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if folder.exists() {
        return Failure::about(folder.display(), "must be a folder");
    }
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Failure::about(
            folder.display(),
            format_args!("cannot be made: there is no folder {}", parent.display()),
        ),
        _ => Ok(()),
    }
}

fn mask_size(Extent(sides): Extent, size: Size) -> Outcome<[usize; 2]> {
    let [rows, columns] = sides;
    match sides.map(usize::try_from) {
        [Ok(rows), Ok(columns)] if rows <= size.height && columns <= size.width => Ok([rows, columns]),
        _ => Failure::about(
            "--size",
            format_args!(
                "must be at most {}x{}, as the pictures, got {rows}x{columns}",
                size.height, size.width
            ),
        ),
    }
}

/// One channel after the other.
fn planes(values: &[f32], channels: usize) -> Vec<f32> {
    (0..channels).flat_map(|channel| values.iter().copied().skip(channel).step_by(channels)).collect()
}

/// The values of a target, NaN where they may have been clamped, and the number of these.
fn usable(target: &Array) -> Outcome<(Vec<f32>, usize)> {
    let mut values = target.data.to_f32()?;
    let mut clamped = 0;
    if let Some((least, greatest)) = target.data.element().range() {
        for value in &mut values {
            if *value <= least || *value >= greatest {
                *value = f32::NAN;
                clamped += 1;
            }
        }
    } else if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(Failure::new(format_args!("must be finite, got {} at element {index}", values[index])));
    }
    Ok((values, clamped))
}

/// Rows of the mask, and a comment.
fn report(fit: &MaskFit, [_, columns]: [usize; 2], clamped: usize) -> String {
    let mut text = String::new();
    for row in fit.weights().chunks(columns) {
        let numbers: Vec<String> = row
            .iter()
            .map(|weight| {
                // No zero has a sign.
                let rounded = (weight * 1e6).round() / 1e6 + 0.0;
                format!("{rounded:>11.6}")
            })
            .collect();
        text.push_str(&numbers.join(" "));
        text.push('\n');
    }
    text.push_str(&format!(
        "# mean square error {:.6} over {} pixels after {} steps; {clamped} left out, perhaps clamped\n",
        fit.loss(),
        fit.usable(),
        fit.losses().len() - 1
    ));
    text
}
