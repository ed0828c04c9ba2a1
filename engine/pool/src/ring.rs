//! A ring of frames in a file in memory: one process writes, one other reads, and neither waits
//! here. How far it is written and read is told elsewhere (see `region`).
//!
//! Positions count bytes and only grow; a frame lies at its position modulo the size, and never
//! across the end: the writer skips what is left there. The reader believes nothing: whatever lies
//! in the file, a frame that it returns lies within the part that was announced, or it is [`Bad`].

use crate::bytes::{Bytes, Spares};
use polyproc_sys::memory::{self, Mapping};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

/// Every frame starts with one, and is a multiple of it. A small task is half a cache line with it: what
/// a line costs on its way from one processor to the other is most of what a message costs.
const HEADER: usize = 16;
/// A new ring's size. It is sparse: what is not used costs nothing.
pub(crate) const FIRST_SIZE: u64 = 1 << 20;
/// No ring is larger.
const LARGEST_SIZE: u64 = 1 << 40;
/// An empty ring is written from its start again when it has come so far: warm memory is cheaper.
const RESTART: u64 = 64 << 10;
/// So far ahead of what is read or written, the next frames are fetched: they lie in the other side's
/// cache.
const AHEAD: u64 = 256;
/// What the system counts a file's memory in.
const BLOCK: u64 = 512;
/// The kind of a frame that fills the end of a ring.
const SKIP: u32 = 0;
/// The first word of a header is its kind in the highest byte, this mark, and the payload's length.
const KIND: u32 = 56;
const MARK: u64 = 1 << 55;
const LEN: u64 = (1 << 48) - 1;
/// The second is the sequence number in the higher half, and the value.
const SEQUENCE: u32 = 32;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Not zero, and less than 256.
    pub(crate) kind: u32,
    /// The lower half of a longer one.
    pub(crate) sequence: u32,
    /// What it means depends on the kind.
    pub(crate) value: u32,
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// What a frame carries, as its writer has it: a long run that somebody owns, and what comes after it.
/// Its reader sees one run of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload<'a> {
    pub(crate) run: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { run: &[], bytes }
    }

    pub(crate) fn len(self) -> usize {
        self.run.len() + self.bytes.len()
    }
}

/// What lies in the ring was not written by this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad;

/// How many bytes a frame with this payload takes.
pub(crate) fn frame_len(payload: usize) -> u64 {
    (HEADER + payload.next_multiple_of(HEADER)) as u64
}

/// A position's offset. Sizes are powers of two: no division.
fn within(position: u64, size: u64) -> u64 {
    position & (size - 1)
}

fn new_file(name: &std::ffi::CStr) -> io::Result<File> {
    let file = memory::memfd(name)?;
    memory::set_size(&file, FIRST_SIZE)?;
    memory::seal_shrinking(&file)?;
    Ok(file)
}

/// The file of a new ring.
pub(crate) fn create() -> io::Result<File> {
    new_file(c"polyproc-pool")
}

/// The writing side.
#[derive(Debug)]
pub(crate) struct Writer {
    file: File,
    mapping: Mapping,
    position: u64,
}

