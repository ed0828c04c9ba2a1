//! `/proc/net/dev`: what went over each network interface.

use super::{lines, number, split};
use crate::rising::{Counters, lost};
use std::ffi::OsString;
use std::ops::AddAssign;
use std::os::unix::ffi::OsStringExt;

/// What went over a network interface since it came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkCounters {
    /// Bytes out.
    pub bytes_sent: u64,
    /// Bytes in.
    pub bytes_received: u64,
    /// Packets out.
    pub packets_sent: u64,
    /// Packets in.
    pub packets_received: u64,
    /// Packets that came in broken.
    pub errors_in: u64,
    /// Packets that could not go out.
    pub errors_out: u64,
    /// Packets thrown away on their way in.
    pub dropped_in: u64,
    /// Packets thrown away on their way out.
    pub dropped_out: u64,
}

impl AddAssign for NetworkCounters {
    fn add_assign(&mut self, other: Self) {
        self.bytes_sent = self.bytes_sent.saturating_add(other.bytes_sent);
        self.bytes_received = self.bytes_received.saturating_add(other.bytes_received);
        self.packets_sent = self.packets_sent.saturating_add(other.packets_sent);
        self.packets_received = self.packets_received.saturating_add(other.packets_received);
        self.errors_in = self.errors_in.saturating_add(other.errors_in);
        self.errors_out = self.errors_out.saturating_add(other.errors_out);
        self.dropped_in = self.dropped_in.saturating_add(other.dropped_in);
        self.dropped_out = self.dropped_out.saturating_add(other.dropped_out);
    }
}

impl Counters for NetworkCounters {
    fn lost(self, now: Self) -> Self {
        Self {
            bytes_sent: lost(self.bytes_sent, now.bytes_sent),
            bytes_received: lost(self.bytes_received, now.bytes_received),
            packets_sent: lost(self.packets_sent, now.packets_sent),
            packets_received: lost(self.packets_received, now.packets_received),
            errors_in: lost(self.errors_in, now.errors_in),
            errors_out: lost(self.errors_out, now.errors_out),
            dropped_in: lost(self.dropped_in, now.dropped_in),
            dropped_out: lost(self.dropped_out, now.dropped_out),
        }
    }
}

impl NetworkCounters {
    /// A name may hold a colon (`eth0:1`), so the numbers start behind the last one.
    pub(crate) fn parse_all(bytes: &[u8]) -> Vec<(OsString, Self)> {
        let row = |line: &[u8]| {
            let colon = line.iter().rposition(|&byte| byte == b':')?;
            let name = OsString::from_vec(line[..colon].trim_ascii().to_vec());
            let mut fields = [0; 12];
            let mut words = split(&line[colon + 1..]);
            for field in &mut fields {
                *field = number(words.next()?)?;
            }
            let [bytes_in, packets_in, errors_in, dropped_in, _, _, _, _, rest @ ..] = fields;
            let [bytes_sent, packets_sent, errors_out, dropped_out] = rest;
            Some((
                name,
                Self {
                    bytes_sent,
                    bytes_received: bytes_in,
                    packets_sent,
                    packets_received: packets_in,
                    errors_in,
                    errors_out,
                    dropped_in,
                    dropped_out,
                },
            ))
        };
        lines(bytes).skip(2).filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    const DEV: &[u8] = b"Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
        lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0:1:18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

    #[test]
    fn columns_are_the_right_ones() {
        let all = NetworkCounters::parse_all(DEV);
        assert_eq!((all[0].0.to_str(), all[1].0.to_str()), (Some("lo"), Some("eth0:1")));
        let lo = all[0].1;
        assert_eq!(
            [lo.bytes_received, lo.packets_received, lo.errors_in, lo.dropped_in],
            [1, 2, 3, 4]
        );
        assert_eq!(
            [lo.bytes_sent, lo.packets_sent, lo.errors_out, lo.dropped_out],
            [9, 10, 11, 12]
        );
        assert_eq!(all[1].1.bytes_received, u64::MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes(), near in hostile::damaged(DEV)) {
            NetworkCounters::parse_all(&bytes);
            NetworkCounters::parse_all(&near);
        }
    }
}
