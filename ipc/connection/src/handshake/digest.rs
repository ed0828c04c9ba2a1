//! The proofs that both sides know the same key: which digests there are, and how a message names
//! the one that it uses.

use super::HandshakeError;
use hmac::digest::{Digest as Hash, block_api::BlockSizeUser};
use hmac::{KeyInit, Mac, SimpleHmac};
use md5::Md5;
use sha2::{Sha256, Sha384};
use sha3::{Sha3_256, Sha3_384};
use std::fmt;
use std::sync::Arc;

/// How long a challenge of the old form is, after `#CHALLENGE#`.
pub(super) const OLD_CHALLENGE_BYTES: usize = 20;
/// How long a response of the old form is: an MD5 digest.
const OLD_RESPONSE_BYTES: usize = 16;

/// What a listener and its clients both know. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct Key {
    bytes: Arc<[u8]>,
    is_md5_refused: bool,
}

/// A key of no bytes, which everybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an authentication key must have at least one byte")]
pub struct EmptyKey;

impl Key {
    /// A key of these bytes. It should hold at least 16 that nobody can guess: who listens in on a
    /// handshake can try out keys.
    ///
    /// # Errors
    /// [`EmptyKey`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, EmptyKey> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() {
            return Err(EmptyKey);
        }
        Ok(Self { bytes: bytes.into(), is_md5_refused: false })
    }

    /// Refuses proofs by HMAC-MD5, the only ones that Python before 3.12 can give or check.
    #[must_use]
    pub fn refusing_md5(mut self) -> Self {
        self.is_md5_refused = true;
        self
    }

    fn check(&self, digest: Digest) -> Result<(), HandshakeError> {
        match digest {
            Digest::Md5 if self.is_md5_refused => Err(HandshakeError::Md5Refused),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("is_md5_refused", &self.is_md5_refused).finish_non_exhaustive()
    }
}

/// The digests that Python accepts, in the order of preference of nobody: the challenge chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Md5,
    Sha256,
    Sha384,
    Sha3_256,
    Sha3_384,
}

/// What a challenge or a response says of itself.
struct Named<'a> {
    digest: Digest,
    /// Whether it is of the form that Python before 3.12 knows: no name, always MD5.
    is_old: bool,
    rest: &'a [u8],
}

impl Digest {
    const ALL: [Self; 5] = [Self::Md5, Self::Sha256, Self::Sha384, Self::Sha3_256, Self::Sha3_384];

    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Md5 => b"{md5}",
            Self::Sha256 => b"{sha256}",
            Self::Sha384 => b"{sha384}",
            Self::Sha3_256 => b"{sha3_256}",
            Self::Sha3_384 => b"{sha3_384}",
        }
    }

    /// Only its length tells a message of the old form: no named one is as short.
    fn named_by(message: &[u8]) -> Result<Named<'_>, HandshakeError> {
        if matches!(message.len(), OLD_CHALLENGE_BYTES | OLD_RESPONSE_BYTES) {
            return Ok(Named { digest: Self::Md5, is_old: true, rest: message });
        }
        let named = |digest: Self| {
            let rest = message.strip_prefix(digest.prefix())?;
            Some(Named { digest, is_old: false, rest })
        };
        Self::ALL.into_iter().find_map(named).ok_or(HandshakeError::UnknownDigest)
    }

    fn mac(self, key: &Key, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => mac::<Md5>(key, message),
            Self::Sha256 => mac::<Sha256>(key, message),
            Self::Sha384 => mac::<Sha384>(key, message),
            Self::Sha3_256 => mac::<Sha3_256>(key, message),
            Self::Sha3_384 => mac::<Sha3_384>(key, message),
        }
    }

    fn verify(self, key: &Key, message: &[u8], claimed: &[u8]) -> bool {
        match self {
            Self::Md5 => verify::<Md5>(key, message, claimed),
            Self::Sha256 => verify::<Sha256>(key, message, claimed),
            Self::Sha384 => verify::<Sha384>(key, message, claimed),
            Self::Sha3_256 => verify::<Sha3_256>(key, message, claimed),
            Self::Sha3_384 => verify::<Sha3_384>(key, message, claimed),
        }
    }
}

fn keyed<H: Hash + BlockSizeUser>(key: &Key, message: &[u8]) -> SimpleHmac<H> {
    #[expect(clippy::expect_used, reason = "the crate's interface covers MACs that HMAC is not")]
    let hmac = SimpleHmac::<H>::new_from_slice(&key.bytes).expect("HMAC takes keys of any length");
    hmac.chain_update(message)
}

