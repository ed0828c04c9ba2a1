//! Memory of a process (`statm`, `smaps_rollup`, `smaps`) and of the machine (`meminfo`, `vmstat`).

use super::{lines, number, number_to_base, split, value_after};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// In memory now, shared pages included: what `top` calls RES.
    pub resident: u64,
    /// The whole address space.
    pub virtual_size: u64,
    /// Of `resident`, what files and shared memory back.
    pub shared: u64,
    /// Program code.
    pub text: u64,
    /// Always 0 since Linux 2.6.
    pub library: u64,
    /// Data and stack.
    pub data: u64,
    /// Always 0 since Linux 2.6.
    pub dirty: u64,
}

impl Memory {
    /// `/proc/PID/statm`, which counts in pages.
    pub(crate) fn parse(bytes: &[u8], page: u64) -> Option<Self> {
        let mut words = split(bytes);
        let mut next = || number(words.next()?)?.checked_mul(page);
        Some(Self {
            virtual_size: next()?,
            resident: next()?,
            shared: next()?,
            text: next()?,
            library: next()?,
            data: next()?,
            dirty: next()?,
        })
    }
}

/// What a process's memory really costs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemoryDetail {
    /// What would be free if it ended: pages that nobody else maps.
    pub unique: u64,
    /// Each page divided by the number of processes that map it: these add up to what is used.
    pub proportional: u64,
    /// Swapped out.
    pub swapped: u64,
}

impl MemoryDetail {
    /// `smaps_rollup`, or `smaps` on kernels before 4.14: the same lines, once for each mapping.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut detail = Self::default();
        for line in lines(bytes) {
            detail.add(line);
        }
        detail
    }

    fn add(&mut self, line: &[u8]) {
        /// What only this process maps.
        const UNIQUE: [&[u8]; 3] = [b"Private_Clean:", b"Private_Dirty:", b"Private_Hugetlb:"];
        let value = |key: &[u8]| value_after(line, key).map(|value| value.saturating_mul(1024));
        let add = |place: &mut u64, value: u64| *place = place.saturating_add(value);
        if let Some(value) = UNIQUE.into_iter().find_map(value) {
            add(&mut self.unique, value);
        } else if let Some(value) = value(b"Pss:") {
            add(&mut self.proportional, value);
        } else if let Some(value) = value(b"Swap:") {
            add(&mut self.swapped, value);
        }
    }
}

/// One mapping of a process's memory; sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryMap {
    /// First address, and the one after the last.
    pub addresses: (u64, u64),
    /// `r-xp` and the like.
    pub permissions: String,
    /// What is mapped: a file's path, `[heap]`, `[stack]`; empty for anonymous memory. A deleted
    /// file's path ends in ` (deleted)`.
    pub path: OsString,
    /// In memory now.
    pub resident: u64,
    /// The whole mapping.
    pub size: u64,
    /// Its share of pages that others map, too.
    pub proportional: u64,
    /// Mapped by others, too, and not written to.
    pub shared_clean: u64,
    /// Mapped by others, too, and written to.
    pub shared_dirty: u64,
    /// Mapped by nobody else, and not written to.
    pub private_clean: u64,
    /// Mapped by nobody else, and written to.
    pub private_dirty: u64,
    /// Touched of late.
    pub referenced: u64,
    /// Not backed by a file.
    pub anonymous: u64,
    /// Swapped out.
    pub swapped: u64,
}

impl MemoryMap {
    /// `/proc/PID/smaps`.
    pub(crate) fn parse_all(bytes: &[u8]) -> Vec<Self> {
        let mut maps: Vec<Self> = Vec::new();
        for line in lines(bytes) {
            match (Self::head(line), maps.last_mut()) {
                (Some(head), _) => maps.push(head),
                (None, Some(map)) => map.line(line),
                (None, None) => {}
            }
        }
        maps
    }

    /// `55e0…-55e1… r-xp 00002000 fe:00 1234   /usr/bin/cat`. A newline in a path is `\012`.
    fn head(line: &[u8]) -> Option<Self> {
        let mut parts = line.splitn(6, |&byte| byte == b' ');
        let mut ends = parts.next()?.splitn(2, |&byte| byte == b'-');
        let mut end = || number_to_base(ends.next()?, 16);
        let addresses = (end()?, end()?);
        let permissions = String::from_utf8(parts.next()?.to_vec()).ok()?;
        let path = parts.nth(3).unwrap_or_default().trim_ascii_start().to_vec();
        Some(Self { addresses, permissions, path: OsString::from_vec(path), ..Self::default() })
    }

