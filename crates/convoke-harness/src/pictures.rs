//! Named picture filters: what benchmarks measure. Names read `kind_size_picture_channels_type`, such as
//! `filter2d_3_1080p_gray_f32`.

use convoke_core::{Border, Filter2dDesc};

use crate::fill::Random;
use crate::filter_problem::{FilterData, FilterProblem, PixelType};

/// A filter of a picture of a usual size.
#[derive(Clone, Debug)]
pub struct NamedFilter {
    /// Its name.
    pub name: String,
    /// The filter, with border [`Border::Reflect101`].
    pub problem: FilterProblem,
    /// The mask, row-major.
    pub mask: Vec<f32>,
}

impl NamedFilter {
    /// Mask and picture.
    pub fn data(&self) -> FilterData {
        FilterData { mask: self.mask.clone(), ..self.problem.data() }
    }

    /// The same filter of a picture small enough for a test.
    pub fn scaled_down(mut self) -> Self {
        let [height, width] = self.problem.desc.size;
        self.problem.desc.size = [height.min(9 + height % 16), width.min(35 + width % 16)];
        self
    }
}

/// General masks of 3 to 31 and box means of 3 to 63 pixels, on grey and colour pictures of three sizes, u8 and f32.
pub fn named_filters() -> Vec<NamedFilter> {
    let mut filters = Vec::new();
    for (size_name, size) in [("512x512", [512, 512]), ("1080p", [1080, 1920]), ("4k", [2160, 3840])] {
        for (channels_name, channels) in [("gray", 1), ("rgb", 3)] {
            for (type_name, pixel) in [("u8", PixelType::U8), ("f32", PixelType::F32)] {
                let picture = format!("{size_name}_{channels_name}_{type_name}");
                let mut add = |kind: &str, side: usize, mask: Vec<f32>, divisor: f32| {
                    let desc = Filter2dDesc::new(size, channels, [side, side])
                        .border(Border::Reflect101)
                        .divisor(divisor);
                    filters.push(NamedFilter {
                        name: format!("{kind}_{side}_{picture}"),
                        problem: FilterProblem::new(desc).types(pixel, pixel),
                        mask,
                    });
                };
                for side in [3, 5, 7, 15, 31] {
                    let mut random = Random::new(side as u64, 9);
                    let mask: Vec<f32> = (0..side * side).map(|_| random.real()).collect();
                    let sum: f32 = mask.iter().map(|x| x.abs()).sum();
                    add("filter2d", side, mask.iter().map(|x| x / sum).collect(), 1.0);
                }
                for side in [3, 15, 63] {
                    add("box", side, vec![1.0; side * side], (side * side) as f32);
                }
            }
        }
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<String> =
            named_filters().into_iter().map(|filter| filter.name).collect();
        assert_eq!(names.len(), 3 * 2 * 2 * 8);
        assert!(names.contains("filter2d_3_1080p_gray_f32") && names.contains("box_15_4k_rgb_u8"));
    }
}
