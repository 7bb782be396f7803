"""The format between host, zygote and job: a length before everything, all numbers little-endian.

Request: header (bytes of JSON that follow, inputs, CPU seconds, wall seconds, megabytes), JSON.
Reply: length, one line of JSON, the frames that the job's processes wrote. BEGUN goes before it when a
process is to be forked, UNABLE in its place when the system had none to give: the request may be sent again.
Frame: length, a JSON record; length 0: a call begins.
"""

import struct

LENGTH = struct.Struct("<I")
REQUEST_HEADER = struct.Struct("<IIddI")

REQUESTS, REPLIES = 3, 4  # file descriptors of the zygote
RESULTS = 5  # and of the job

EXIT_GO_ON = 96  # of a job that ran out of memory: the record is written, go on in a fresh process
EXIT_BROKEN = 97  # of a job that failed outside the untrusted code

BEGUN, UNABLE = b"begun", b"unable"

MAX_RECORD_BYTES = 2**20


def frame(text: str) -> bytes:
    """A frame that holds `text`."""
    body = text.encode("utf-8")
    return LENGTH.pack(len(body)) + body
