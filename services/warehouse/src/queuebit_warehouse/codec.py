"""Encodes and decodes HTTP content encodings in bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import lz4.frame
import zstandard

from queuebit_warehouse.errors import DatabaseError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["CORRUPT", "Encoder", "decoded", "encoder"]

_PIECE = 1 << 10
"""Bytes that are decompressed at a time: even malicious input expands to at most 32 MB."""

CORRUPT = (zlib.error, EOFError, gzip.BadGzipFile, zstandard.ZstdError, RuntimeError)
"""The errors of reading a damaged body, for all encodings."""


class Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Lz4:
    """An LZ4 frame that starts with the first bytes."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._open = False

    def compress(self, data: bytes, /) -> bytes:
        opening = b"" if self._open else self._frame.begin()
        self._open = True
        return opening + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        opening = b"" if self._open else self._frame.begin()
        return opening + bytes(self._frame.flush())


def encoder(encoding: str) -> Encoder:
    """Return a compressor for a response."""
    if encoding == "lz4":
        return _Lz4()
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=1).compressobj()
    return zlib.compressobj(level=3, wbits=31 if encoding == "gzip" else 15)


def decoded(body: BinaryIO, encoding: str) -> BinaryIO:
    """Return a reader that decodes the Content-Encoding of a request; the body may have several frames.

    Raises:
        DatabaseError: the encoding is not one of lz4, zstd, gzip, deflate.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "lz4":
            return cast("BinaryIO", lz4.frame.LZ4FrameFile(body))
        case "zstd":
            return cast("BinaryIO", io.BufferedReader(_Frames(body)))
        case "gzip" | "x-gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=body))
        case "deflate":
            return cast("BinaryIO", io.BufferedReader(_Inflated(body)))
    raise DatabaseError(
        89, f"Unknown compression method: {encoding}. Supported: lz4, zstd, gzip, deflate", "UNKNOWN_COMPRESSION_METHOD"
    )


class _Inflated(io.RawIOBase):
    """A zlib stream as a file; the standard library has this only for gzip."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._stream = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        while not self._stream.eof:
            source = self._stream.unconsumed_tail or self._body.read(1 << 16)
            if not source:
                raise EOFError("the deflate stream ends early")
            if data := self._stream.decompress(source, len(view)):
                view[: len(data)] = data
                return len(data)
        return 0


class _Frames(io.RawIOBase):
    """Zstandard frames as a file; the library's reader does not detect a truncated frame."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._ready = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        while not self._ready and self._unpack():
            pass
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        del self._ready[:size]
        return size

    def _unpack(self) -> bool:
        """Decompress the next piece; return whether there was one."""
        source = b""
        if self._frame.eof:
            source = self._frame.unused_data
            self._frame, self._begun = zstandard.ZstdDecompressor().decompressobj(), False
        source = source or self._body.read(_PIECE)
        if source:
            self._begun = True
            self._ready += self._frame.decompress(source)
        elif self._begun:
            raise EOFError("the zstd stream ends early")
        return bool(source)
