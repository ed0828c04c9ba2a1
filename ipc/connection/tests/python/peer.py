"""One side of the handshake, by hand: peer.py listener|client PATH KEY FORM.

FORM is a digest's name, or "old" for what Python before 3.12 does."""

import hmac
import os
import socket
import struct
import sys

side, path, key, form = sys.argv[1:]
key = key.encode()
old = form == "old"
digest = "md5" if old else form
prefix = b"" if old else b"{%s}" % form.encode()


def send(message):
    sock.sendall(struct.pack("!i", len(message)) + message)


def receive():
    (length,) = struct.unpack("!i", sock.recv(4, socket.MSG_WAITALL))
    return sock.recv(length, socket.MSG_WAITALL)


def ask():
    challenge = prefix + os.urandom(20 if old else 40)
    send(b"#CHALLENGE#" + challenge)
    response = receive()
    # Whoever is asked chooses by what the challenge names; without a name, by its length.
    assert response == prefix + hmac.new(key, challenge, digest).digest(), response
    send(b"#WELCOME#")


def answer():
    message = receive()
    assert message.startswith(b"#CHALLENGE#"), message
    challenge = message[len(b"#CHALLENGE#"):]
    send(prefix + hmac.new(key, challenge, digest).digest())
    verdict = receive()
    if verdict != b"#WELCOME#":
        assert verdict == b"#FAILURE#", verdict
        print("refused", flush=True)
        sys.exit()


if side == "listener":
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        print("listening", flush=True)
        sock, _ = listener.accept()
    os.unlink(path)
    try:
        ask()
    except struct.error:
        sys.exit()
    answer()
else:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    answer()
    ask()
print(receive().decode(), flush=True)
