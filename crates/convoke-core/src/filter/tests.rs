//! Tests of picture filters.
