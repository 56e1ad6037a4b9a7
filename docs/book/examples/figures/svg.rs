//! A drawing of squares, lines and words, as SVG. Text stays text.

use std::fmt::Write;

/// Colours that most people can tell apart, and that print.
pub(crate) const BLUE: &str = "#0064aa";
pub(crate) const ORANGE: &str = "#c85000";
pub(crate) const GREEN: &str = "#008c64";
pub(crate) const GREY: &str = "#696969";

/// A drawing that grows.
pub(crate) struct Drawing {
    size: (i32, i32),
    body: String,
}

impl Drawing {
    pub(crate) fn new(size: (i32, i32)) -> Self {
        Self { size, body: String::new() }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }

    pub(crate) fn rect(&mut self, [x, y, w, h]: [i32; 4], fill: &str, stroke: &str, width: f32) {
        self.add(format_args!(
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}" stroke="{stroke}" stroke-width="{width}"/>"#
        ));
    }

    pub(crate) fn line(&mut self, from: (i32, i32), to: (i32, i32), stroke: &str, width: f32) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{stroke}" stroke-width="{width}"/>"#
        ));
    }

    pub(crate) fn circle(&mut self, (x, y): (i32, i32), r: i32, fill: &str) {
        self.add(format_args!(r##"<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}" stroke="#404040"/>"##));
    }

    /// Words whose middle is here.
    pub(crate) fn text(&mut self, (x, y): (i32, i32), size: i32, fill: &str, words: &str) {
        self.add(format_args!(
            r#"<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="middle" dominant-baseline="central">{words}</text>"#
        ));
    }

    /// A table of numbers in square cells, each as grey as its number, of 255, is dark.
    pub(crate) fn table(&mut self, (left, top): (i32, i32), cell: i32, cols: usize, values: &[u8]) {
        for (i, &value) in values.iter().enumerate() {
            let (x, y) = (left + (i % cols) as i32 * cell, top + (i / cols) as i32 * cell);
            let shade = 255 - u32::from(value) * 2;
            self.rect([x, y, cell, cell], &format!("rgb({shade},{shade},{shade})"), "#c8c8c8", 1.0);
            let size = cell * 2 / 5;
            self.text((x + cell / 2, y + cell / 2), size, "black", &value.to_string());
        }
    }

    pub(crate) fn finish(self) -> String {
        let (w, h) = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"white\"/>\n{}</svg>\n",
            self.body
        )
    }
}
