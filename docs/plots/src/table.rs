//! The table of measurements, as `measure` writes it: what a row means, and how it is read. Between the file and the
//! plot.

use std::error::Error;

/// One measured time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The type of the pixels: `f32` or `u8`.
    pub(crate) pixels: String,
    /// Who was measured: `convoke`, `opencv`, or `limit` for the machine itself.
    pub(crate) engine: String,
    /// The algorithm, or the function.
    pub(crate) algorithm: String,
    /// Side of the square mask; 1 where there is no mask.
    pub(crate) side: u32,
    /// Nanoseconds for each pixel, the least of all rounds.
    pub(crate) ns_per_px: f64,
}

/// The line over the rows.
const COLUMNS: &str = "pixels,engine,algorithm,side,ns_per_px";

/// Reads a table. Lines that start with `#` say where it comes from.
pub(crate) fn parse(text: &str) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    if lines.next().is_none_or(|(_, line)| line != COLUMNS) {
        return Err(format!("the table must start with the line {COLUMNS}").into());
    }
    lines.map(|(at, line)| row(line).map_err(|error| format!("line {}: {error}", at + 1).into())).collect()
}

fn row(line: &str) -> Result<Row, Box<dyn Error>> {
    let cells: Vec<&str> = line.split(',').collect();
    let [pixels, engine, algorithm, side, ns_per_px] = cells[..] else {
        return Err(format!("there must be 5 cells, got {}", cells.len()).into());
    };
    let ns_per_px: f64 = ns_per_px.parse()?;
    if !(ns_per_px.is_finite() && ns_per_px > 0.0) {
        return Err("a time must be positive".into());
    }
    Ok(Row {
        pixels: pixels.to_owned(),
        engine: engine.to_owned(),
        algorithm: algorithm.to_owned(),
        side: side.parse()?,
        ns_per_px,
    })
}