impl Writer {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let mapping = Mapping::shared(&file, FIRST_SIZE as usize)?;
        mapping.keep_from_forks();
        Ok(Self { file, mapping, position: 0 })
    }

    /// Up to where frames are written.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn size(&self) -> u64 {
        self.mapping.len() as u64
    }

    /// Makes sure that frames of together `len` bytes can be [pushed](Self::push), one right after the
    /// other; `freed` is up to where the reader needs nothing any more. Says whether there is room.
    #[inline]
    pub(crate) fn reserve(&mut self, freed: u64, len: u64) -> bool {
        let Some(start) = self.place(freed, len) else { return false };
        if start != self.position {
            self.write_header(self.position, Header { kind: SKIP, sequence: 0, value: 0 }, 0);
            self.position = start;
        }
        true
    }

    /// Writes a frame, for which there is room; gives its place.
    #[inline]
    pub(crate) fn push(&mut self, header: Header, payload: Payload<'_>) -> usize {
        let place = self.write_header(self.position, header, payload.len());
        if !payload.run.is_empty() {
            self.mapping.copy_in(place + HEADER, payload.run);
        }
        self.mapping.copy_in(place + HEADER + payload.run.len(), payload.bytes);
        self.position += frame_len(payload.len());
        self.mapping.fetch_to_write(self.offset(self.position + AHEAD));
        place
    }

    /// The position of frames of together `len` bytes.
    fn place(&self, freed: u64, len: u64) -> Option<u64> {
        let size = self.size();
        let left = size - within(self.position, size);
        let fits = |start: &u64| start + len - freed <= size;
        let next_round = Some(self.position + left).filter(fits);
        let is_far = self.position == freed && size - left >= RESTART;
        if left < len || is_far && next_round.is_some() {
            next_round
        } else {
            Some(self.position).filter(fits)
        }
    }

    fn offset(&self, position: u64) -> usize {
        within(position, self.size()) as usize
    }

    #[inline]
    fn write_header(&self, position: u64, header: Header, len: usize) -> usize {
        let Header { kind, sequence, value } = header;
        let place = self.offset(position);
        let first = place / size_of::<u64>();
        let words = &self.mapping.words()[first..first + 2];
        words[0].store(u64::from(kind) << KIND | len as u64, Ordering::Relaxed);
        words[1].store(u64::from(sequence) << SEQUENCE | u64::from(value), Ordering::Relaxed);
        place
    }

    /// Sets the mark of the frame at `offset`: see [`Reader::is_marked`].
    pub(crate) fn mark(&self, offset: usize) {
        self.mapping.words()[offset / size_of::<u64>()].fetch_or(MARK, Ordering::SeqCst);
    }

    /// Makes an empty ring large enough for frames of together `len` bytes. The reader has to learn
    /// the new size before it learns of the next frame.
    ///
    /// # Errors
    /// When there is no memory, or a limit on it.
    pub(crate) fn grow(&mut self, len: u64) -> io::Result<()> {
        let size = len.max(self.size() + 1).checked_next_power_of_two();
        let size = size.filter(|size| *size <= LARGEST_SIZE).ok_or(io::ErrorKind::FileTooLarge)?;
        memory::set_size(&self.file, size)?;
        self.mapping = Mapping::shared(&self.file, size as usize)?;
        self.mapping.keep_from_forks();
        self.position = self.position.next_multiple_of(size);
        Ok(())
    }
}

/// The reading side.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    mapping: Mapping,
    position: u64,
}

