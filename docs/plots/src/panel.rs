//! One half of the plot: the filters on pixels of one type, with axes, limits and a label at the end of each line.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::ShapeStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table::Row;
use crate::{FONT, GREY};

/// Sides of masks that get a number on the axis.
const SIDES: &[u32] = &[3, 5, 7, 9, 11, 15, 21, 31, 45, 63];
/// Room around the plotting area: left, right (for labels), top, bottom.
const MARGINS: [i32; 4] = [56, 158, 34, 52];
/// Least distance of two labels.
const LINE_HEIGHT: i32 = 17;
const GRID: RGBColor = RGBColor(228, 228, 228);

/// How a line is drawn, by who was measured and how.
struct Look {
    colour: RGBColor,
    dashed: bool,
    name: &'static str,
}

fn look(engine: &str, algorithm: &str) -> Option<Look> {
    // The same colour for the same kind of mask, from a palette that most colour-blind people can tell apart (Okabe and Ito).
    let [vermilion, blue, green, purple, orange] = [
        RGBColor(200, 80, 0),
        RGBColor(0, 100, 170),
        RGBColor(0, 140, 100),
        RGBColor(170, 85, 140),
        RGBColor(190, 130, 0),
    ];
    let (colour, name) = match (engine, algorithm) {
        ("convoke", "direct") => (vermilion, "direct"),
        ("convoke", "fft") => (purple, "fft"),
        ("convoke", "separable") => (blue, "separable"),
        ("convoke", "box") => (green, "box"),
        ("convoke", "narrow") => (orange, "box, 16-bit sums"),
        ("opencv", "filter2D") => (vermilion, "OpenCV filter2D"),
        ("opencv", "sepFilter2D") => (blue, "OpenCV sepFilter2D"),
        ("opencv", "boxFilter") => (green, "OpenCV boxFilter"),
        _ => return None,
    };
    Some(Look { colour, dashed: engine == "opencv", name })
}

/// The times that the axis must hold.
pub(crate) fn range(rows: &[Row]) -> Option<Range<f64>> {
    // The multiply-add is drawn times the taps of a mask, 9 at least.
    let times =
        || rows.iter().map(|row| if row.algorithm == "multiply-add" { 9.0 } else { 1.0 } * row.ns_per_px);
    let (least, greatest) = (times().reduce(f64::min)?, times().reduce(f64::max)?);
    Some(least * 0.8..greatest * 1.3)
}

/// The filters on pixels of one type.
pub(crate) struct Panel<'a> {
    pub(crate) pixels: &'a str,
    pub(crate) rows: &'a [&'a Row],
    pub(crate) range: Range<f64>,
}

/// Text at the end of a line: where the line ends, and what it says.
struct EndLabel {
    end: (i32, i32),
    text: String,
    colour: RGBColor,
}

