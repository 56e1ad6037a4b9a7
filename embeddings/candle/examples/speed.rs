//! Layers of networks by candle's own convolution and by this crate's operator, by turns in one run; the least time of each.
//!
//! ```sh
//! cargo run --release -p convoke-embedding-candle --example speed
//! RAYON_NUM_THREADS=1 cargo run --release -p convoke-embedding-candle --example speed
//! ```

use std::time::Instant;

use candle_core::{Device, Result, Tensor};
use convoke_embedding_candle::{Attributes, Conv2d};

/// Rounds, after one that nobody counts.
const ROUNDS: usize = 15;

fn main() -> Result<()> {
    let layer =
        |name, channels, size, outs, kernel, attributes| (name, [channels, size], outs, kernel, attributes);
    let with = |padding, stride, groups| Attributes { padding, stride, groups, ..Attributes::default() };
    println!("{} threads, f32, batch 1, milliseconds\n", rayon::current_num_threads());
    println!("{:<28} {:>9} {:>9} {:>7}", "layer", "candle", "convoke", "ratio");
    for (name, [channels, size], outs, kernel, attributes) in [
        layer("7x7 s2, 3 to 64 at 224", 3, 224, 64, 7, with(3, 2, 1)),
        layer("3x3, 64 to 64 at 56", 64, 56, 64, 3, with(1, 1, 1)),
        layer("1x1, 256 to 64 at 56", 256, 56, 64, 1, with(0, 1, 1)),
        layer("3x3, 256 to 256 at 14", 256, 14, 256, 3, with(1, 1, 1)),
        layer("1x1, 512 to 2048 at 7", 512, 7, 2048, 1, with(0, 1, 1)),
        layer("3x3 depthwise, 144 at 56", 144, 56, 144, 3, with(1, 1, 144)),
        layer("3x3, 32 groups, 128 at 56", 128, 56, 128, 3, with(1, 1, 32)),
    ] {
        let src = Tensor::rand(-1_f32, 1.0, (1, channels, size, size), &Device::Cpu)?;
        let weights =
            Tensor::rand(-1_f32, 1.0, (outs, channels / attributes.groups, kernel, kernel), &Device::Cpu)?;
        let operator = Conv2d::new(&weights, None, attributes)?;
        let Attributes { padding, stride, dilation, groups, .. } = attributes;
        let mut least = [f64::INFINITY; 2];
        for round in 0..=ROUNDS {
            let mut time = |which: usize, run: &dyn Fn() -> Result<Tensor>| -> Result<()> {
                let start = Instant::now();
                run()?;
                let took = start.elapsed().as_secs_f64() * 1e3;
                if round > 0 {
                    least[which] = least[which].min(took);
                }
                Ok(())
            };
            time(0, &|| src.conv2d(&weights, padding, stride, dilation, groups))?;
            time(1, &|| src.apply_op1_no_bwd(&operator))?;
        }
        let [candle, convoke] = least;
        println!("{name:<28} {candle:>9.3} {convoke:>9.3} {:>7.2}", candle / convoke);
    }
    Ok(())
}
