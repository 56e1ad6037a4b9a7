//! Renders `assets/harbour.png`, the picture that the documentation filters: a harbour at dusk, computed from
//! formulas, so that the project owns its picture. It has what filters are tried on: gradients, straight and
//! slanted edges, thin lines, fine texture, letters.
//!
//! `cargo run --release -p convoke-cli --example render_picture -- assets/harbour.png`
//!
//! From back to front: sky, hills, town, water, lighthouse, boats, quay. Each is a function from a point to a
//! colour and a coverage; points are in pixels of a 640x427 picture, and each pixel is the mean of 3x3 points.

use std::error::Error;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 427;
/// Where the water starts.
const HORIZON: f32 = 236.0;
const SUN: [f32; 2] = [440.0, 146.0];
const SAMPLES: u32 = 3;

type Colour = [f32; 3];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "assets/harbour.png".to_owned());
    let picture =
        image::RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let mut sum = [0.0; 3];
            for i in 0..SAMPLES * SAMPLES {
                let at = |pixel: u32, sample: u32| pixel as f32 + (sample as f32 + 0.5) / SAMPLES as f32;
                let colour = scene(at(x, i % SAMPLES), at(y, i / SAMPLES));
                sum = [0, 1, 2].map(|c| sum[c] + colour[c]);
            }
            // Square roots stand in for the eye's response, so that means of light are means of light.
            image::Rgb(sum.map(|light| {
                ((light / (SAMPLES * SAMPLES) as f32).clamp(0.0, 1.0).sqrt() * 255.0).round() as u8
            }))
        });
    picture.save(&path)?;
    println!("{path}: {WIDTH}x{HEIGHT}");
    Ok(())
}

/// The light at a point.
fn scene(x: f32, y: f32) -> Colour {
    let mut colour = if y < HORIZON { land(x, y) } else { water(x, y) };
    for boat in &BOATS {
        colour = boat.over(colour, x, y);
    }
    quay(colour, x, y)
}

/// Everything above the water, and what it mirrors.
fn land(x: f32, y: f32) -> Colour {
    let colour = hills(sky(x, y), x, y);
    lighthouse(town(colour, x, y), x, y)
}

// ---- colour and noise ----

fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    let t = t.clamp(0.0, 1.0);
    [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * t)
}

fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 0 to 1, the same for the same place (an integer hash).
fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1)
        ^ (y as u32).wrapping_mul(0x85EB_CA77)
        ^ seed.wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    (h >> 8 & 0xFFFF) as f32 / 65535.0
}

/// Value noise: random values at whole points, smooth between them.
fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (tx, ty) = (smooth(0.0, 1.0, x - fx), smooth(0.0, 1.0, y - fy));
    let row = |dy: i32| {
        let (a, b) = (hash(ix, iy + dy, seed), hash(ix + 1, iy + dy, seed));
        a + (b - a) * tx
    };
    let (top, bottom) = (row(0), row(1));
    top + (bottom - top) * ty
}

/// Noise on several scales, 0 to 1.
fn clouds(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    let mut scale = 1.0;
    for octave in 0..octaves {
        sum += weight * noise(x * scale, y * scale, seed + octave);
        total += weight;
        weight *= 0.5;
        scale *= 2.03;
    }
    sum / total
}

// ---- the back ----

fn sky(x: f32, y: f32) -> Colour {
    let height = (HORIZON - y) / HORIZON;
    let low = mix([0.95, 0.60, 0.30], [0.55, 0.38, 0.42], smooth(0.0, 0.35, height));
    let mut colour = mix(low, [0.06, 0.12, 0.28], smooth(0.2, 1.0, height));
    let distance = (x - SUN[0]).hypot((y - SUN[1]) * 1.15);
    colour = mix(colour, [1.0, 0.80, 0.45], 0.65 * (-distance / 90.0).exp());
    colour = mix(colour, [1.0, 0.96, 0.80], smooth(21.0, 18.5, distance));
    // Clouds are drawn out along the horizon, lit from below near the sun.
    let cover = smooth(0.50, 0.72, clouds(x / 120.0 + 3.0, y / 34.0, 5, 11)) * smooth(0.05, 0.4, height);
    let lit = mix([0.30, 0.24, 0.32], [1.0, 0.62, 0.40], (-distance / 150.0).exp() * 1.4);
    mix(colour, lit, 0.75 * cover)
}

