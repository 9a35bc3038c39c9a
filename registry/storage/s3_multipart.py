"""Objects on their way to S3: in one piece if they are small, else in parts.

What arrives is kept in an unnamed file until a part is full, so that memory stays flat and a
request that failed can be repeated. Source: Amazon S3 User Guide, "Multipart upload limits":
10,000 parts of 5 MiB to 5 GiB, the last one of any size.
"""

from __future__ import annotations

import secrets
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from registry.storage.driver import Buffer
from registry.storage.files import disk_failures, write_all
from registry.storage.s3_client import s3_failures

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef, HeadObjectOutputTypeDef

PART_MIN = 5 << 20
PARTS_MAX = 10_000
COPIES_AT_ONCE = 4
_TOKEN = "moorage-put"  # noqa: S105 - the name of a metadata field


def part_capacity(number: int, part_size: int) -> int:
    """Bytes in part `number`, counted from 1.

    Parts of one size, as some stores insist, for as long as can be; the second half of them is
    twice as large, so that even parts of 5 MiB take 75,000 MiB.
    """
    return part_size if number <= PARTS_MAX // 2 else 2 * part_size


class MultipartUpload:
    """A multipart upload that is aborted unless it completes."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._token = secrets.token_hex(16)
        self.parts: list[CompletedPartTypeDef] = []
        with s3_failures("starting an upload"):
            answer = client.create_multipart_upload(
                Bucket=bucket, Key=key, Metadata={_TOKEN: self._token}
            )
        self.id = answer["UploadId"]

    def send(self, number: int, body: IO[bytes]) -> None:
        """Store the whole file as the next part, number `number`."""
        body.seek(0)
        with s3_failures("uploading a part"):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self.id,
                PartNumber=number,
                Body=body,
            )
        self.parts.append({"ETag": answer["ETag"], "PartNumber": number})

    def copy(self, source: str, found: HeadObjectOutputTypeDef, step: int) -> None:
        """Copy the object found under the key `source`, in pieces of `step` bytes."""
        size = found["ContentLength"]

        def copied(start: int) -> CompletedPartTypeDef:
            number = start // step + 1
            with s3_failures("moving an object"):
                answer = self._client.upload_part_copy(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self.id,
                    PartNumber=number,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    CopySourceRange=f"bytes={start}-{min(start + step, size) - 1}",
                    CopySourceIfMatch=found["ETag"],
                )
            return {"ETag": answer["CopyPartResult"]["ETag"], "PartNumber": number}

        try:
            with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
                self.parts.extend(pool.map(copied, range(0, size, step)))
            self.complete()
        except BaseException:
            self.abort()
            raise

    def complete(self) -> None:
        """Make the parts the object."""
        with s3_failures("completing an upload"):
            try:
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self.id,
                    MultipartUpload={"Parts": self.parts},
                )
            except (BotoCoreError, ClientError, OSError):
                # It may have happened all the same: an answer got lost, and a request repeated
                # for want of one is told that there is no such upload.
                if not self._is_complete():
                    raise

    def abort(self) -> None:
        """Drop the parts, if the store lets us; otherwise cleaning does so later."""
        with suppress(BotoCoreError, ClientError, OSError):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=self._key, UploadId=self.id
            )

    def _is_complete(self) -> bool:
        with suppress(BotoCoreError, ClientError, OSError):
            found = self._client.head_object(Bucket=self._bucket, Key=self._key)
            return found["Metadata"].get(_TOKEN) == self._token
        return False


class SpooledUpload:
    """Takes an object's bytes; within a `with`, at whose end it is stored or nothing is."""

    def __init__(
        self, client: S3Client, bucket: str, key: str, spool: Path, part_size: int
    ) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._spool, self._part_size = spool, part_size
        self._multipart: MultipartUpload | None = None
        self._sender = ThreadPoolExecutor(1)
        self._sending: Future[None] | None = None
        self._number = 1
        self._filled = 0
        self.size = 0

    def __enter__(self) -> SpooledUpload:
        self._file = self._spool_file()
        return self

    def write(self, chunk: Buffer) -> None:
        """Take the chunk, sending off each part that it overfills."""
        view = memoryview(chunk).cast("B")
        while view:
            room = part_capacity(self._number, self._part_size) - self._filled
            if not room:
                self._send_part()
                continue
            with disk_failures("spooling an upload"):
                self._filled += write_all(self._file.fileno(), view[:room])
            self.size += min(room, len(view))
            view = view[room:]

    def finish(self) -> None:
        """Send what is left and make the object appear."""
        if self._multipart is not None:
            self._send_part()
            self._await_part()
            self._multipart.complete()
            return
        self._file.seek(0)
        with s3_failures("storing an object"):
            self._client.put_object(Bucket=self._bucket, Key=self._key, Body=self._file)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._sender.shutdown()
        self._file.close()
        if kind is not None and self._multipart is not None:
            self._multipart.abort()

    def _spool_file(self) -> IO[bytes]:
        with disk_failures("spooling an upload"):
            return tempfile.TemporaryFile(dir=self._spool, buffering=0)

    def _send_part(self) -> None:
        """Send the part while the next one fills; only one is on its way at a time."""
        if self._multipart is None:
            self._multipart = MultipartUpload(self._client, self._bucket, self._key)
        self._await_part()
        full, self._file = self._file, self._spool_file()
        self._sending = self._sender.submit(_send_and_close, self._multipart, self._number, full)
        self._number += 1
        self._filled = 0

    def _await_part(self) -> None:
        if self._sending is not None:
            self._sending.result()


def _send_and_close(upload: MultipartUpload, number: int, body: IO[bytes]) -> None:
    with body:
        upload.send(number, body)
