"""An RTSP camera for tests: motion JPEG (RFC 2435) in RTP packets over the connection that asked for it.

It speaks as much of RTSP (RFC 2326) as FFmpeg asks of a camera, basic authentication among it.
"""

from __future__ import annotations

import base64
import struct
import time
from typing import Any, BinaryIO

import cv2
import numpy as np
from camera import PASSWORD, USER, TestCamera

_PACKET = 1400
_CLOCK = 90_000
"""Of the times in RTP packets of video, Hz."""


class RtspCamera(TestCamera):
    """Serves whoever has the password; the sides of its pictures are multiples of eight.

    Attributes:
        refused: requests without the right password.
        transports: that were asked for.
        refused_transport: how those begin that it does not have; None has what is asked for.
    """

    refused = 0
    refused_transport: str | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.transports: list[str] = []

    @staticmethod
    def address(port: int) -> str:
        return f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{port}/live"

    def talk(self, reader: BinaryIO, writer: BinaryIO) -> None:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        while not self._gone.is_set():
            request = reader.readline().decode().split()
            headers = {}
            while line := reader.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if not request:
                return
            method, answer, body = request[0], {"CSeq": headers.get("cseq", "0")}, b""
            status = "200 OK"
            if method == "OPTIONS":
                answer["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
            elif headers.get("authorization") != f"Basic {wanted}":
                self.refused += 1
                status, answer["WWW-Authenticate"] = "401 Unauthorized", 'Basic realm="camera"'
            elif method == "DESCRIBE":
                body = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\na=range:npt=now-\r\n"
                body += b"m=video 0 RTP/AVP 26\r\nc=IN IP4 0.0.0.0\r\na=control:track\r\n"
                answer["Content-Type"] = "application/sdp"
            elif method == "SETUP" and not self._has(headers.get("transport", "")):
                status = "461 Unsupported Transport"
            elif method == "SETUP":
                answer |= {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", "Session": "1"}
            elif method == "PLAY":
                answer["Session"] = "1"
            answer["Content-Length"] = str(len(body))
            lines = [f"RTSP/1.0 {status}", *(f"{name}: {value}" for name, value in answer.items()), "", ""]
            writer.write("\r\n".join(lines).encode() + body)
            if status.startswith("200") and method == "PLAY":
                self._send(writer)
                return

    def _has(self, transport: str) -> bool:
        self.transports.append(transport)
        return self.refused_transport is None or not transport.startswith(self.refused_transport)

    def _send(self, writer: BinaryIO) -> None:
        start, sequence = time.monotonic(), 0
        for picture, cut in self.shots():
            packets = rtp_packets(picture, int(_CLOCK * (time.monotonic() - start)), sequence)
            if cut:
                packets = packets[: len(packets) // 2 + 1]
                packets[-1] = packets[-1][: len(packets[-1]) // 2]
            for packet in packets:
                writer.write(packet)
            sequence += len(packets)


def rtp_packets(picture: np.ndarray, clock: int, sequence: int) -> list[bytes]:
    """A frame as interleaved RTP packets.

    Args:
        picture: uint8[H, W, 3], RGB; sides are multiples of eight and less than 2,048.
        clock: its time, in 90,000ths of a second.
        sequence: number of its first packet.
    """
    subsampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    data = cv2.imencode(".jpg", picture[..., ::-1], subsampling)[1].tobytes()
    tables, scan = _parts(data)
    height, width = picture.shape[:2]
    packets, offset = [], 0
    while offset < len(scan):
        # Type 1 is 4:2:0, and a Q of 255 says that the first packet brings the tables of quantisation.
        head = struct.pack("!I4B", offset, 1, 255, width // 8, height // 8)
        if not offset:
            head += struct.pack("!BBH", 0, 0, len(tables)) + tables
        part = scan[offset : offset + _PACKET]
        offset += len(part)
        last = 0x80 if offset == len(scan) else 0
        rtp = struct.pack("!BBHII", 0x80, last | 26, sequence % 65536, clock % 2**32, 1) + head + part
        packets.append(struct.pack("!cBH", b"$", 0, len(rtp)) + rtp)
        sequence += 1
    return packets


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The tables of quantisation of a JPEG file, and its entropy-coded pictures."""
    tables, place = b"", 2
    while True:
        kind, length = data[place + 1], struct.unpack("!H", data[place + 2 : place + 4])[0]
        if kind == 0xDB:
            segment = data[place + 4 : place + 2 + length]
            while segment:
                assert segment[0] < 16, "tables of eight bits"
                tables, segment = tables + segment[1:65], segment[65:]
        place += 2 + length
        if kind == 0xDA:
            return tables, data[place:-2]