fn hills(mut colour: Colour, x: f32, y: f32) -> Colour {
    let ridges: [(f32, f32, Colour); 3] = [
        (172.0, 46.0, [0.36, 0.25, 0.30]),
        (196.0, 40.0, [0.20, 0.16, 0.21]),
        (216.0, 24.0, [0.09, 0.10, 0.12]),
    ];
    for (i, (top, relief, shade)) in ridges.into_iter().enumerate() {
        let ridge =
            top + relief * (0.5 - clouds(x / (150.0 - 30.0 * i as f32), 7.0 * i as f32, 6, 40 + i as u32));
        if y > ridge {
            // Woods: darker and lighter crowns; haze towards the water.
            let crowns = 0.75 + 0.5 * clouds(x / 5.0, y / 4.0, 3, 60 + i as u32);
            colour =
                mix(shade.map(|c| c * crowns), [0.55, 0.36, 0.32], 0.35 * smooth(ridge, HORIZON + 10.0, y));
        }
    }
    colour
}

fn town(mut colour: Colour, x: f32, y: f32) -> Colour {
    const WALLS: [Colour; 5] =
        [[0.62, 0.42, 0.30], [0.70, 0.60, 0.46], [0.44, 0.22, 0.18], [0.50, 0.46, 0.44], [0.66, 0.48, 0.22]];
    // Two rows of houses on the left, the front one larger.
    for (row, (base, size)) in [(222.0_f32, 0.72_f32), (HORIZON, 1.0)].into_iter().enumerate() {
        let step = 27.0 * size;
        let number = (x / step).floor() as i32;
        if !(0..(300.0 / step) as i32).contains(&number) {
            continue;
        }
        let kind = |what: u32| hash(number, row as i32, what);
        let wide = step * (0.80 + 0.2 * kind(1));
        let tall = size * (26.0 + 24.0 * kind(2));
        let (u, v) = (x - number as f32 * step, base - y);
        if !(0.0..wide).contains(&u) || v < 0.0 {
            continue;
        }
        let shade = 0.55 + 0.25 * kind(3);
        let wall = WALLS[(kind(4) * 4.99) as usize].map(|c| c * shade);
        let roof = (1.0 - (2.0 * u / wide - 1.0).abs()) * 12.0 * size;
        if v < tall {
            let (wx, wy) = (u / (wide / 3.0), v / (9.0 * size));
            let inside = (0.25..0.75).contains(&wx.fract()) && (0.3..0.8).contains(&wy.fract());
            let lit = hash(number * 7 + wx as i32, wy as i32 * 5 + row as i32, 5) > 0.55;
            let grain = 0.92 + 0.16 * noise(x * 1.3, y * 1.3, 6);
            colour = match (inside, lit) {
                (true, true) => [1.0, 0.74, 0.28],
                (true, false) => [0.05, 0.06, 0.09],
                _ => wall.map(|c| c * grain),
            };
        } else if v < tall + roof {
            let tiles = if (v * 0.9).fract() < 0.3 { 0.8 } else { 1.0 };
            colour = [0.30 * tiles, 0.11 * tiles, 0.08 * tiles];
        }
    }
    colour
}

fn lighthouse(colour: Colour, x: f32, y: f32) -> Colour {
    let (dx, up) = (x - 566.0, HORIZON - y);
    // The rock that it stands on.
    let rock = 16.0 * (1.0 - (dx / 74.0).powi(2)) + 7.0 * clouds(x / 9.0, 1.0, 4, 80) - 4.0;
    if up < rock {
        let facets = 0.5 + 0.9 * clouds(x / 6.0, y / 4.0, 4, 81);
        return [0.13, 0.11, 0.11].map(|c| c * facets);
    }
    let half = 11.0 - 0.036 * up;
    if up < 128.0 && dx.abs() < half {
        // Round: light from the left, where the sun is.
        let round = 0.35 + 0.65 * smooth(1.0, -0.9, dx / half);
        let red = (up / 21.0) as i32 % 2 == 1;
        let paint = if red { [0.62, 0.06, 0.05] } else { [0.88, 0.84, 0.78] };
        let window = dx.abs() < 1.6 && (0.35..0.6).contains(&(up / 21.0).fract());
        return if window { [0.04, 0.04, 0.05] } else { paint.map(|c| c * round) };
    }
    if (128.0..131.0).contains(&up) && dx.abs() < 10.5 {
        return [0.07, 0.07, 0.08];
    }
    if (131.0..143.0).contains(&up) && dx.abs() < 5.5 {
        let bar = (dx / 2.2).fract().abs() < 0.25;
        return if bar { [0.08, 0.08, 0.09] } else { [1.0, 0.93, 0.62] };
    }
    if (143.0..152.0).contains(&up) && dx.abs() < 7.0 * (152.0 - up) / 9.0 {
        return [0.50, 0.06, 0.05];
    }
    // The glow of the lamp.
    let glow = (-(dx.hypot(up - 137.0)) / 17.0).exp();
    mix(colour, [1.0, 0.88, 0.55], 0.55 * glow)
}

