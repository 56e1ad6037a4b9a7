//! The setters that descriptors of layers have in common, written once.

/// `const` methods that give a descriptor back with one field changed.
macro_rules! layer_setters {
    () => {
        /// Sets the stride, `[vertical, horizontal]`.
        pub const fn stride(mut self, stride: [usize; 2]) -> Self {
            self.stride = stride;
            self
        }

        /// Sets the dilation, `[vertical, horizontal]`; 1 is dense.
        pub const fn dilation(mut self, dilation: [usize; 2]) -> Self {
            self.dilation = dilation;
            self
        }

        /// Sets the padding.
        pub const fn padding(mut self, padding: Padding) -> Self {
            self.padding = padding;
            self
        }

        /// Sets the number of groups.
        pub const fn groups(mut self, groups: usize) -> Self {
            self.groups = groups;
            self
        }

        /// Sets whether the weights lie as they stand or turned.
        pub const fn mode(mut self, mode: Mode) -> Self {
            self.mode = mode;
            self
        }

        /// Sets the activation.
        pub const fn activation(mut self, activation: Activation) -> Self {
            self.activation = activation;
            self
        }

        /// Sets the elements from one row of `src` to the next.
        pub const fn src_row_stride(mut self, elements: usize) -> Self {
            self.src_row_stride = Some(elements);
            self
        }

        /// Sets the elements from one row of `dst` (and `residual`) to the next.
        pub const fn dst_row_stride(mut self, elements: usize) -> Self {
            self.dst_row_stride = Some(elements);
            self
        }
    };
}
pub(super) use layer_setters;
