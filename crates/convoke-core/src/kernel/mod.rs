//! The hot loops: accumulate stages, generic over the level's token.

pub(crate) mod plane;
