"""The format between host, zygote and job: a length before everything, all numbers little-endian.

Request: header (bytes that follow, inputs a process, CPU and wall seconds, megabytes), then parts,
each after its length: JSON that tells what to call, and every input.
Reply: length, one line of JSON, the frames that the job's processes wrote. UNABLE stands in its place when
the system had no process to give: the request may be sent again.
Frame: length, a JSON record; length 0: a budget begins, since loading the code used a part of the last one.
Tested in tests/builders/execution/test_replies.py.
"""

import struct
from mmap import mmap

LENGTH = struct.Struct("<I")
REQUEST_HEADER = struct.Struct("<IIddI")

REQUESTS, REPLIES = 3, 4  # file descriptors of the zygote
RESULTS = 5  # and of the job

MOST_KILLED = 2  # processes of one request that others killed, as a system short of memory does

EXIT_GO_ON = 96  # of a job that ran out of memory: the record is written, go on in a fresh process
EXIT_BROKEN = 97  # of a job that failed outside the untrusted code

UNABLE = b"unable"

MAX_RECORD_BYTES = 2**20


def frame(text: str) -> bytes:
    """A frame, or a part of a request, that holds `text`."""
    body = text.encode("utf-8", "surrogatepass")  # a job's own text has none; the host refuses them
    return LENGTH.pack(len(body)) + body


def parts(data: bytes | mmap, end: int) -> list[tuple[int, int]]:
    """Where each frame of `data` up to `end` begins and ends, its length included."""
    found, position = [], 0
    while position < end:
        (length,) = LENGTH.unpack_from(data, position)
        found.append((position, position + LENGTH.size + length))
        position = found[-1][1]
    return found


def contents(data: bytes | mmap, end: int) -> list[bytes]:
    """What the frames of `data` up to `end` hold."""
    return [data[start + LENGTH.size : stop] for start, stop in parts(data, end)]
