"""The format between host, zygote and job: a length before everything, all numbers little-endian.

Request: header (bytes of JSON that follow, inputs, inputs a process, CPU and wall seconds, megabytes), JSON.
Reply: length, one line of JSON, the frames that the job's processes wrote. UNABLE stands in its place when
the system had no process to give: the request may be sent again.
Frame: length, a JSON record; length 0: a budget begins, since loading the code used a part of the last one.
"""

import struct

LENGTH = struct.Struct("<I")
REQUEST_HEADER = struct.Struct("<IIIddI")

REQUESTS, REPLIES = 3, 4  # file descriptors of the zygote
RESULTS = 5  # and of the job

EXIT_GO_ON = 96  # of a job that ran out of memory: the record is written, go on in a fresh process
EXIT_BROKEN = 97  # of a job that failed outside the untrusted code

UNABLE = b"unable"

MAX_RECORD_BYTES = 2**20


def frame(text: str) -> bytes:
    """A frame that holds `text`."""
    body = text.encode("utf-8")
    return LENGTH.pack(len(body)) + body
