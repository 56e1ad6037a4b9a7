//! Draws the plots of the documentation from tables of measurements, from this folder:
//!
//! ```text
//! cargo run --release -- filters filters.csv filters.svg      time per pixel against mask size; `measure` makes the table
//! cargo run --release -- roofline layers.jsonl roofline.svg   layers beside the limits of the core; `convoke bench --json`
//! ```

mod filters;
mod panel;
mod roofline;
mod table;

use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const FONT: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, table, plot] = &args[..] else {
        return Err("usage: convoke-plots filters|roofline TABLE PLOT.svg".into());
    };
    let text = std::fs::read_to_string(table)?;
    match &kind[..] {
        "filters" => filters::draw(&text, plot),
        "roofline" => roofline::draw(&text, plot),
        _ => Err(format!("no plot is called {kind}: filters, roofline").into()),
    }
}

/// Grey that can still be read on white.
const GREY: RGBColor = RGBColor(105, 105, 105);

/// Writes text with its upper left corner here.
fn label<D: DrawingBackend>(
    area: &DrawingArea<D, plotters::coord::Shift>,
    text: &str,
    at: (i32, i32),
    size: i32,
    colour: &RGBColor,
) -> Result<(), Box<dyn Error>>
where
    D::ErrorType: 'static,
{
    let style = (FONT, size).into_text_style(area).color(colour).pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}
