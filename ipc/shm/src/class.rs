//! Sizes of blocks: multiples of 64 up to 512 bytes, then four per doubling.

/// How many there are.
pub(crate) const CLASSES: usize = 8 + 4 * 32;
/// What every block's offset is a multiple of.
pub(crate) const ALIGN: u64 = 64;
/// Blocks of this size and more start at a page and are made of whole pages.
pub(crate) const PAGED: u64 = 16 * 1024;
pub(crate) const PAGE: u64 = 4096;

/// The smallest class that holds `len` bytes; none for lengths beyond any arena.
pub(crate) fn of(len: u64) -> Option<usize> {
    if len <= 512 {
        return Some(len.div_ceil(64).saturating_sub(1) as usize);
    }
    // Above 512 the class follows from the position of the highest bit and the two below it.
    let top = (len - 1).ilog2();
    let quarter = (len - 1 - (1 << top)) >> (top - 2);
    let class = 8 + 4 * (top as usize - 9) + quarter as usize;
    (class < CLASSES).then_some(class)
}

/// How many bytes a block of `class` has.
pub(crate) fn size(class: usize) -> u64 {
    if class < 8 {
        return 64 * (class as u64 + 1);
    }
    let (doubling, quarter) = ((class - 8) / 4, (class - 8) % 4);
    (512 << doubling) + (128 << doubling) * (quarter as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_grow_and_follow_each_other() {
        for class in 1..CLASSES {
            assert!(size(class) > size(class - 1));
            assert_eq!(of(size(class)), Some(class));
            assert_eq!(of(size(class - 1) + 1), Some(class));
            assert_eq!(size(class) % ALIGN, 0);
            if size(class) >= PAGED {
                assert_eq!(size(class) % PAGE, 0);
            }
        }
    }

    proptest! {
        #[test]
        fn a_class_holds_its_lengths_and_wastes_little(len in 1_u64..1 << 40) {
            let size = size(of(len).unwrap());
            prop_assert!(size >= len && size <= (len + len / 4).max(len + 64));
        }
    }
}
