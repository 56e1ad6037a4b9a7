//! Layers beside the limits of the core: operations per second against operations per byte, both scales logarithmic. The
//! roof rises with the rate of a copy until it meets the peak of the multiply-adds; there is a slope for each size of copy,
//! since what a cache holds moves faster. A thin line joins each layer to its own roof.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::ShapeStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::Deserialize;

use crate::panel::spread;
use crate::{FONT, GREY, label};

const SIZE: (u32, u32) = (1180, 720);
/// Room around the plotting area: left, right, top, bottom.
const MARGINS: [i32; 4] = [64, 28, 16, 52];
const GRID: RGBColor = RGBColor(228, 228, 228);
/// Below this part of its limit a layer is named.
const FAR: f64 = 0.5;
/// Least distance of two names.
const LINE_HEIGHT: i32 = 15;

/// What is read of a line of `convoke bench --json`.
#[derive(Deserialize)]
struct Row {
    name: String,
    median_ms: f64,
    gflops: f64,
    peak_gflops: f64,
    bytes: f64,
    copy_of_bytes_gb_s: f64,
    level: String,
    layout: String,
    threads: usize,
}

impl Row {
    /// Operations for each byte of input, weights and output.
    fn intensity(&self) -> f64 {
        self.gflops * self.median_ms * 1e6 / self.bytes
    }

    /// The roof above it.
    fn roof(&self) -> f64 {
        self.peak_gflops.min(self.intensity() * self.copy_of_bytes_gb_s)
    }

    /// Its kind, as its name tells.
    fn kind(&self) -> usize {
        let is = |part: &str| self.name.contains(part);
        if is("_dw") || is("g32_") {
            2
        } else if is("1x1") {
            1
        } else {
            0
        }
    }
}

/// Names of kinds, with colours that most colour-blind people can tell apart (Okabe and Ito).
const KINDS: [(&str, RGBColor); 3] = [
    ("dense, several taps", RGBColor(0, 100, 170)),
    ("pointwise", RGBColor(0, 140, 100)),
    ("depthwise and groups", RGBColor(200, 80, 0)),
];

/// Draws the plot of such lines.
pub(crate) fn draw(text: &str, plot: &str) -> Result<(), Box<dyn Error>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1).into())
        })
        .collect::<Result<Vec<Row>, Box<dyn Error>>>()?;
    let first = rows.first().ok_or("the table is empty")?;
    let root = SVGBackend::new(plot, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (top, area) = root.split_vertically(70);
    label(&top, "Convolution layers beside the limits of the core", (24, 12), 25, &BLACK)?;
    let threads =
        if first.threads == 1 { "one thread".to_owned() } else { format!("{} threads", first.threads) };
    let what = format!(
        "f32, {}, level {}, {threads}; work counted with its padding, which the kernels skip: so a layer can lie above the roof",
        first.layout.to_uppercase(),
        first.level
    );
    label(&top, &what, (24, 42), 17, &GREY)?;
    Plot::new(&rows, area.dim_in_pixel()).draw(&area)?;
    root.present()?;
    Ok(())
}

/// The plotting area and its scales.
struct Plot<'a> {
    rows: &'a [Row],
    /// Operations per byte, and per second in billions.
    ranges: [Range<f64>; 2],
    /// Left, right, top, bottom.
    edges: [i32; 4],
}

