//! What is done with gradients.

use convoke_core::Error;

use super::layer::{Parameter, check};
use crate::buffer::zeros;

/// A rule by which gradients change parameters.
pub trait Optimiser {
    /// Changes the parameters once. They must be the same ones, in the same order, in every step.
    ///
    /// # Errors
    /// [`Error::Length`] for others than in the step before, or a gradient that is not as long as what it is of; nothing is then changed.
    fn step(&mut self, parameters: &mut [&mut Parameter]) -> Result<(), Error>;
}

/// Stochastic gradient descent with momentum: `v = momentum * v + gradient`, `value -= rate * v`.
///
/// ```
/// use convoke::learn::{Optimiser, Parameter, Sgd};
/// let mut x = Parameter::new("x", vec![1.0]);
/// let mut sgd = Sgd::new(0.5, 0.5)?;
/// x.gradient[0] = 1.0;
/// sgd.step(&mut [&mut x])?; // v = 1
/// sgd.step(&mut [&mut x])?; // v = 1.5
/// assert_eq!(x.values, [1.0 - 0.5 - 0.75]);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sgd {
    rate: f32,
    momentum: f32,
    velocity: Vec<Vec<f32>>,
}

impl Sgd {
    /// With a learning rate and a momentum from 0 (none) to 1.
    ///
    /// # Errors
    /// [`Error::NotPositive`] for a rate that is not above 0 or not finite, [`Error::NotAPart`] for a momentum out of range.
    pub fn new(rate: f32, momentum: f32) -> Result<Self, Error> {
        let mut sgd = Self { rate, momentum: part("momentum", momentum)?, velocity: Vec::new() };
        sgd.set_rate(rate)?;
        Ok(sgd)
    }

    /// Another learning rate from now on.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn set_rate(&mut self, rate: f32) -> Result<(), Error> {
        self.rate = positive("learning rate", rate)?;
        Ok(())
    }
}

impl Optimiser for Sgd {
    fn step(&mut self, parameters: &mut [&mut Parameter]) -> Result<(), Error> {
        prepare(&mut self.velocity, parameters)?;
        for (parameter, velocity) in parameters.iter_mut().zip(&mut self.velocity) {
            let Parameter { values, gradient, .. } = &mut **parameter;
            for ((value, &gradient), velocity) in values.iter_mut().zip(&*gradient).zip(velocity) {
                *velocity = self.momentum * *velocity + gradient;
                *value -= self.rate * *velocity;
            }
        }
        Ok(())
    }
}

/// Adam (Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015, algorithm 1): steps that do not depend on the gradients' scale.
///
/// ```
/// use convoke::learn::{Adam, Optimiser, Parameter};
/// let mut x = Parameter::new("x", vec![1.0, 1.0]);
/// x.gradient.copy_from_slice(&[1000.0, -0.001]);
/// Adam::new(0.125)?.step(&mut [&mut x])?;
/// assert!((x.values[0] - 0.875).abs() < 1e-5 && (x.values[1] - 1.125).abs() < 1e-5);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adam {
    rate: f32,
    beta: [f32; 2],
    epsilon: f32,
    steps: i32,
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
}

impl Adam {
    /// With a learning rate and the paper's other constants: 0.9, 0.999 and 1e-8.
    ///
    /// # Errors
    /// [`Error::NotPositive`] for a rate that is not above 0 or not finite.
    pub fn new(rate: f32) -> Result<Self, Error> {
        let (beta, epsilon) = ([0.9, 0.999], 1e-8);
        let mut adam = Self { rate, beta, epsilon, steps: 0, first: Vec::new(), second: Vec::new() };
        adam.set_rate(rate)?;
        Ok(adam)
    }

    /// Another learning rate from now on.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn set_rate(&mut self, rate: f32) -> Result<(), Error> {
        self.rate = positive("learning rate", rate)?;
        Ok(())
    }
}

impl Optimiser for Adam {
    fn step(&mut self, parameters: &mut [&mut Parameter]) -> Result<(), Error> {
        prepare(&mut self.first, parameters)?;
        prepare(&mut self.second, parameters)?;
        self.steps = self.steps.saturating_add(1);
        let [b1, b2] = self.beta;
        // Both means start at 0; this is what they lack of a mean.
        let lack = |beta: f32| 1.0 - f64::from(beta).powi(self.steps);
        let rate = (f64::from(self.rate) / lack(b1)) as f32;
        let scale = lack(b2).sqrt().recip() as f32;
        let means = self.first.iter_mut().zip(&mut self.second);
        for (parameter, (first, second)) in parameters.iter_mut().zip(means) {
            let Parameter { values, gradient, .. } = &mut **parameter;
            for (((value, &g), m), v) in values.iter_mut().zip(&*gradient).zip(first).zip(second) {
                *m += (1.0 - b1) * (g - *m);
                *v += (1.0 - b2) * (g * g - *v);
                *value -= rate * *m / (v.sqrt() * scale + self.epsilon);
            }
        }
        Ok(())
    }
}

/// State for each parameter, zeros in the first step.
fn prepare(state: &mut Vec<Vec<f32>>, parameters: &[&mut Parameter]) -> Result<(), Error> {
    for parameter in parameters {
        check("gradient", parameter.values.len(), parameter.gradient.len())?;
    }
    if state.is_empty() {
        *state = parameters
            .iter()
            .map(|parameter| zeros("optimiser", parameter.values.len()))
            .collect::<Result<_, _>>()?;
    }
    check("parameters", state.len(), parameters.len())?;
    for (state, parameter) in state.iter().zip(parameters) {
        check("parameter", state.len(), parameter.values.len())?;
    }
    Ok(())
}

fn positive(operand: &'static str, value: f32) -> Result<f32, Error> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(Error::NotPositive { operand }) }
}

fn part(operand: &'static str, value: f32) -> Result<f32, Error> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(Error::NotAPart { operand }) }
}