    fn line(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
        let place = match &line[..colon] {
            b"Rss" => &mut self.resident,
            b"Size" => &mut self.size,
            b"Pss" => &mut self.proportional,
            b"Shared_Clean" => &mut self.shared_clean,
            b"Shared_Dirty" => &mut self.shared_dirty,
            b"Private_Clean" => &mut self.private_clean,
            b"Private_Dirty" => &mut self.private_dirty,
            b"Referenced" => &mut self.referenced,
            b"Anonymous" => &mut self.anonymous,
            b"Swap" => &mut self.swapped,
            _ => return,
        };
        if let Some(value) = split(&line[colon + 1..]).next().and_then(number) {
            *place = value.saturating_mul(1024);
        }
    }
}

/// All of a process's mappings of one file; sizes in bytes, as in [`MemoryMap`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappedFile {
    /// The file's path, `[heap]`, `[stack]`; empty for all anonymous memory.
    pub path: OsString,
    /// How many mappings it has.
    pub mappings: usize,
    /// In memory now.
    pub resident: u64,
    /// All of the mappings.
    pub size: u64,
    /// Its share of pages that others map, too.
    pub proportional: u64,
    /// Mapped by others, too, and not written to.
    pub shared_clean: u64,
    /// Mapped by others, too, and written to.
    pub shared_dirty: u64,
    /// Mapped by nobody else, and not written to.
    pub private_clean: u64,
    /// Mapped by nobody else, and written to.
    pub private_dirty: u64,
    /// Touched of late.
    pub referenced: u64,
    /// Not backed by a file.
    pub anonymous: u64,
    /// Swapped out.
    pub swapped: u64,
}

impl MappedFile {
    /// Adds mappings up by file, in the order of their paths.
    pub fn of(maps: &[MemoryMap]) -> Vec<Self> {
        let mut files: BTreeMap<&OsStr, Self> = BTreeMap::new();
        for map in maps {
            files.entry(&map.path).or_default().add(map);
        }
        files.into_iter().map(|(path, file)| Self { path: path.to_owned(), ..file }).collect()
    }

    fn add(&mut self, map: &MemoryMap) {
        let add = |sum: &mut u64, part: u64| *sum = sum.saturating_add(part);
        self.mappings += 1;
        add(&mut self.resident, map.resident);
        add(&mut self.size, map.size);
        add(&mut self.proportional, map.proportional);
        add(&mut self.shared_clean, map.shared_clean);
        add(&mut self.shared_dirty, map.shared_dirty);
        add(&mut self.private_clean, map.private_clean);
        add(&mut self.private_dirty, map.private_dirty);
        add(&mut self.referenced, map.referenced);
        add(&mut self.anonymous, map.anonymous);
        add(&mut self.swapped, map.swapped);
    }
}

/// `/proc/meminfo` or `/proc/vmstat`: numbers by name, as they stand there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(HashMap<Vec<u8>, u64>);

impl Table {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let row = |line: &[u8]| {
            let mut words = split(line);
            let name = words.next()?;
            let name = name.strip_suffix(b":").unwrap_or(name).to_vec();
            Some((name, number(words.next()?)?))
        };
        Self(lines(bytes).filter_map(row).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name.as_bytes()).copied()
    }

    /// In bytes, of a table that counts in units of 1024.
    pub(crate) fn bytes(&self, name: &str) -> Option<u64> {
        self.get(name).map(|value| value.saturating_mul(1024))
    }
}

