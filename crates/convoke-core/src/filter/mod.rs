//! Picture filters: one mask over u8 and f32 pictures with interleaved channels.

pub(crate) mod desc;
