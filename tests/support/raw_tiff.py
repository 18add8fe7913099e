"""A writer of TIFF that is told every tag, for files that other writers would not write."""

import struct

_FORMATS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 11: "f", 12: "d"}
"""Layout of a value by the type number of a tag; 2 is text, 5 are fractions of two numbers."""


def raw_tiff(path, shape, data, tags=(), *, order="<", left_out=()):
    """Write one page, in one strip.

    Args:
        path: of the file.
        shape: (height, width).
        data: the bytes of the strip, as stored.
        tags: number -> (type, values), beside those that every page has, or in place of them.
        order: of bytes, '<' or '>'.
        left_out: numbers of tags to leave out.
    """
    found = {
        256: (3, [shape[1]]), 257: (3, [shape[0]]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]),
        273: (4, [8]), 277: (3, [1]), 278: (3, [shape[0]]), 279: (4, [len(data)]),
    } | dict(tags)  # fmt: skip
    found = {number: tag for number, tag in sorted(found.items()) if number not in left_out}
    start = 8 + len(data) + len(data) % 2
    values_at = start + 2 + 12 * len(found) + 4
    entries, values = b"", b""
    for number, (kind, content) in found.items():
        stored = struct.pack(f"{order}{len(content)}{_FORMATS[kind]}", *content)
        count = len(content) // 2 if kind == 5 else len(content)
        if len(stored) > 4:
            place = struct.pack(f"{order}I", values_at + len(values))
            values += stored + b"\0" * (len(stored) % 2)
        else:
            place = stored.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", number, kind, count) + place
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, start)
    pages = struct.pack(f"{order}H", len(found)) + entries + bytes(4)
    path.write_bytes(head + data.ljust(start - 8, b"\0") + pages + values)
    return path
