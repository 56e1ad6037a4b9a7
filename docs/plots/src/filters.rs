//! Time per pixel against the side of the mask, of Convoke's algorithms and of OpenCV's functions, from a table that
//! `measure` wrote. Every point is a row of the table; lines only join neighbours.

use std::error::Error;

use plotters::prelude::*;

use crate::panel::{self, Panel};
use crate::{GREY, label, table};

const SIZE: (u32, u32) = (1180, 660);

/// Draws the plot of a table.
pub(crate) fn draw(text: &str, plot: &str) -> Result<(), Box<dyn Error>> {
    let rows = table::parse(text)?;
    // A column of its own for each type, on the same scale.
    let range = panel::range(&rows).ok_or("the table is empty")?;
    let root = SVGBackend::new(plot, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (top, rest) = root.split_vertically(64);
    let (middle, bottom) = rest.split_vertically(SIZE.1 - 64 - 26);
    label(&top, "Time per pixel of picture filters, in nanoseconds", (24, 12), 25, &BLACK)?;
    label(
        &top,
        "grey, 1920x1080, one thread, reflect101; both scales logarithmic; solid: Convoke, dashed: OpenCV, grey lines: limits of the core",
        (24, 42),
        17,
        &GREY,
    )?;
    for (area, pixels) in middle.split_evenly((1, 2)).iter().zip(["f32", "u8"]) {
        let rows: Vec<_> = rows.iter().filter(|row| row.pixels == pixels).collect();
        Panel { pixels, rows: &rows, range: range.clone() }.draw(area)?;
    }
    // Who measured what, in the table's own words.
    let source: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| ["Machine", "Note", "OpenCV"].iter().any(|start| line.starts_with(start)))
        .collect();
    label(&bottom, &source.join("  "), (24, 4), 15, &GREY)?;
    root.present()?;
    Ok(())
}
