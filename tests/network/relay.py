#!/usr/bin/env python3
"""A network between namespaces that is slow and can be cut, in place of `tc netem`, which many kernels lack.

    relay.py DELAY_MS FOLDER NAMESPACE...    as root; prints "ready", then runs until it is ended

Every namespace gets an Ethernet device eth0 (a TAP), whose other end is this process. Number I of the namespaces, from
0, is to have the address 02:00:00:00:00:I. A frame is delivered DELAY_MS later. While there is a file FOLDER/cut,
frames between the namespaces whose numbers are in it (separated by spaces) and the others vanish, in both directions,
as in a cable that was cut somewhere behind a switch: no device goes down, nobody is told.
"""

import collections
import ctypes
import fcntl
import os
import pathlib
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
LONGEST_FRAME = 65536
LOOKS_EVERY_S = 0.02  # for the cut
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(path):
    with open(path, "rb") as namespace:
        if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")


def device_in(namespace):
    enter(f"/run/netns/{namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    return device


def receivers(frame, source, count):
    """Numbers of the namespaces that a frame is for."""
    if frame[0] & 1:  # to all
        return [n for n in range(count) if n != source]
    return [frame[5]] if frame[5] < count and frame[5] != source else []


def read_cut(folder):
    try:
        return {int(word) for word in (folder / "cut").read_text(encoding="ascii").split()}
    except OSError:
        return set()


def main():
    delay_s = float(sys.argv[1]) / 1000
    folder = pathlib.Path(sys.argv[2])
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    devices = [device_in(namespace) for namespace in sys.argv[3:]]
    enter(f"/proc/self/fd/{home}")
    number = {device: n for n, device in enumerate(devices)}
    under_way = collections.deque()  # (when due, to whom, frame): all are equally late, so they keep their order
    cut, looks_at = set(), 0.0
    poll = select.poll()
    for device in devices:
        poll.register(device, select.POLLIN)
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        if now >= looks_at:
            cut, looks_at = read_cut(folder), now + LOOKS_EVERY_S
        while under_way and under_way[0][0] <= now:
            _, receiver, frame = under_way.popleft()
            try:
                os.write(devices[receiver], frame)
            except OSError:
                pass  # the device is down, or its queue is full: as on any network
        wait_s = min(under_way[0][0] - now if under_way else LOOKS_EVERY_S, LOOKS_EVERY_S)
        for device, event in poll.poll(max(0, wait_s * 1000)):
            source = number[device]
            try:
                while event & select.POLLIN:
                    frame = os.read(device, LONGEST_FRAME)
                    for receiver in receivers(frame, source, len(devices)):
                        if (source in cut) == (receiver in cut):
                            under_way.append((time.monotonic() + delay_s, receiver, frame))
            except OSError:
                pass  # nothing more for now


if __name__ == "__main__":
    main()
