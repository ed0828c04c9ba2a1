//! How a function gets into another process: as the image that holds its code, that image's
//! build-id, and the distance from where the image was loaded. No registry, no macro: any plain
//! function will do, and any closure that captures nothing (the compiler turns it into one).
//!
//! The distance is counted from the load bias and never from another function: the compiler may
//! keep several copies of a function, and merge different ones.
#![expect(unsafe_code, reason = "an address becomes a function again")]

use polyproc_process::image;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A function's place, good in every process that runs the same program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeRef {
    image: Vec<u8>,
    build_id: Vec<u8>,
    offset: u64,
}

/// Why a place means nothing here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NotHere {
    /// No image with that name is loaded.
    NoSuchImage(String),
    /// The image of that name is another build.
    OtherBuild(String),
}

impl fmt::Display for NotHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchImage(name) => write!(
                f,
                "the shared library `{name}` holds its function, and is not loaded in a fresh copy \
                 of the program (was it opened at run time? `StartMethod::Fork` copies it)"
            ),
            Self::OtherBuild(name) => write!(
                f,
                "{name} is another build than in the parent (was the file replaced while the \
                 program runs?)"
            ),
        }
    }
}

impl CodeRef {
    /// The place of the code at `address`; `None` when no loaded image holds it.
    pub(crate) fn of(address: usize) -> Option<Self> {
        let image = image::holding(address)?;
        let offset = address.wrapping_sub(image.bias) as u64;
        Some(Self { image: image.name, build_id: image.build_id, offset })
    }

    /// The address here.
    pub(crate) fn resolve(&self) -> Result<Address, NotHere> {
        let name = String::from_utf8_lossy(&self.image);
        let image = image::named(&self.image)
            .ok_or_else(|| NotHere::NoSuchImage(name.clone().into_owned()))?;
        let address = image.bias.wrapping_add(self.offset as usize);
        let is_code = image.code.iter().any(|range| range.contains(&address));
        if image.build_id != self.build_id || !is_code {
            let name = if name.is_empty() { "the program file".into() } else { name };
            return Err(NotHere::OtherBuild(name.into_owned()));
        }
        Ok(Address(address))
    }
}

/// An address of code in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(usize);

impl Address {
    /// Of a function, as a pointer to it.
    pub(crate) fn of<A, R>(function: fn(A) -> R) -> Self {
        Self(function as usize)
    }

    /// The same for a function that is given a worker's state.
    pub(crate) fn of_stateful<S, A, R>(function: fn(&mut S, A) -> R) -> Self {
        Self(function as usize)
    }

    /// The same for a function that is given an object.
    pub(crate) fn of_sharing<C, A, R>(function: fn(&C, A) -> R) -> Self {
        Self(function as usize)
    }

    pub(crate) fn number(self) -> usize {
        self.0
    }

    /// The function without arguments and result at this address.
    ///
    /// # Safety
    /// As for [`Address::function`].
    pub(crate) unsafe fn plain(self) -> fn() {
        let pointer = std::ptr::with_exposed_provenance::<()>(self.0);
        // SAFETY: passed on to the caller; both are one address wide.
        unsafe { std::mem::transmute::<*const (), fn()>(pointer) }
    }

    /// The function at this address.
    ///
    /// # Safety
    /// A function of exactly this type must start there: see the callers for how they know.
    pub(crate) unsafe fn function<A, R>(self) -> fn(A) -> R {
        let pointer = std::ptr::with_exposed_provenance::<()>(self.0);
        // SAFETY: passed on to the caller; both are one address wide.
        unsafe { std::mem::transmute::<*const (), fn(A) -> R>(pointer) }
    }
}

impl Address {
    /// The function with a worker's state at this address.
    ///
    /// # Safety
    /// As for [`Address::function`].
    pub(crate) unsafe fn stateful<S, A, R>(self) -> fn(&mut S, A) -> R {
        let pointer = std::ptr::with_exposed_provenance::<()>(self.0);
        // SAFETY: passed on to the caller; both are one address wide.
        unsafe { std::mem::transmute::<*const (), fn(&mut S, A) -> R>(pointer) }
    }
}

impl Address {
    /// The function with an object at this address.
    ///
    /// # Safety
    /// As for [`Address::function`].
    pub(crate) unsafe fn sharing<C, A, R>(self) -> fn(&C, A) -> R {
        let pointer = std::ptr::with_exposed_provenance::<()>(self.0);
        // SAFETY: passed on to the caller; both are one address wide.
        unsafe { std::mem::transmute::<*const (), fn(&C, A) -> R>(pointer) }
    }
}

/// A number that two different function types do not share (but for a chance of 2⁻⁶⁴): a call says
/// what it was made for, and a child checks it before it trusts the bytes.
pub(crate) fn signature<A, R>() -> u64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let names = [std::any::type_name::<A>(), " -> ", std::any::type_name::<R>()];
    names.iter().flat_map(|name| name.as_bytes()).fold(0xcbf2_9ce4_8422_2325, fnv)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(x: u32) -> u32 {
        x * 2
    }

    #[test]
    fn a_function_is_found_again() {
        let place = CodeRef::of(Address::of(double).number()).unwrap();
        let address = place.resolve().unwrap();
        // SAFETY: it is the address of `double`.
        assert_eq!(unsafe { address.function::<u32, u32>() }(21), 42);
    }

    #[test]
    fn another_build_or_image_is_refused() {
        let place = CodeRef::of(Address::of(double).number()).unwrap();
        let other = CodeRef { build_id: vec![1], ..place.clone() };
        assert!(matches!(other.resolve(), Err(NotHere::OtherBuild(_))));
        let outside = CodeRef { offset: u64::MAX / 2, ..place.clone() };
        assert!(matches!(outside.resolve(), Err(NotHere::OtherBuild(_))));
        let missing = CodeRef { image: b"/no/such.so".to_vec(), ..place };
        assert_eq!(missing.resolve(), Err(NotHere::NoSuchImage("/no/such.so".into())));
        assert_eq!(CodeRef::of(&raw const missing as usize), None);
    }

    #[test]
    fn types_have_different_signatures() {
        assert_ne!(signature::<u32, u64>(), signature::<u64, u32>());
        assert_eq!(signature::<Vec<u8>, ()>(), signature::<Vec<u8>, ()>());
    }
}