/// The sum of the `low` lines of `/proc/zoneinfo`, in pages: memory that the kernel keeps back.
pub(crate) fn low_watermarks(zoneinfo: &[u8]) -> u64 {
    let low = |line: &[u8]| {
        let mut words = split(line);
        if words.next() == Some(b"low") { number(words.next()?) } else { None }
    };
    lines(zoneinfo).filter_map(low).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    /// Linux 6.1, cut.
    const SMAPS: &[u8] =
        b"55d5-55d7 r--p 00000000 fe:00 3147                       /usr/bin/my cat (deleted)\n\
        Size:                  8 kB\nKernelPageSize:        4 kB\nRss:                   6 kB\n\
        Pss:                   3 kB\nPss_Dirty:             0 kB\nShared_Clean:          1 kB\n\
        Shared_Dirty:          2 kB\nPrivate_Clean:         4 kB\nPrivate_Dirty:         5 kB\n\
        Referenced:            7 kB\nAnonymous:             9 kB\nSwap:                 10 kB\n\
        SwapPss:               0 kB\nLocked:                0 kB\nVmFlags: rd mr mw me dw sd \n\
        7ffd-7fff rw-p 00000000 00:00 0 \nSize:                132 kB\nPss:          2 kB\n";

    #[test]
    fn maps_keep_their_blanks_and_sizes() {
        let maps = MemoryMap::parse_all(SMAPS);
        assert_eq!(maps.len(), 2);
        let first = &maps[0];
        assert_eq!(first.path, "/usr/bin/my cat (deleted)");
        assert_eq!((first.addresses, &*first.permissions), ((0x55d5, 0x55d7), "r--p"));
        let sizes = [
            first.shared_clean,
            first.shared_dirty,
            first.proportional,
            first.private_clean,
            first.private_dirty,
            first.resident,
            first.referenced,
            first.size,
            first.anonymous,
            first.swapped,
        ];
        assert_eq!(sizes.map(|size| size / 1024), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!((maps[1].path.as_os_str(), maps[1].size), ("".as_ref(), 132 * 1024));
    }

    #[test]
    fn mappings_of_a_file_are_added_up() {
        let maps = MemoryMap::parse_all(&SMAPS.repeat(3));
        let files = MappedFile::of(&maps);
        assert_eq!(files.iter().map(|file| file.mappings).collect::<Vec<_>>(), [3, 3]);
        let paths = files.iter().map(|file| file.path.to_str().unwrap());
        assert_eq!(paths.collect::<Vec<_>>(), ["", "/usr/bin/my cat (deleted)"]);
        let second = &files[1];
        let sizes = [
            second.shared_clean,
            second.shared_dirty,
            second.proportional,
            second.private_clean,
            second.private_dirty,
            second.resident,
            second.referenced,
            second.size,
            second.anonymous,
            second.swapped,
        ];
        assert_eq!(sizes.map(|size| size / 1024), [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
    }

    #[test]
    fn the_detail_is_the_sum_of_all_maps() {
        let detail = MemoryDetail::parse(SMAPS);
        let detail = [detail.unique, detail.proportional, detail.swapped];
        assert_eq!(detail.map(|size| size / 1024), [9, 5, 10]);
    }

    #[test]
    fn statm_counts_in_pages() {
        let memory = Memory::parse(b"765 414 380 5 0 115 0\n", 4096).unwrap();
        assert_eq!(memory.resident, 414 * 4096);
        assert_eq!((memory.virtual_size, memory.shared), (765 * 4096, 380 * 4096));
        assert_eq!((memory.text, memory.data), (5 * 4096, 115 * 4096));
        assert_eq!(Memory::parse(b"1 2", 4096), None);
        assert_eq!(Memory::parse(b"18446744073709551615 2 3 4 5 6 7", 4096), None);
    }

    #[test]
    fn tables_and_watermarks() {
        let table = Table::parse(b"MemTotal:  100 kB\nHugePages_Total:   3\npswpin 7\nbroken\n");
        assert_eq!(table.bytes("MemTotal"), Some(102_400));
        assert_eq!((table.get("HugePages_Total"), table.get("pswpin")), (Some(3), Some(7)));
        assert_eq!(table.get("broken"), None);
        let zones = b"Node 0, zone DMA\n  pages free 3\n        min      4\n        low      5\n\
            Node 0, zone Normal\n        low      7\n        high     9\n";
        assert_eq!(low_watermarks(zones), 12);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes(), near in hostile::damaged(SMAPS)) {
            for bytes in [bytes, near] {
                MappedFile::of(&MemoryMap::parse_all(&bytes));
                MemoryDetail::parse(&bytes);
                Memory::parse(&bytes, 4096);
                Table::parse(&bytes);
                low_watermarks(&bytes);
            }
        }
    }
}
