use super::*;
use proptest::prelude::*;

fn key(text: &str) -> Key {
    Key::new(text.as_bytes()).unwrap()
}

/// Moves what one side has to say to the other, in pieces of at most `size`.
fn deliver(from: &mut Handshake, to: &mut Handshake, size: usize) -> Result<bool, HandshakeError> {
    let len = from.output().len().min(to.wanted()).min(size);
    let bytes = from.output()[..len].to_vec();
    from.sent(len);
    to.receive(&bytes)?;
    Ok(len > 0)
}

/// Has two talk until neither says anything more, or one objects.
fn talk(listener: &mut Handshake, client: &mut Handshake, size: usize) -> Result<(), [bool; 2]> {
    loop {
        let there = deliver(listener, client, size).map_err(|_why| [false, true])?;
        let back = deliver(client, listener, size).map_err(|_why| [true, false])?;
        if !there && !back {
            return Ok(());
        }
    }
}

#[test]
fn the_same_key_is_proved_both_ways() {
    for size in [1, 3, 1000] {
        let mut listener = Handshake::listener(key("secret"), [1; RANDOM_BYTES]);
        let mut client = Handshake::client(key("secret"), [2; RANDOM_BYTES]);
        talk(&mut listener, &mut client, size).unwrap();
        assert!(listener.is_done() && client.is_done());
        assert_eq!((listener.wanted(), client.wanted()), (0, 0));
    }
}

#[test]
fn another_key_is_an_error_on_both_sides() {
    let mut listener = Handshake::listener(key("secret"), [1; RANDOM_BYTES]);
    let mut client = Handshake::client(key("Secret"), [2; RANDOM_BYTES]);
    assert_eq!(talk(&mut listener, &mut client, 1000), Err([true, false]));
    assert!(listener.output().ends_with(FAILURE));
    let mut error = None;
    while error.is_none() {
        error = deliver(&mut listener, &mut client, 1000).err();
    }
    assert!(matches!(error, Some(HandshakeError::Refused)), "{error:?}");
    assert!(!listener.is_done() && !client.is_done());
}

/// Its own challenge, sent back to the listener, gets no response that could be used: the listener
/// answers only after it has been answered.
#[test]
fn a_challenge_sent_back_is_no_response() {
    let mut listener = Handshake::listener(key("secret"), [1; RANDOM_BYTES]);
    let echo = listener.output().to_vec();
    listener.sent(echo.len());
    let mut rest = &echo[..];
    let error = loop {
        let len = listener.wanted();
        match listener.receive(&rest[..len]) {
            Ok(()) => rest = &rest[len..],
            Err(error) => break error,
        }
    };
    assert!(matches!(error, HandshakeError::UnknownDigest), "{error:?}");
}

#[test]
fn a_long_message_is_refused_by_its_header() {
    let mut client = Handshake::client(key("secret"), [0; RANDOM_BYTES]);
    let error = client.receive(Header::new(LONGEST_MESSAGE + 1).as_bytes()).unwrap_err();
    assert!(matches!(error, HandshakeError::Frame(FrameError::TooLong { len: 257, max: 256 })));
}

const STARTS: [&[u8]; 6] =
    [b"", CHALLENGE, b"#CHALLENGE#{sha256}", b"#CHALLENGE#{md5}", b"{sha256}", b"{md5}"];

/// Messages that a peer might send, right or wrong.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let random = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        Just(WELCOME.to_vec()),
        Just(FAILURE.to_vec()),
        (prop::sample::select(&STARTS[..]), random)
            .prop_map(|(start, rest)| [start, &rest].concat()),
    ]
}

proptest! {
    /// Whatever it says, whoever does not know the key is never trusted, and never makes us keep
    /// or say much.
    #[test]
    fn a_stranger_is_never_trusted(
        is_listener in any::<bool>(),
        messages in prop::collection::vec(message(), 0..8),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        size in 1..100_usize,
    ) {
        let key = key("a key that nobody guesses");
        let make = if is_listener { Handshake::listener } else { Handshake::client };
        let mut ours = make(key, [5; RANDOM_BYTES]);
        let framed = |message: &Vec<u8>| [Header::new(message.len() as u64).as_bytes(), message].concat();
        let mut stream: Vec<u8> = messages.iter().flat_map(framed).collect();
        stream.extend(noise);
        let mut rest = &stream[..];
        loop {
            prop_assert!(ours.output().len() < 300);
            ours.sent(ours.output().len());
            prop_assert!(!ours.is_done());
            let len = ours.wanted().min(size).min(rest.len());
            prop_assert!(ours.wanted() <= LONGEST_MESSAGE as usize);
            if len == 0 || ours.receive(&rest[..len]).is_err() {
                break;
            }
            rest = &rest[len..];
        }
        prop_assert!(!ours.is_done());
    }

    /// A byte changed on the way is noticed by somebody (or is in a frame's length, and then
    /// nothing more is said).
    #[test]
    fn a_changed_byte_is_noticed(at in 0..400_usize, flip in 1..=255_u8, size in 1..200_usize) {
        let mut listener = Handshake::listener(key("secret"), [1; RANDOM_BYTES]);
        let mut client = Handshake::client(key("secret"), [2; RANDOM_BYTES]);
        let mut count = 0;
        let mut exchange = || -> Result<bool, HandshakeError> {
            let mut moved = false;
            for turn in 0..2 {
                let (from, to) = if turn == 0 { (&mut listener, &mut client) } else { (&mut client, &mut listener) };
                let len = from.output().len().min(to.wanted()).min(size);
                let mut bytes = from.output()[..len].to_vec();
                if let Some(byte) = at.checked_sub(count).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= flip;
                }
                count += len;
                from.sent(len);
                to.receive(&bytes)?;
                moved |= len > 0;
            }
            Ok(moved)
        };
        let end = loop {
            match exchange() {
                Ok(true) => {}
                end => break end,
            }
        };
        if count > at {
            prop_assert!(end.is_err() || !(listener.is_done() && client.is_done()));
        }
    }
}
