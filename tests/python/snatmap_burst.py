"""Gives the system several requests at once (UDP_SEGMENT), and prints the answers in hex.

    snatmap_burst.py SERVER:PORT COUNT

The loopback interface hands them over together to a server that takes them so (UDP_GRO).
"""

import socket
import struct
import sys

UDP_SEGMENT = 103


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    count = int(sys.argv[2])
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 16)
    asker.connect((host, int(port)))
    asker.settimeout(1)
    address = socket.inet_aton(asker.getsockname()[0])
    requests = (
        struct.pack(">II4sHH", 1, nonce, address, asker.getsockname()[1], 0xAAAA)
        for nonce in range(count)
    )
    asker.send(b"".join(requests))
    for _ in range(count):
        try:
            print(asker.recv(2048).hex())
        except socket.timeout:
            break


main()
