//! Signal numbers that print by name.

use std::fmt;

/// A signal, as `kill(2)` takes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:expr;)*) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// `SIGKILL` and so on; `None` for a real-time or unknown number.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(concat!("SIG", stringify!($name))),)*
                    _ => None,
                }
            }
        }
    };
}

// The numbers of x86-64 and aarch64 Linux (signal(7)); the two agree.
signals! {
    /// The terminal hung up.
    HUP = 1;
    /// Ctrl-C.
    INT = 2;
    /// Ctrl-\, with a core dump.
    QUIT = 3;
    /// Illegal instruction.
    ILL = 4;
    /// Trace or breakpoint trap.
    TRAP = 5;
    /// `abort()`: what a panic ends in under `panic = "abort"`.
    ABRT = 6;
    /// Bad memory access (alignment, or a file that shrank under its mapping).
    BUS = 7;
    /// Arithmetic error.
    FPE = 8;
    /// The end that cannot be caught; also what the kernel's memory killer sends.
    KILL = 9;
    /// For the program's own use.
    USR1 = 10;
    /// Invalid memory reference; also a stack overflow.
    SEGV = 11;
    /// For the program's own use.
    USR2 = 12;
    /// Write to a pipe that nobody reads.
    PIPE = 13;
    /// Timer of `alarm(2)`.
    ALRM = 14;
    /// The polite request to end.
    TERM = 15;
    /// Stack fault of a coprocessor (unused).
    STKFLT = 16;
    /// A child ended or stopped.
    CHLD = 17;
    /// Go on after a stop.
    CONT = 18;
    /// Stop; cannot be caught.
    STOP = 19;
    /// Ctrl-Z.
    TSTP = 20;
    /// Background read from the terminal.
    TTIN = 21;
    /// Background write to the terminal.
    TTOU = 22;
    /// Urgent data on a socket.
    URG = 23;
    /// The limit on processor time was reached.
    XCPU = 24;
    /// The limit on file size was reached.
    XFSZ = 25;
    /// Virtual timer.
    VTALRM = 26;
    /// Profiling timer.
    PROF = 27;
    /// The window changed its size.
    WINCH = 28;
    /// A descriptor is ready.
    IO = 29;
    /// Power failure.
    PWR = 30;
    /// Bad system call, as a seccomp filter reports it.
    SYS = 31;
}

impl Signal {
    /// Any number that the kernel takes, 1 to 64; `None` outside.
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            1..=64 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number itself.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// What this signal usually means when a process died of it, as a hint for error messages.
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::KILL => Some("killed from outside, or by the kernel for want of memory"),
            Self::SEGV => Some("invalid memory access"),
            Self::ABRT => Some("abort, a stack that overflowed, or a panic under panic=abort"),
            Self::BUS => Some("bad memory access, such as a mapped file that shrank"),
            Self::PIPE => Some("wrote to a pipe that nobody reads"),
            Self::XCPU => Some("over its limit of processor time"),
            Self::XFSZ => Some("over its limit of file size"),
            Self::SYS => Some("a system call that a filter forbids"),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(Signal::KILL.to_string(), "SIGKILL");
        assert_eq!(Signal::from_number(34).unwrap().to_string(), "signal 34");
        assert_eq!(Signal::from_number(0), None);
        assert_eq!(Signal::from_number(65), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn numbers_are_the_systems() {
        let pairs = [
            (Signal::INT, libc::SIGINT),
            (Signal::BUS, libc::SIGBUS),
            (Signal::USR1, libc::SIGUSR1),
            (Signal::CHLD, libc::SIGCHLD),
            (Signal::CONT, libc::SIGCONT),
            (Signal::STOP, libc::SIGSTOP),
            (Signal::SYS, libc::SIGSYS),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(ours.number(), theirs, "{ours}");
        }
    }
}
