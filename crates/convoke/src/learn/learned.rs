//! What the layers that are a convolution are made of: parameters, the plans of the last batch, and the steps of a [`Layer`].

use convoke_core::{Conv2dDesc, Error, Geometry};

use super::layer::{Layer, Parameter, batch_of, check, check_backward};
use super::shared::Shared;
use crate::options::Options;

/// The two ways in which plans see a batch. They differ where its examples are pixels: rows, which pieces of a result can be, and
/// columns, which the gradient of the weights reads best.
pub(super) struct Descs {
    pub(super) rows: Conv2dDesc,
    pub(super) columns: Conv2dDesc,
}

/// A convolution that learns.
#[derive(Debug)]
pub(super) struct Learned {
    /// For one example.
    desc: Conv2dDesc,
    lens: [usize; 2],
    macs: u64,
    parameters: [Parameter; 2],
    /// From the layer for one example to that for a batch.
    descs: fn(&Conv2dDesc, usize) -> Descs,
    shared: Option<Shared>,
    options: Options,
}

impl Learned {
    pub(super) fn new(
        desc: Conv2dDesc,
        geometry: &Geometry,
        parameters: [Parameter; 2],
        descs: fn(&Conv2dDesc, usize) -> Descs,
        options: &Options,
    ) -> Self {
        let lens = [geometry.src.len, geometry.dst.len];
        Self { desc, lens, macs: geometry.macs, parameters, descs, shared: None, options: *options }
    }

    pub(super) fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    fn ready(&mut self, batch: usize) -> Result<(&mut Shared, &mut [Parameter; 2]), Error> {
        let descs = || (self.descs)(&self.desc, batch);
        let shared = Shared::ready(&mut self.shared, batch, descs, &self.parameters, &self.options)?;
        Ok((shared, &mut self.parameters))
    }
}

impl Layer for Learned {
    fn src_len(&self) -> usize {
        self.lens[0]
    }

    fn dst_len(&self) -> usize {
        self.lens[1]
    }

    fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        let batch = batch_of(src, self.src_len())?;
        check("dst", batch * self.dst_len(), dst.len())?;
        let (shared, parameters) = self.ready(batch)?;
        shared.forward(src, parameters, dst)
    }

    fn backward(&mut self, src: &[f32], dst_grad: &[f32], src_grad: Option<&mut [f32]>) -> Result<(), Error> {
        let batch = check_backward(self, src, dst_grad, src_grad.as_deref())?;
        let (shared, parameters) = self.ready(batch)?;
        shared.backward(src, dst_grad, src_grad, parameters)
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        if let Some(shared) = &mut self.shared {
            shared.forget_weights();
        }
        &mut self.parameters
    }

    fn macs(&self) -> u64 {
        self.macs
    }
}

/// A layer that is its field `learned`. `Layer`, `Parameter` and `Error` must be in scope.
macro_rules! learns {
    ($layer:ident) => {
        impl Layer for $layer {
            fn src_len(&self) -> usize {
                self.learned.src_len()
            }

            fn dst_len(&self) -> usize {
                self.learned.dst_len()
            }

            fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
                self.learned.forward(src, dst)
            }

            fn backward(
                &mut self,
                src: &[f32],
                dst_grad: &[f32],
                src_grad: Option<&mut [f32]>,
            ) -> Result<(), Error> {
                self.learned.backward(src, dst_grad, src_grad)
            }

            fn parameters(&self) -> &[Parameter] {
                self.learned.parameters()
            }

            fn parameters_mut(&mut self) -> &mut [Parameter] {
                self.learned.parameters_mut()
            }

            fn macs(&self) -> u64 {
                self.learned.macs()
            }
        }
    };
}
pub(super) use learns;
