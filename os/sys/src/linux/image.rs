//! The loader's list of images, and the notes in them.
#![expect(unsafe_code, reason = "dl_iterate_phdr walks the loader's own tables")]

use crate::image::Image;
use std::ffi::{CStr, c_void};

/// The image whose code holds `address`.
pub fn holding(address: usize) -> Option<Image> {
    find(|image| image.code.iter().any(|range| range.contains(&address)))
}

/// The image with that name.
pub fn named(name: &[u8]) -> Option<Image> {
    find(|image| image.name == name)
}

fn find(mut wanted: impl FnMut(&Image) -> bool) -> Option<Image> {
    let mut search = Search { wanted: &mut wanted, found: None };
    // SAFETY: `visit` is called during this call only, with the pointer to our search.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast::<c_void>()) };
    search.found
}

struct Search<'a> {
    wanted: &'a mut dyn FnMut(&Image) -> bool,
    found: Option<Image>,
}

unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    search: *mut c_void,
) -> libc::c_int {
    // SAFETY: the loader passes a live entry.
    let info = unsafe { &*info };
    // SAFETY: `find` passed its own search, which outlives the walk.
    let search = unsafe { &mut *search.cast::<Search<'_>>() };
    // SAFETY: the loader keeps the table for as long as the image is loaded, and holds a lock
    // against unloading during the walk.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let image = read_image(info, headers);
    let stop = (search.wanted)(&image);
    if stop {
        search.found = Some(image);
    }
    stop.into()
}

fn read_image(info: &libc::dl_phdr_info, headers: &[libc::Elf64_Phdr]) -> Image {
    let name = if info.dlpi_name.is_null() {
        Vec::new()
    } else {
        // SAFETY: a C string of the loader's.
        unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes().to_vec()
    };
    let bias = info.dlpi_addr as usize;
    let segment = |header: &libc::Elf64_Phdr| {
        let start = bias.wrapping_add(header.p_vaddr as usize);
        start..start.saturating_add(header.p_memsz as usize)
    };
    let of_kind = |kind| headers.iter().filter(move |header| header.p_type == kind);
    let build_id = of_kind(libc::PT_NOTE).find_map(|header| {
        let notes = segment(header);
        // SAFETY: a note segment is loaded with its image and never written.
        build_id_in(unsafe {
            std::slice::from_raw_parts(std::ptr::with_exposed_provenance(notes.start), notes.len())
        })
    });
    Image {
        name,
        bias,
        build_id: build_id.unwrap_or_default(),
        code: of_kind(libc::PT_LOAD)
            .filter(|header| header.p_flags & libc::PF_X != 0)
            .map(segment)
            .collect(),
    }
}

/// Finds the GNU build-id in a note segment (elf(5), "Notes").
fn build_id_in(mut notes: &[u8]) -> Option<Vec<u8>> {
    const BUILD_ID: u32 = 3;
    loop {
        let word = |at: usize| notes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let (name_len, id_len, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
        let padded = |len: usize| len.checked_next_multiple_of(4);
        let id_start = 12_usize.checked_add(padded(name_len)?)?;
        let name = notes.get(12..12_usize.checked_add(name_len)?)?;
        if kind == BUILD_ID && name == b"GNU\0" {
            return notes.get(id_start..id_start.checked_add(id_len)?).map(<[u8]>::to_vec);
        }
        notes = notes.get(id_start.checked_add(padded(id_len)?)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_this_program_by_address_and_by_name() {
        let address = finds_this_program_by_address_and_by_name as fn() as usize;
        let image = holding(address).unwrap();
        assert_eq!(image.name, b"", "the program itself has no name");
        assert_eq!(named(b""), Some(image));
    }

    #[test]
    fn data_is_no_code() {
        static DATA: u8 = 1;
        assert_eq!(holding(&raw const DATA as usize), None);
    }

    #[test]
    fn reads_the_note_after_another() {
        let mut notes = Vec::new();
        for (kind, id) in [(1_u32, vec![9; 5]), (3, vec![1, 2, 3, 4])] {
            notes.extend(4_u32.to_ne_bytes());
            notes.extend((id.len() as u32).to_ne_bytes());
            notes.extend(kind.to_ne_bytes());
            notes.extend(b"GNU\0");
            notes.extend(&id);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(build_id_in(&notes), Some(vec![1, 2, 3, 4]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            build_id_in(&bytes);
        }
    }
}