// ---- the front ----

fn water(x: f32, y: f32) -> Colour {
    let depth = y - HORIZON;
    // Waves grow towards the viewer; each point mirrors one that they shift.
    let scale = 1.0 + depth / 28.0;
    let wave = clouds(x / (9.0 * scale), depth / (1.5 * scale) + 5.0, 4, 90) - 0.5;
    let mirrored = land(
        x + 22.0 * wave * scale.sqrt(),
        HORIZON - 1.0 - (depth * 1.05 + 20.0 * wave).abs().min(HORIZON - 2.0),
    );
    let mut colour =
        mix(mirrored.map(|c| c * 0.82), [0.03, 0.07, 0.11], 0.30 + 0.35 * smooth(0.0, 190.0, depth));
    colour = colour.map(|c| c * (0.86 + 0.55 * wave));
    // The sun's path.
    let path = (-((x - SUN[0]) / (14.0 + depth * 0.32)).powi(2)).exp();
    mix(colour, [1.0, 0.80, 0.48], 0.85 * path * smooth(0.04, 0.20, wave))
}

struct Boat {
    x: f32,
    y: f32,
    size: f32,
    hull: Colour,
    sail: Colour,
    name: &'static str,
}

const BOATS: [Boat; 3] = [
    Boat { x: 344.0, y: 268.0, size: 0.45, hull: [0.22, 0.10, 0.07], sail: [0.86, 0.66, 0.52], name: "" },
    Boat { x: 500.0, y: 292.0, size: 0.70, hull: [0.05, 0.09, 0.16], sail: [0.90, 0.74, 0.60], name: "TAP" },
    Boat {
        x: 196.0,
        y: 330.0,
        size: 1.25,
        hull: [0.06, 0.16, 0.17],
        sail: [0.94, 0.84, 0.70],
        name: "CONVOKE",
    },
];

impl Boat {
    fn over(&self, colour: Colour, x: f32, y: f32) -> Colour {
        let (u, v) = ((x - self.x) / self.size, (self.y - y) / self.size);
        if v < -3.0 {
            // Its reflection, broken by the waves.
            let wave = clouds(x / 14.0, y / 3.0, 3, 120) - 0.5;
            let mirrored = self.shape(u + 9.0 * wave, -v - 6.0 + 8.0 * wave);
            return mirrored.map_or(colour, |shape| mix(colour, shape, 0.42));
        }
        self.shape(u, v).unwrap_or(colour)
    }

    /// In units of the boat: `u` to the right, `v` up from the waterline.
    fn shape(&self, u: f32, v: f32) -> Option<Colour> {
        let deck = 13.0 + 0.0035 * (u + 6.0) * (u + 6.0);
        let (stern, bow) = (-46.0 + 0.25 * v, 48.0 + 0.75 * v);
        if (-3.0..deck.min(40.0)).contains(&v) && (stern..bow).contains(&u) {
            if (deck - 2.2..deck).contains(&v) {
                return Some([0.58, 0.34, 0.16]);
            }
            if v < 1.0 {
                return Some([0.42, 0.07, 0.05]);
            }
            if letters(self.name, (u + 34.0) / 1.3, (v - 2.6) / 1.05) {
                return Some([0.93, 0.86, 0.70]);
            }
            let planks = if (v / 2.6).fract() < 0.16 { 0.7 } else { 1.0 };
            return Some(self.hull.map(|c| c * planks * (1.25 - 0.012 * (u + 40.0))));
        }
        if (deck..deck + 8.0).contains(&v) && (-30.0..-4.0).contains(&u) {
            let window =
                (deck + 2.5..deck + 5.5).contains(&v) && (0.2..0.75).contains(&(u / 6.5).rem_euclid(1.0));
            return Some(if window { [0.95, 0.72, 0.34] } else { [0.72, 0.64, 0.54] });
        }
        if u.abs() < 0.9 && (deck..132.0).contains(&v) {
            return Some([0.20, 0.12, 0.07]);
        }
        // Main sail behind the mast, jib before it; seams across them.
        let t = (v - 26.0) / 100.0;
        let main_edge = -44.0 * (1.0 - t) - 5.0 * (t * std::f32::consts::PI).sin();
        let jib_edge = 44.0 * (1.0 - (v - 18.0) / 98.0);
        let main = (0.0..1.0).contains(&t) && (main_edge..-1.6).contains(&u);
        let jib = (18.0..116.0).contains(&v) && (1.8 + 0.10 * (116.0 - v)..jib_edge).contains(&u);
        if main || jib {
            let seam = ((v + 0.22 * u) / 13.0).rem_euclid(1.0) < 0.055;
            let belly = if main { 0.70 + 0.30 * smooth(main_edge, 0.0, u) } else { 0.92 - 0.22 * u / 44.0 };
            return Some(self.sail.map(|c| c * belly * if seam { 0.74 } else { 1.0 }));
        }
        // Stays: from the mast's top to stern and bow.
        let stay = |foot: f32| {
            ((u - foot * (1.0 - (v - deck) / (130.0 - deck))).abs() < 0.45) && (deck..130.0).contains(&v)
        };
        (stay(-45.0) || stay(54.0)).then_some([0.10, 0.08, 0.08])
    }
}

