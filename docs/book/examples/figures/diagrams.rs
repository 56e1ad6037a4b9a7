//! The window over the table, the impulse under both operations, and the three kinds of layer.

use std::error::Error;

use convoke::mask::Mask;
use convoke::{Border, Filter, Mode};

use super::svg::{BLUE, Drawing, GREEN, GREY, ORANGE};

/// The picture of the first page.
#[rustfmt::skip]
const PICTURE: [u8; 100] = [
    0, 0,  0,  0,  0,  0,  0,  0, 0, 0,
    0, 0,  0,  0,  0,  0,  0,  0, 0, 0,
    0, 0,  0, 90, 90, 90, 90, 90, 0, 0,
    0, 0,  0, 90, 90, 90, 90, 90, 0, 0,
    0, 0,  0, 90, 90, 90, 90, 90, 0, 0,
    0, 0,  0, 90,  0, 90, 90, 90, 0, 0,
    0, 0,  0, 90, 90, 90, 90, 90, 0, 0,
    0, 0,  0,  0,  0,  0,  0,  0, 0, 0,
    0, 0, 90,  0,  0,  0,  0,  0, 0, 0,
    0, 0,  0,  0,  0,  0,  0,  0, 0, 0,
];

/// The mean at four places of one row, drawn on the picture and on the result.
pub(crate) fn window() -> Result<String, Box<dyn Error>> {
    const CELL: i32 = 26;
    let mean = Mask::boxed(3)?;
    let result: Vec<u8> = Filter::new(&mean.desc([10, 10], 1).border(Border::Zero), &mean)?.run(&PICTURE)?;
    let mut drawing = Drawing::new((1180, 350));
    for step in 0..4 {
        let left = 20 + step * 290;
        drawing.table((left, 20), CELL, 10, &PICTURE);
        let x = left + step * CELL;
        drawing.rect([x, 20, 3 * CELL, 3 * CELL], "none", ORANGE, 3.0);
        drawing.text(
            (left + 5 * CELL, 310),
            17,
            GREY,
            &format!("nine pixels, divided by nine: {}", result[11 + step as usize]),
        );
        drawing.rect([x + CELL, 20 + CELL, CELL, CELL], "none", BLUE, 2.5);
    }
    Ok(drawing.finish())
}

/// One bright pixel, and what a mask of nine numbers makes of it.
pub(crate) fn impulse() -> Result<String, Box<dyn Error>> {
    const CELL: i32 = 34;
    let mut point = [0_u8; 25];
    point[12] = 1;
    let mask = Mask::from_rows("1 2 3; 4 5 6; 7 8 9")?;
    let run = |mode| -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(Filter::new(&mask.desc([5, 5], 1).mode(mode), &mask)?.run(&point)?)
    };
    let nine: Vec<u8> = mask.weights().iter().map(|&w| w as u8).collect();
    let mut drawing = Drawing::new((880, 260));
    let tables: [(i32, usize, &[u8], &str); 4] = [
        (20, 5, &point, "the picture"),
        (240, 3, &nine, "the mask"),
        (400, 5, &run(Mode::Correlate)?, "correlation: turned"),
        (640, 5, &run(Mode::Convolve)?, "convolution: as it is"),
    ];
    for (left, cols, values, words) in tables {
        let top = if cols == 3 { 20 + CELL } else { 20 };
        drawing.table((left, top), CELL, cols, values);
        drawing.text((left + cols as i32 * CELL / 2, 225), 17, GREY, words);
    }
    Ok(drawing.finish())
}

/// Eight pixels below eight neurons, joined in three ways.
pub(crate) fn layers() -> String {
    const COUNT: i32 = 8;
    let mut drawing = Drawing::new((1120, 300));
    let colours = [BLUE, ORANGE, GREEN];
    for (panel, (name, weights)) in [
        ("fully connected", "64 weights"),
        ("locally connected", "22 weights"),
        ("convolutional", "3 weights"),
    ]
    .into_iter()
    .enumerate()
    {
        let left = 40 + panel as i32 * 370;
        let at = |i: i32, row: i32| (left + i * 42, 50 + row * 150);
        for to in 0..COUNT {
            for from in 0..COUNT {
                let tap = from - to + 1;
                // In a convolutional layer the colour is the weight.
                let (stroke, width) = match panel {
                    0 => (GREY, 0.8),
                    _ if !(0..3).contains(&tap) => continue,
                    1 => (GREY, 1.5),
                    _ => (colours[tap as usize], 2.0),
                };
                drawing.line(at(from, 1), at(to, 0), stroke, width);
            }
        }
        for i in 0..COUNT {
            drawing.circle(at(i, 0), 9, "white");
            drawing.circle(at(i, 1), 9, "#dcdcdc");
        }
        let middle = left + (COUNT - 1) * 21;
        drawing.text((middle, 20), 18, "black", name);
        drawing.text((middle, 245), 17, GREY, weights);
    }
    drawing.finish()
}