impl Reader {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let mapping = Mapping::read_only(&file, FIRST_SIZE as usize)?;
        mapping.keep_from_forks();
        Ok(Self { file, mapping, position: 0 })
    }

    /// Up to where frames are read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next frame, when the writer says that it has come to `tail` in a ring of `size`.
    #[inline]
    pub(crate) fn next(&mut self, tail: u64, size: u64) -> Result<Option<Frame>, Bad> {
        if tail == self.position {
            return Ok(None);
        }
        if size != self.mapping.len() as u64 {
            self.follow(size)?;
        }
        let (mut frame, mut end) = self.read(tail)?;
        if frame.header.kind == SKIP {
            self.position = (self.position + 1).next_multiple_of(size);
            if self.position == tail {
                return Ok(None);
            }
            (frame, end) = self.read(tail)?;
        }
        if frame.header.kind == SKIP {
            return Err(Bad);
        }
        self.position = end;
        self.fetch(tail);
        Ok(Some(frame))
    }

    /// Has the frames after the next ones come near.
    fn fetch(&self, tail: u64) {
        let ahead = self.position + AHEAD;
        if ahead < tail {
            self.mapping.fetch(within(ahead, self.mapping.len() as u64) as usize);
        }
    }

    /// The frame at the position, and where it ends.
    #[inline]
    fn read(&self, tail: u64) -> Result<(Frame, u64), Bad> {
        let size = self.mapping.len() as u64;
        let there = tail.checked_sub(self.position).ok_or(Bad)?;
        if there > size || there % HEADER as u64 != 0 {
            return Err(Bad);
        }
        let offset = within(self.position, size) as usize;
        let words = &self.mapping.words()[offset / size_of::<u64>()..][..2];
        let [first, second] = [0, 1].map(|word: usize| words[word].load(Ordering::Relaxed));
        let (kind, len) = ((first >> KIND) as u32, (first & LEN) as usize);
        let frame = frame_len(len);
        if kind != SKIP && (frame > there || offset as u64 + frame > size) {
            return Err(Bad);
        }
        if kind != SKIP && len as u64 > FIRST_SIZE && !self.has_written(len) {
            return Err(Bad);
        }
        let header = Header { kind, sequence: (second >> SEQUENCE) as u32, value: second as u32 };
        Ok((Frame { header, start: offset + HEADER, len }, self.position + frame))
    }

    /// Whether the ring's file can hold so many bytes that somebody wrote. A file may be as large as its
    /// writer says and hold nothing: to read what is not there takes memory, ours.
    #[cold]
    fn has_written(&self, len: usize) -> bool {
        self.file.metadata().is_ok_and(|file| file.blocks() * BLOCK >= len as u64)
    }

    /// The writer has made the ring larger, when it was empty.
    #[cold]
    fn follow(&mut self, size: u64) -> Result<(), Bad> {
        let is_possible = size.is_power_of_two()
            && size > self.mapping.len() as u64
            && size <= LARGEST_SIZE
            && self.file.metadata().is_ok_and(|file| file.len() >= size);
        if !is_possible {
            return Err(Bad);
        }
        self.mapping = Mapping::read_only(&self.file, size as usize).map_err(|_no_memory| Bad)?;
        self.mapping.keep_from_forks();
        self.position = self.position.next_multiple_of(size);
        Ok(())
    }

    /// A copy of a frame's payload; `None` when there is no memory for it.
    #[inline]
    pub(crate) fn copy(&self, frame: Frame, spares: &mut Spares) -> Option<Bytes> {
        let few = Bytes::few(frame.len, |few| self.mapping.copy_to(frame.start, few));
        few.or_else(|| {
            let mut bytes = spares.take();
            bytes.try_reserve(frame.len).ok()?;
            self.mapping.copy_out(frame.start, frame.len, &mut bytes);
            Some(bytes.into())
        })
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Whether the writer has marked the frame.
    pub(crate) fn is_marked(&self, frame: Frame) -> bool {
        let word = (frame.start - HEADER) / size_of::<u64>();
        self.mapping.words()[word].load(Ordering::SeqCst) & MARK != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn pair() -> (Writer, Reader) {
        let file = create().unwrap();
        (Writer::new(file.try_clone().unwrap()).unwrap(), Reader::new(file).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Frames of all sizes, alone or several at once, with and without a run, put and read in any
        /// order of turns, arrive as they were.
        #[test]
        fn what_is_put_is_read(
            steps in proptest::collection::vec(
                (any::<bool>(), 0..5_u32, 0..1000_usize, 0..3_usize), 1..200
            )
        ) {
            let (mut writer, mut reader) = pair();
            let mut under_way = VecDeque::new();
            let mut sequence = 0;
            for (put, scale, rest, ahead) in steps {
                let len = 12_usize.pow(scale) + rest;
                if put {
                    sequence += 1;
                    let payload = vec![sequence as u8; len];
                    let header = Header { kind: 3, sequence, value: len as u32 };
                    let (run, bytes) = payload.split_at(if rest % 2 == 0 { 0 } else { len / 2 });
                    let mut frames = vec![(header, Payload::of(&payload[..rest.min(len)])); ahead];
                    frames.push((header, Payload { run, bytes }));
                    let together = frames.iter().map(|(_, payload)| frame_len(payload.len())).sum();
                    let freed = reader.position();
                    let mut has_room = writer.reserve(freed, together);
                    if !has_room && freed == writer.position() {
                        writer.grow(together).unwrap();
                        has_room = writer.reserve(writer.position(), together);
                    }
                    prop_assert!(has_room || !under_way.is_empty(), "an empty ring has room");
                    for (header, payload) in frames.into_iter().filter(|_| has_room) {
                        writer.push(header, payload);
                        under_way.push_back((header, [payload.run, payload.bytes].concat()));
                    }
                } else {
                    let read = reader.next(writer.position(), writer.size()).unwrap();
                    prop_assert_eq!(read.is_some(), !under_way.is_empty());
                    if let (Some(frame), Some((header, payload))) = (read, under_way.pop_front()) {
                        prop_assert_eq!(frame.header, header);
                        let copy = reader.copy(frame, &mut Spares::default()).unwrap();
                        prop_assert!(*copy == payload);
                    }
                }
            }
        }

        /// Whatever a wild writer leaves, reading it neither panics nor leaves the ring.
        #[test]
        fn any_bits_are_read_without_harm(
            words in proptest::collection::vec((0..64_usize, any::<u64>()), 0..40),
            tails in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..20),
            near in any::<bool>(),
        ) {
            let (writer, mut reader) = pair();
            for (word, value) in words {
                let value = if near { value & 0x0300_0000_0000_03FF } else { value };
                writer.mapping.words()[word].store(value, Ordering::Relaxed);
            }
            for (tail, size) in tails {
                let tail = if near { tail % 4096 / 16 * 16 } else { tail };
                let size = if near { FIRST_SIZE } else { size };
                while let Ok(Some(frame)) = reader.next(tail, size) {
                    prop_assert!(frame.start + frame.len <= reader.mapping.len());
                    reader.copy(frame, &mut Spares::default()).unwrap();
                }
            }
        }
    }

    #[test]
    fn light_traffic_stays_at_the_start() {
        let (mut writer, mut reader) = pair();
        let payload = vec![1; 40_000];
        let offsets: Vec<_> = (0..10)
            .map(|sequence| {
                let header = Header { kind: 1, sequence, value: 0 };
                assert!(writer.reserve(reader.position(), frame_len(payload.len())));
                let offset = writer.push(header, Payload::of(&payload));
                assert!(reader.next(writer.position(), writer.size()).unwrap().is_some());
                offset
            })
            .collect();
        assert!(offsets.iter().all(|offset| *offset < 2 * RESTART as usize), "{offsets:?}");
    }

    #[test]
    fn a_mark_is_seen() {
        let (mut writer, mut reader) = pair();
        assert!(writer.reserve(0, frame_len(1)));
        let header = Header { kind: 1, sequence: 1, value: 0 };
        let offset = writer.push(header, Payload::of(b"x"));
        let frame = reader.next(writer.position(), writer.size()).unwrap().unwrap();
        assert!(!reader.is_marked(frame));
        writer.mark(offset);
        assert!(reader.is_marked(frame));
    }

    #[test]
    fn a_frame_that_nobody_wrote_is_not_read() {
        let (writer, mut reader) = pair();
        let (size, len) = (1 << 34, 1 << 33);
        memory::set_size(&writer.file, size).unwrap();
        writer.mapping.words()[0].store(3 << KIND | len, Ordering::Relaxed);
        assert_eq!(reader.next(size + frame_len(len as usize), size), Err(Bad));
    }

    #[test]
    fn what_does_not_fit_into_memory_is_not_copied() {
        let (_, reader) = pair();
        let header = Header { kind: 3, sequence: 1, value: 0 };
        let frame = Frame { header, start: HEADER, len: isize::MAX as usize };
        assert!(reader.copy(frame, &mut Spares::default()).is_none());
    }
}
