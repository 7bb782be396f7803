"""The wire format between host, zygote and job: each item follows its length; all numbers are little-endian.

Request: a header (bytes that follow, inputs per process, CPU and wall seconds, megabytes), then parts, each
after its length: JSON that says what to call, and every input.
Reply: a length, one line of JSON, and the frames that the job's processes wrote. UNABLE takes the place of
these if the system had no process left: the request may be sent again.
Frame: a length and a JSON record. Length 0 starts a new budget, because loading the code has used part of the
one before.
Tested in tests/builders/execution/test_replies.py.
"""

import struct
from mmap import mmap

LENGTH = struct.Struct("<I")
REQUEST_HEADER = struct.Struct("<IIddI")

REQUESTS, REPLIES = 3, 4  # file descriptors of the zygote
RESULTS = 5  # file descriptor of the job

MAX_KILLED = 2  # times that a request's process is replaced if others kill it, as when memory is short

EXIT_OUT_OF_MEMORY = 96  # of a job that ran out of memory: its record is written, continue in a fresh process
EXIT_BROKEN = 97  # of a job that failed outside the untrusted code

UNABLE = b"unable"

MAX_RECORD_BYTES = 2**20


def frame(text: str) -> bytes:
    """Return a frame, or a part of a request, that holds `text`."""
    body = text.encode("utf-8", "surrogatepass")  # only a forged record has surrogates: the host refuses it
    return LENGTH.pack(len(body)) + body


def frame_spans(data: bytes | mmap, end: int) -> list[tuple[int, int]]:
    """Return start and end of each frame in the first `end` bytes of `data`, with the length before it."""
    spans, position = [], 0
    while position < end:
        (length,) = LENGTH.unpack_from(data, position)
        spans.append((position, position + LENGTH.size + length))
        position = spans[-1][1]
    return spans


def frame_contents(data: bytes | mmap, end: int) -> list[bytes]:
    """Return what the frames in the first `end` bytes of `data` hold, without their lengths."""
    return [data[start + LENGTH.size : stop] for start, stop in frame_spans(data, end)]
