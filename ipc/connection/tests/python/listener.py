import sys
from multiprocessing.connection import Listener

with Listener(eval(sys.argv[1]), authkey=sys.argv[2].encode() or None) as listener:
    print(listener.address[1] if isinstance(listener.address, tuple) else "", flush=True)
    try:
        with listener.accept() as connection:
            while True:
                connection.send_bytes(connection.recv_bytes()[::-1])
    except Exception as error:
        print(type(error).__name__, flush=True)
