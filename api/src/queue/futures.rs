//! The waits of queues as futures.

use super::{GetError, Item, PutError, Queue, Receiver, Sender, decode, put_as_async};

/// What puts.
macro_rules! putting {
    ($($type:ident),*) => { $(
        impl<T: Item> $type<T> {
            /// [`put`](Self::put) as a future, for any executor. One that is dropped before it is ready
            /// has put nothing, and its value is gone with it.
            ///
            /// The first one that has to wait starts a thread in this process, which is there for as long
            /// as this object: see the [module](crate::queue#async).
            ///
            /// # Errors
            /// As [`put`](Self::put); [`PutFailure::Thread`](super::PutFailure::Thread).
            pub async fn put_async(&self, value: T) -> Result<(), PutError<T>> {
                put_as_async(value, |message| self.bytes.put_async(message)).await
            }
        }
    )* };
}

/// What takes.
macro_rules! taking {
    ($($type:ident),*) => { $(
        impl<T: Item> $type<T> {
            /// [`get`](Self::get) as a future, for any executor. One that is dropped before it is ready has
            /// taken nothing.
            ///
            /// The first one that has to wait starts a thread in this process, which is there for as long
            /// as this object: see the [module](crate::queue#async).
            ///
            /// # Errors
            /// As [`get`](Self::get); [`GetError::Thread`].
            pub async fn get_async(&self) -> Result<T, GetError> {
                decode(self.bytes.get_async().await?)
            }
        }
    )* };
}

putting!(Queue, Sender);
taking!(Queue, Receiver);