impl<'a> Plot<'a> {
    fn new(rows: &'a [Row], (width, height): (u32, u32)) -> Self {
        let range = |of: fn(&Row) -> f64, beyond: f64| {
            let (least, greatest) =
                rows.iter().map(of).fold((f64::INFINITY, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
            least / 2.0..greatest * beyond
        };
        let [left, right, top, bottom] = MARGINS;
        let tallest = |row: &Row| row.gflops.max(row.peak_gflops);
        let ranges =
            [range(Row::intensity, 1.6), range(|row| row.gflops, 1.0).start..range(tallest, 1.5).end];
        Self { rows, ranges, edges: [left, width as i32 - right, top, height as i32 - bottom] }
    }

    fn place(&self, intensity: f64, gflops: f64) -> (i32, i32) {
        let part = |x: f64, range: &Range<f64>| (x / range.start).ln() / (range.end / range.start).ln();
        let ([left, right, top, bottom], [xs, ys]) = (self.edges, &self.ranges);
        let x = part(intensity, xs) * f64::from(right - left);
        let y = part(gflops, ys) * f64::from(bottom - top);
        (left + x.round() as i32, bottom - y.round() as i32)
    }

    fn draw<D: DrawingBackend>(&self, area: &DrawingArea<D, Shift>) -> Result<(), Box<dyn Error>>
    where
        D::ErrorType: 'static,
    {
        let text = |text: &str, at, size: i32, colour: &RGBColor, h, v| {
            let style = (FONT, size).into_text_style(area).color(colour).pos(Pos::new(h, v));
            area.draw(&Text::new(text.to_owned(), at, style))
        };
        let [left, right, top, bottom] = self.edges;
        let [xs, ys] = &self.ranges;

        for value in ticks(xs) {
            let (x, _) = self.place(value, ys.start);
            area.draw(&PathElement::new([(x, top), (x, bottom)], GRID))?;
            text(&value.to_string(), (x, bottom + 7), 16, &GREY, HPos::Center, VPos::Top)?;
        }
        for value in ticks(ys) {
            let (_, y) = self.place(xs.start, value);
            area.draw(&PathElement::new([(left, y), (right, y)], GRID))?;
            text(&value.to_string(), (left - 7, y), 16, &GREY, HPos::Right, VPos::Center)?;
        }
        let middle = (left + right) / 2;
        let words = "operations for each byte of input, weights and output";
        text(words, (middle, bottom + 28), 17, &GREY, HPos::Center, VPos::Top)?;
        text("GFLOP/s", (left + 6, top + 2), 17, &GREY, HPos::Left, VPos::Top)?;

        // The roofs.
        let peak = self.rows.iter().map(|row| row.peak_gflops).fold(0.0, f64::max);
        let roof = ShapeStyle::from(&RGBColor(150, 150, 150)).stroke_width(2);
        area.draw(&PathElement::new([self.place(xs.start, peak), self.place(xs.end, peak)], roof))?;
        let at = self.place(xs.end, peak);
        let words = format!("multiply-adds: {peak:.0} GFLOP/s");
        text(&words, (at.0 - 6, at.1 - 6), 16, &GREY, HPos::Right, VPos::Bottom)?;
        let mut rates: Vec<f64> = self.rows.iter().map(|row| row.copy_of_bytes_gb_s).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        for rate in rates {
            let from = xs.start.max(ys.start / rate);
            area.draw(&PathElement::new(
                [self.place(from, from * rate), self.place(peak / rate, peak)],
                roof,
            ))?;
            let at = self.place(from * 1.04, from * 1.04 * rate);
            text(&format!("{rate:.0} GB/s"), (at.0 + 8, at.1), 15, &GREY, HPos::Left, VPos::Center)?;
        }

        for row in self.rows {
            let (_, colour) = KINDS[row.kind()];
            let (at, to) = (self.place(row.intensity(), row.gflops), self.place(row.intensity(), row.roof()));
            area.draw(&PathElement::new([at, to], colour.mix(0.45)))?;
            area.draw(&Circle::new(at, 4, colour.filled()))?;
        }
        // Names, moved apart where layers lie close together.
        let mut far: Vec<&Row> = self.rows.iter().filter(|row| row.gflops < FAR * row.roof()).collect();
        far.sort_by(|a, b| b.gflops.total_cmp(&a.gflops));
        let place = |row: &Row| self.place(row.intensity(), row.gflops);
        let mut heights: Vec<i32> = far.iter().map(|row| place(row).1).collect();
        spread(&mut heights, LINE_HEIGHT, top..bottom);
        for (row, y) in far.iter().zip(heights) {
            let ((_, colour), at) = (KINDS[row.kind()], place(row));
            area.draw(&PathElement::new([(at.0 + 5, at.1), (at.0 + 22, y)], colour.mix(0.45)))?;
            text(&row.name, (at.0 + 24, y), 13, &colour, HPos::Left, VPos::Center)?;
        }
        for (i, (name, colour)) in KINDS.iter().enumerate() {
            let y = bottom - 20 - 22 * (KINDS.len() - 1 - i) as i32;
            area.draw(&Circle::new((right - 210, y), 5, colour.filled()))?;
            text(name, (right - 196, y), 16, colour, HPos::Left, VPos::Center)?;
        }
        Ok(())
    }
}

/// Numbers on an axis: 1, 2 and 5 times each power of ten.
fn ticks(range: &Range<f64>) -> impl Iterator<Item = f64> {
    let all = (-3..6).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    all.filter(|value| range.contains(value))
}