fn mac<H: Hash + BlockSizeUser>(key: &Key, message: &[u8]) -> Vec<u8> {
    keyed::<H>(key, message).finalize().into_bytes().to_vec()
}

/// In constant time: how far a wrong digest is right does not show.
fn verify<H: Hash + BlockSizeUser>(key: &Key, message: &[u8], claimed: &[u8]) -> bool {
    keyed::<H>(key, message).verify_slice(claimed).is_ok()
}

/// A challenge that asks for HMAC-SHA-256, of these random bytes. (Old clients take all of it for
/// random bytes, and answer with HMAC-MD5.)
pub(super) fn challenge(random: &[u8]) -> Vec<u8> {
    [Digest::Sha256.prefix(), random].concat()
}

/// The response to a challenge: the digest is over all of it, its name included.
pub(super) fn respond(key: &Key, challenge: &[u8]) -> Result<Vec<u8>, HandshakeError> {
    if challenge.len() < OLD_CHALLENGE_BYTES {
        return Err(HandshakeError::ShortChallenge(challenge.len()));
    }
    let Named { digest, is_old, .. } = Digest::named_by(challenge)?;
    key.check(digest)?;
    let mac = digest.mac(key, challenge);
    Ok(if is_old { mac } else { [digest.prefix(), &mac].concat() })
}

/// Whether `response` proves that its sender knows the key. It may use another digest than the
/// challenge asked for; the digest covers that request, so nobody in between can weaken it.
pub(super) fn check(key: &Key, challenge: &[u8], response: &[u8]) -> Result<(), HandshakeError> {
    let Named { digest, rest, .. } = Digest::named_by(response)?;
    key.check(digest)?;
    if digest.verify(key, challenge, rest) { Ok(()) } else { Err(HandshakeError::WrongKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python 3.13: `hmac.new(b"Jefe", b"what do ya want for nothing?", name)`.
    #[test]
    fn the_digests_are_those_of_python() {
        let key = Key::new(b"Jefe").unwrap();
        let starts = [
            (Digest::Md5, 16, 0x750c_783e_6ab0_b503),
            (Digest::Sha256, 32, 0x5bdc_c146_bf60_754e),
            (Digest::Sha384, 48, 0xaf45_d2e3_7648_4031),
            (Digest::Sha3_256, 32, 0xc7d4_072e_7888_77ae),
            (Digest::Sha3_384, 48, 0xf110_1f8c_bf97_66fd),
        ];
        for (digest, len, start) in starts {
            let mac = digest.mac(&key, b"what do ya want for nothing?");
            let first = u64::from_be_bytes(*mac.first_chunk().unwrap());
            assert_eq!((mac.len(), first), (len, start), "{digest:?}");
            assert!(digest.verify(&key, b"what do ya want for nothing?", &mac));
            assert!(!digest.verify(&key, b"what do ya want for nothing?", &mac[1..]));
        }
    }

    #[test]
    fn every_named_challenge_gets_a_response_of_its_kind() {
        let key = Key::new(b"key").unwrap();
        for digest in Digest::ALL {
            let challenge = [digest.prefix(), &[7; 40]].concat();
            let response = respond(&key, &challenge).unwrap();
            assert!(response.starts_with(digest.prefix()));
            check(&key, &challenge, &response).unwrap();
            let other = Key::new(b"other").unwrap();
            assert!(matches!(check(&other, &challenge, &response), Err(HandshakeError::WrongKey)));
        }
    }

    #[test]
    fn the_old_form_has_no_name_and_can_be_refused() {
        let key = Key::new(b"key").unwrap();
        let response = respond(&key, &[1; 20]).unwrap();
        assert_eq!(response.len(), 16);
        check(&key, &[1; 20], &response).unwrap();
        let strict = key.refusing_md5();
        assert!(matches!(respond(&strict, &[1; 20]), Err(HandshakeError::Md5Refused)));
        let refused = check(&strict, &[1; 20], &response);
        assert!(matches!(refused, Err(HandshakeError::Md5Refused)));
    }

    #[test]
    fn a_key_needs_bytes_and_is_not_shown() {
        assert!(Key::new(b"").is_err());
        let shown = format!("{:?}", Key::new(b"secret").unwrap());
        assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
}
