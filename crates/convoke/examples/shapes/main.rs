//! The argument for convolution, measured: three networks learn from scratch to tell six shapes apart, from the same pictures. One is fully
//! connected, one has small fields with weights of their own, one shares its weights everywhere. With pictures without end all of them learn; with
//! a few of them, seen again and again, it shows how many weights there are to mislead.
//!
//! ```text
//! cargo run --release -p convoke --example shapes [FOLDER]
//! ```
//!
//! It prints what each costs and how often it is right about unseen pictures, and draws some pictures and the filters that the convolutional
//! network has learned into the folder: `shapes.png` and `filters.png`.

mod drawings;
mod pictures;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use convoke::learn::{
    Activate, Adam, Conv2d, FullyConnected, Layer, LocallyConnected2d, Network, Pool, PoolDesc, correct,
};
use convoke::{Activation, Conv2dDesc, Layout, Options, Padding};

use pictures::{NAMES, Random, SIDE, batch};

const BATCH: usize = 64;
const STEPS: usize = 1500;
/// Batches of pictures that there are when there are few, and steps on these.
const FEW: usize = 16;
const STEPS_ON_FEW: usize = 500;
/// The learning rate at the start; it falls to nothing along half a cosine.
const RATE: f32 = 2e-3;
const UNSEEN: usize = 5000;

type Layers = Vec<Box<dyn Layer>>;
type Maker = fn(&Options) -> Result<Layers, convoke::Error>;

fn relu(len: usize, options: &Options) -> Result<Box<dyn Layer>, convoke::Error> {
    Ok(Box::new(Activate::new(len, Activation::Relu, options)?))
}

/// A layer of 256 neurons that see everything, one of 64, and six scores.
fn fully_connected(options: &Options) -> Result<Layers, convoke::Error> {
    Ok(vec![
        Box::new(FullyConnected::new(SIDE * SIDE, 256, 1, options)?),
        relu(256, options)?,
        Box::new(FullyConnected::new(256, 64, 2, options)?),
        relu(64, options)?,
        Box::new(FullyConnected::new(64, NAMES.len(), 3, options)?),
    ])
}

/// Fields of 5x5 at every second pixel, then of 3x3, each with weights of its own.
fn locally_connected(options: &Options) -> Result<Layers, convoke::Error> {
    let first =
        Conv2dDesc::new(Layout::Nhwc, 1, 1, [SIDE, SIDE], 8, [5, 5]).stride([2, 2]).padding(Padding::all(2));
    let second =
        Conv2dDesc::new(Layout::Nhwc, 1, 8, [14, 14], 16, [3, 3]).stride([2, 2]).padding(Padding::all(1));
    Ok(vec![
        Box::new(LocallyConnected2d::new(&first, 1, options)?),
        relu(14 * 14 * 8, options)?,
        Box::new(LocallyConnected2d::new(&second, 2, options)?),
        relu(7 * 7 * 16, options)?,
        Box::new(FullyConnected::new(7 * 7 * 16, NAMES.len(), 3, options)?),
    ])
}

/// Sixteen filters of 5x5, thirty-two of 3x3 on their results, and six scores.
fn convolutional(options: &Options) -> Result<Layers, convoke::Error> {
    let first = Conv2dDesc::new(Layout::Nhwc, 1, 1, [SIDE, SIDE], 16, [5, 5]).padding(Padding::Same);
    let second = Conv2dDesc::new(Layout::Nhwc, 1, 16, [14, 14], 32, [3, 3]).padding(Padding::Same);
    Ok(vec![
        Box::new(Conv2d::new(&first, 1, options)?),
        Box::new(Pool::new(&PoolDesc::max(Layout::Nhwc, 16, [SIDE, SIDE], [2, 2]), options)?),
        relu(14 * 14 * 16, options)?,
        Box::new(Conv2d::new(&second, 2, options)?),
        Box::new(Pool::new(&PoolDesc::max(Layout::Nhwc, 32, [14, 14], [2, 2]), options)?),
        relu(7 * 7 * 32, options)?,
        Box::new(FullyConnected::new(7 * 7 * 32, NAMES.len(), 3, options)?),
    ])
}

/// Trains a network on so many batches of pictures, which come again when there are more steps; gives the time that these took, without that of
/// drawing the pictures.
fn train(network: &mut Network, steps: usize, batches: usize) -> Result<Duration, Box<dyn Error>> {
    let (mut random, mut adam) = (Random(1), Adam::new(RATE)?);
    let mut time = Duration::ZERO;
    for step in 0..steps {
        if step % batches == 0 {
            random = Random(1);
        }
        let (examples, labels) = batch(&mut random, BATCH);
        let done = step as f32 / steps as f32;
        adam.set_rate(RATE * (0.5 + 0.5 * (std::f32::consts::PI * done).cos()).max(1e-3))?;
        let start = Instant::now();
        network.train(&examples, &labels, &mut adam)?;
        time += start.elapsed();
    }
    Ok(time)
}

/// The part of unseen pictures that a network is right about.
fn accuracy(network: &mut Network) -> Result<f64, Box<dyn Error>> {
    let mut random = Random(2);
    let mut right = 0;
    for _ in 0..UNSEEN / 100 {
        let (examples, labels) = batch(&mut random, 100);
        right += correct(network.forward(&examples)?, &labels)?;
    }
    Ok(right as f64 / UNSEEN as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    drawings::squares(&folder.join("shapes.png"), &batch(&mut Random(3), 48).0, SIDE, 12, 2)?;

    let options = Options::new();
    println!(
        "{} pictures of {SIDE}x{SIDE}, or {} again and again; {} shapes; {UNSEEN} unseen ones\n",
        BATCH * STEPS,
        BATCH * FEW,
        NAMES.len()
    );
    println!(
        "{:<18} {:>10} {:>12} {:>8} {:>11} {:>9} {:>11}",
        "network", "parameters", "MACs/example", "seconds", "examples/s", "right", "from few"
    );
    let kinds: [(&str, Maker); 3] = [
        ("fully connected", fully_connected),
        ("locally connected", locally_connected),
        ("convolutional", convolutional),
    ];
    for (name, layers) in kinds {
        let mut network = Network::new(layers(&options)?)?;
        let time = train(&mut network, STEPS, STEPS)?.as_secs_f64();
        let mut other = Network::new(layers(&options)?)?;
        train(&mut other, STEPS_ON_FEW, FEW)?;
        println!(
            "{name:<18} {:>10} {:>12} {time:>8.2} {:>11.0} {:>7.2} % {:>9.2} %",
            network.parameter_count(),
            network.macs(),
            (BATCH * STEPS) as f64 / time,
            100.0 * accuracy(&mut network)?,
            100.0 * accuracy(&mut other)?
        );
        if name == "convolutional" {
            // OHWI with one in channel: each filter is a square.
            let filters = &network.layers()[0].parameters()[0].values;
            drawings::squares(&folder.join("filters.png"), filters, 5, 8, 12)?;
        }
    }

    println!("\nconvolutional, examples/s:");
    for threads in [1, 2] {
        let mut network = Network::new(convolutional(&options.threads(threads))?)?;
        train(&mut network, 20, 20)?;
        let time = train(&mut network, 200, 200)?.as_secs_f64();
        println!("{threads} threads {:>10.0}", (BATCH * 200) as f64 / time);
    }
    Ok(())
}
