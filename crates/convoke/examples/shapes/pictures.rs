//! The pictures that the networks learn from: six shapes, anywhere, turned and sized at random, faint or clear, in noise. They are drawn when they are
//! wanted, from a seed, so that there are as many unseen ones as anyone asks for.

/// Height and width.
pub(crate) const SIDE: usize = 28;

pub(crate) const NAMES: [&str; 6] = ["disc", "ring", "square", "triangle", "cross", "bar"];

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Nearly normal, with a standard deviation of 1: the sum of four uniform numbers.
    fn noise(&mut self) -> f32 {
        let bits = self.bits();
        let sum: u64 = [0, 16, 32, 48].iter().map(|shift| bits >> shift & 0xFFFF).sum();
        (sum as f32 / 65535.0 - 2.0) * 3.0_f32.sqrt()
    }
}

/// A batch of pictures, one after the other, and what they show.
pub(crate) fn batch(random: &mut Random, count: usize) -> (Vec<f32>, Vec<usize>) {
    let (mut pictures, mut labels) = (Vec::with_capacity(count * SIDE * SIDE), Vec::new());
    for _ in 0..count {
        let label = (random.bits() % NAMES.len() as u64) as usize;
        draw(random, label, &mut pictures);
        labels.push(label);
    }
    (pictures, labels)
}

fn draw(random: &mut Random, label: usize, picture: &mut Vec<f32>) {
    let middle = SIDE as f32 / 2.0;
    let [y, x] = [0, 1].map(|_| middle + random.between(-3.0, 3.0));
    let (radius, angle) = (random.between(6.5, 10.5), random.between(0.0, std::f32::consts::TAU));
    let (contrast, noise) = (random.between(0.6, 1.2), random.between(0.05, 0.3));
    let (sin, cos) = angle.sin_cos();
    for i in 0..SIDE * SIDE {
        let (dy, dx) = ((i / SIDE) as f32 + 0.5 - y, (i % SIDE) as f32 + 0.5 - x);
        let (u, v) = ((dx * cos + dy * sin) / radius, (dy * cos - dx * sin) / radius);
        // A pixel's width of grey at the edge.
        let cover = (0.5 - distance(label, u, v) * radius).clamp(0.0, 1.0);
        picture.push(contrast * cover + noise * random.noise() - 0.3);
    }
}

/// How far a point lies outside a shape that reaches to about 1.
fn distance(label: usize, u: f32, v: f32) -> f32 {
    let (across, down) = (u.abs(), v.abs());
    match label {
        0 => u.hypot(v) - 0.9,
        1 => (u.hypot(v) - 0.75).abs() - 0.2,
        2 => across.max(down) - 0.75,
        3 => (-v).max(0.5 * v + 0.866 * across) - 0.55,
        4 => (across - 1.0).max(down - 0.3).min((across - 0.3).max(down - 1.0)),
        _ => (across - 1.0).max(down - 0.35),
    }
}
