"""The plainest SNATMAP server: what the benchmark compares with. Not for use.

    snatmap_server.py ADDRESS:PORT
"""

import socket
import struct
import sys


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((host, int(port)))
    while True:
        request, source = server.recvfrom(2048)
        if len(request) != 16:
            continue
        kind, nonce = struct.unpack_from(">II", request)
        if kind != 1:
            continue
        (ip,) = struct.unpack(">I", socket.inet_aton(source[0]))
        answer = struct.pack(
            ">IIIHH", 2, nonce, ip ^ 0xFFFFFFFF, source[1] ^ 0xFFFF, 0
        )
        server.sendto(answer, source)


main()
