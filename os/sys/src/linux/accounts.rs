//! Names of users, by whatever service the system keeps them in.
#![expect(unsafe_code, reason = "getpwuid_r is a C call")]

use std::ffi::CStr;
use std::mem::MaybeUninit;

/// The name of the user with that number, by `getpwuid_r`: also for users that stand in no file
/// (LDAP, systemd). Takes as long as such a service takes.
pub fn user_name(uid: u32) -> Option<Vec<u8>> {
    let mut room = vec![0_u8; 1024];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::zeroed();
        let mut found = std::ptr::null_mut();
        // SAFETY: an entry, its strings' room with its size, and where to say whether there is one.
        let result = unsafe {
            libc::getpwuid_r(
                uid,
                entry.as_mut_ptr(),
                room.as_mut_ptr().cast(),
                room.len(),
                &raw mut found,
            )
        };
        match result {
            libc::ERANGE if room.len() < 1 << 20 => room.resize(room.len() * 2, 0),
            libc::EINTR => {}
            _ if found.is_null() => return None,
            _ => {
                // SAFETY: found, so the entry is filled.
                let name = unsafe { (*found).pw_name };
                // SAFETY: a C string in `room`.
                return Some(unsafe { CStr::from_ptr(name) }.to_bytes().to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_user_has_a_name_and_most_numbers_have_none() {
        assert_eq!(super::user_name(0).as_deref(), Some(&b"root"[..]));
        assert_eq!(super::user_name(u32::MAX - 77), None);
    }
}