impl Panel<'_> {
    pub(crate) fn draw<D: DrawingBackend>(&self, area: &DrawingArea<D, Shift>) -> Result<(), Box<dyn Error>>
    where
        D::ErrorType: 'static,
    {
        let [left, right, top, bottom] = MARGINS;
        let (width, height) = area.dim_in_pixel();
        let (x_end, y_end) = (width as i32 - right, height as i32 - bottom);
        let place = |side: f64, ns: f64| {
            let x = (side / 2.8).ln() / (66.0_f64 / 2.8).ln();
            let y = (ns / self.range.start).ln() / (self.range.end / self.range.start).ln();
            (
                left + (x * f64::from(x_end - left)).round() as i32,
                y_end - (y * f64::from(y_end - top)).round() as i32,
            )
        };
        let text = |text: &str, at, size: i32, colour: &RGBColor, h, v| {
            let style = (FONT, size).into_text_style(area).color(colour).pos(Pos::new(h, v));
            area.draw(&Text::new(text.to_owned(), at, style))
        };

        // Axes.
        text(&format!("{} pixels", self.pixels), (left, 8), 20, &BLACK, HPos::Left, VPos::Top)?;
        for &side in SIDES {
            let (x, _) = place(side.into(), 1.0);
            area.draw(&PathElement::new([(x, top), (x, y_end)], GRID))?;
            text(&side.to_string(), (x, y_end + 7), 16, &GREY, HPos::Center, VPos::Top)?;
        }
        let middle = (left + x_end) / 2;
        text("side of the mask (n by n taps)", (middle, y_end + 28), 17, &GREY, HPos::Center, VPos::Top)?;
        for (ns, name) in decades(&self.range) {
            let (_, y) = place(3.0, ns);
            area.draw(&PathElement::new([(left, y), (x_end, y)], GRID))?;
            text(&name, (left - 7, y), 16, &GREY, HPos::Right, VPos::Center)?;
        }

        // Limits first, so that they lie under the measurements.
        let mut labels = Vec::new();
        for row in self.rows.iter().filter(|row| row.engine == "limit") {
            // Times that grow with the taps, or stay.
            let (power, name) = match &row.algorithm[..] {
                "multiply-add" => (2, "n² f32 multiply-adds"),
                "copy" => (0, "copy"),
                _ => return Err(format!("unknown limit {}", row.algorithm).into()),
            };
            let at = |side: f64| place(side, row.ns_per_px * side.powi(power));
            area.draw(&PathElement::new(
                [at(3.0), at(63.0)],
                ShapeStyle::from(&RGBColor(150, 150, 150)).stroke_width(2),
            ))?;
            labels.push(EndLabel { end: at(63.0), text: name.to_owned(), colour: GREY });
        }

        let mut lines: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.engine != "limit") {
            lines.entry((&row.engine, &row.algorithm)).or_default().push(row);
        }
        for ((engine, algorithm), mut rows) in lines {
            let look = look(engine, algorithm).ok_or_else(|| format!("unknown line {engine},{algorithm}"))?;
            rows.sort_by_key(|row| row.side);
            let points: Vec<_> = rows.iter().map(|row| place(row.side.into(), row.ns_per_px)).collect();
            let style = ShapeStyle::from(&look.colour).stroke_width(2);
            if look.dashed {
                area.draw(&DashedPathElement::new(points.clone(), 6, 4, style))?;
            } else {
                area.draw(&PathElement::new(points.clone(), style))?;
            }
            for &point in &points {
                area.draw(&Circle::new(
                    point,
                    3,
                    if look.dashed { WHITE.filled() } else { look.colour.filled() },
                ))?;
                area.draw(&Circle::new(point, 3, style.stroke_width(1)))?;
            }
            if let Some(&end) = points.last() {
                labels.push(EndLabel { end, text: look.name.to_owned(), colour: look.colour });
            }
        }

        // Labels, moved apart where lines end close together, with a thin line from each to what it names.
        labels.sort_by_key(|label| label.end.1);
        let mut heights: Vec<i32> = labels.iter().map(|label| label.end.1).collect();
        spread(&mut heights, LINE_HEIGHT, top..y_end);
        for (label, y) in labels.iter().zip(heights) {
            let from = x_end + 16;
            area.draw(&PathElement::new(
                [(label.end.0 + 5, label.end.1), (from - 3, y)],
                label.colour.mix(0.6),
            ))?;
            text(&label.text, (from, y), 16, &label.colour, HPos::Left, VPos::Center)?;
        }
        Ok(())
    }
}

/// Grid lines of the time axis: 1, 2 and 5 times each power of ten.
fn decades(range: &Range<f64>) -> Vec<(f64, String)> {
    let lines = (-4..6).flat_map(|power: i32| [1, 2, 5].map(|digit| (digit, power)));
    let named = lines.map(|(digit, power)| {
        let name = if power < 0 {
            format!("0.{:0>1$}", digit, power.unsigned_abs() as usize)
        } else {
            format!("{digit}{}", "0".repeat(power as usize))
        };
        (f64::from(digit) * 10_f64.powi(power), name)
    });
    named.filter(|(ns, _)| range.contains(ns)).collect()
}

/// Moves sorted heights apart to at least the height of a line each, as little as need be, inside a range.
pub(crate) fn spread(heights: &mut [i32], line_height: i32, inside: Range<i32>) {
    // Pairs that are too close give way by half each, again and again; two hundred rounds settle a dozen labels.
    for _ in 0..200 {
        for at in 1..heights.len() {
            let lacking = line_height - (heights[at] - heights[at - 1]);
            if lacking > 0 {
                heights[at - 1] -= lacking / 2;
                heights[at] += lacking - lacking / 2;
            }
        }
        for height in heights.iter_mut() {
            *height = (*height).clamp(inside.start, inside.end);
        }
    }
}
