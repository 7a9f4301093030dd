"""Sends datagrams from a port of one's choice, and prints what comes back.

    snatmap_ask.py SERVER:PORT LOCAL:PORT HEX...

One line a datagram: the answer in hex, or `-` where none came within a second.
"""

import socket
import sys


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    server, local, *datagrams = sys.argv[1:]
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.bind(address(local))
    asker.settimeout(1)
    for datagram in datagrams:
        asker.sendto(bytes.fromhex(datagram), address(server))
        try:
            print(asker.recv(2048).hex())
        except socket.timeout:
            print("-")


main()
