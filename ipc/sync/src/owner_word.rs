/// A process, in one word: its pid in bits 0 to 21, the low half of its start time (in clock ticks
/// since boot) in bits 32 to 63. The bits between are free for flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u64);

impl Owner {
    /// The bits of the pid (Linux hands out none above 2^22).
    pub(crate) const PID_MASK: u64 = (1 << 22) - 1;
    /// The bits that name the process.
    pub(crate) const MASK: u64 = Self::PID_MASK | (0xffff_ffff << 32);

    /// The process `pid` that started `start_ticks` clock ticks after boot.
    pub const fn new(pid: u32, start_ticks: u64) -> Self {
        Self((pid as u64 & Self::PID_MASK) | (start_ticks << 32))
    }

    /// The process named in a word that may hold flags; none if its pid is 0.
    pub const fn from_word(word: u64) -> Option<Self> {
        if word & Self::PID_MASK == 0 {
            None
        } else {
            Some(Self(word & Self::MASK))
        }
    }

    /// As a word without flags.
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// Its pid.
    pub const fn pid(self) -> u32 {
        (self.0 & Self::PID_MASK) as u32
    }

    /// The low half of its start time.
    pub const fn start(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.pid())
    }
}