/// Whether a point is on a letter of `text`; letters are 5 wide and 7 high, 6 apart, their feet at 0.
fn letters(text: &str, u: f32, v: f32) -> bool {
    if u < 0.0 || !(0.0..7.0).contains(&v) {
        return false;
    }
    let (at, column, row) = ((u / 6.0) as usize, (u % 6.0) as u32, 6 - v as usize);
    let rows: [u8; 7] = match text.as_bytes().get(at) {
        Some(b'A') => [14, 17, 17, 31, 17, 17, 17],
        Some(b'C') => [14, 17, 16, 16, 16, 17, 14],
        Some(b'E') => [31, 16, 16, 30, 16, 16, 31],
        Some(b'K') => [17, 18, 20, 24, 20, 18, 17],
        Some(b'N') => [17, 25, 21, 21, 19, 17, 17],
        Some(b'O') => [14, 17, 17, 17, 17, 17, 14],
        Some(b'P') => [30, 17, 17, 30, 16, 16, 16],
        Some(b'T') => [31, 4, 4, 4, 4, 4, 4],
        Some(b'V') => [17, 17, 17, 17, 17, 10, 4],
        _ => return false,
    };
    column < 5 && rows[row] >> (4 - column) & 1 == 1
}

fn quay(colour: Colour, x: f32, y: f32) -> Colour {
    let edge = 391.0 + 0.012 * x;
    // Posts with caps, and a rope that hangs between them.
    let post = (x - 40.0).rem_euclid(150.0) - 75.0;
    if post.abs() < 8.0 && (edge - 34.0..edge + 8.0).contains(&y) {
        let light = 0.5 + 0.5 * smooth(-8.0, 8.0, post);
        let cap = y < edge - 28.0;
        let grain = 0.7 + 0.6 * noise(x * 0.9, y / 9.0, 140);
        return if cap {
            [0.60, 0.52, 0.44].map(|c| c * light)
        } else {
            [0.19, 0.13, 0.09].map(|c| c * light * grain)
        };
    }
    // A parabola with its ends at the posts, which stand in the middle of each 150 pixels.
    let from_middle = (x - 40.0 + 75.0).rem_euclid(150.0) / 75.0 - 1.0;
    let sag = 16.0 * (1.0 - from_middle * from_middle);
    let rope = y - (edge - 24.0 + sag);
    if rope.abs() < 1.9 {
        let twist = 0.55 + 0.45 * ((x + 2.0 * rope) * 1.1).sin().abs();
        return [0.74, 0.58, 0.36].map(|c| c * twist);
    }
    if y < edge {
        return colour;
    }
    // Planks, drawn towards a vanishing point, with grain and nails.
    let far = (y - edge) / 36.0;
    let across = (x - 320.0) / (0.75 + 0.5 * far) / 46.0 + 20.0;
    let (plank, within) = (across.floor(), across.fract());
    if within < 0.045 {
        return [0.02, 0.02, 0.02];
    }
    let tone = 0.75 + 0.5 * hash(plank as i32, 0, 150);
    let grain = 0.72 + 0.56 * clouds(across * 9.0, y / 26.0 + 13.0 * plank, 4, 151);
    let nail = (within - 0.2).abs() < 0.035 && (far - 0.35).abs() < 0.03;
    let lip = 1.0 - 0.45 * smooth(3.0, 0.0, y - edge);
    if nail { [0.03, 0.03, 0.03] } else { [0.30, 0.22, 0.16].map(|c| c * tone * grain * lip) }
}
