"""Objects in an S3 bucket, below a prefix, under the law's own paths as keys.

The account behind the client needs s3:GetObject, PutObject, DeleteObject, ListBucket,
AbortMultipartUpload and ListBucketMultipartUploads. Source: Amazon S3 API Reference.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from registry.storage.driver import Buffer, Stat, checked, checked_move
from registry.storage.files import disk_failures
from registry.storage.s3_client import MISSING, code_of, s3_failures
from registry.storage.s3_multipart import PART_MIN, MultipartUpload, SpooledUpload
from registry.storage.s3_read import Opened
from registry.values.errors import StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectRequestTypeDef, HeadObjectOutputTypeDef

READ_SIZE = 1 << 19
PART_SIZE = 16 << 20
COPY_SIZE = 256 << 20
"""Of each a store may send nothing until it is copied: it has the read timeout for it."""
RESUMES_MAX = 3
KEY_MAX = 1024


class S3Driver:
    """A `Driver` over the objects of `bucket` below `prefix` ("" for all of it).

    `spool` is a directory for parts on their way (one that fills and one that is being sent for
    each put under way); it is made if it is not there. Objects over `copy_size` bytes are
    moved in pieces of that size, several at once (at most 5 GiB, the most S3 copies at a time).
    Raises ValueError for a part size under 5 MiB or a prefix that is not a storage path.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        prefix: str = "",
        *,
        spool: Path,
        part_size: int = PART_SIZE,
        copy_size: int = COPY_SIZE,
    ) -> None:
        if part_size < PART_MIN or not PART_MIN <= copy_size <= 5 << 30:
            raise ValueError("a part is at least 5 MiB, a copied piece 5 MiB to 5 GiB")
        self._client, self._bucket, self._spool = client, bucket, spool
        self._base = f"{checked(prefix)}/" if prefix else ""
        self._part_size, self._copy_size = part_size, copy_size
        with disk_failures("making the spool directory"):
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, path: str, chunks: Iterable[Buffer]) -> int:
        """Store the chunks as one object, see `Driver`."""
        key = self._key(path)
        with SpooledUpload(self._client, self._bucket, key, self._spool, self._part_size) as upload:
            for chunk in chunks:
                upload.write(chunk)
            upload.finish()
        return upload.size

    def get(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        """Content from `offset`, in fresh buffers of up to 512 KiB, see `Driver`."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {offset} and {length} more")
        reader = self._read(path, offset, length)
        next(reader)  # opens the object; from here on closing the generator closes it
        return reader

    def stat(self, path: str) -> Stat:
        """Size of the object, see `Driver`."""
        return Stat(self._head(path)["ContentLength"])

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the objects below a directory, "" for all of them, see `Driver`."""
        return self._listed(f"{self._key(prefix)}/" if prefix else self._base)

    def delete(self, path: str) -> None:
        """Remove the object, see `Driver`."""
        key = self._key(path)
        with s3_failures("deleting an object"):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=key)
            except ClientError as error:  # Amazon never says so, others do
                if code_of(error) not in MISSING:
                    raise

    def move(self, source: str, target: str) -> None:
        """Copy the object within the store, then delete the source, see `Driver`."""
        checked_move(source, target)
        found = self._head(source)
        if source == target:
            return
        if found["ContentLength"] > self._copy_size:
            piece_by_piece = MultipartUpload(self._client, self._bucket, self._key(target))
            piece_by_piece.copy(self._key(source), found, self._copy_size)
        else:
            with s3_failures("moving an object", source):
                self._client.copy_object(
                    Bucket=self._bucket,
                    Key=self._key(target),
                    CopySource={"Bucket": self._bucket, "Key": self._key(source)},
                )
        self.delete(source)

    def clean(self, age: timedelta = timedelta(days=7)) -> int:
        """Abort uploads that crashed processes began longer than `age` ago; their number."""
        aborted = 0
        before = datetime.now(UTC) - age
        with s3_failures("removing leftovers"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._base
            )
            for upload in (each for page in pages for each in page.get("Uploads", ())):
                if upload["Initiated"] < before:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
                    aborted += 1
        return aborted

    def close(self) -> None:
        """Let go of the connections; the driver is of no use afterwards."""
        self._client.close()

    def _key(self, path: str) -> str:
        key = self._base + checked(path)
        if len(key) > KEY_MAX:
            raise ValueError(f"not a path that S3 can hold below this prefix: {path!r}")
        return key

    def _head(self, path: str) -> HeadObjectOutputTypeDef:
        with s3_failures("looking at an object", path):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=self._key(path))
            except ClientError as error:
                # The answer to HEAD has no body to tell a missing bucket from a missing object.
                if code_of(error) in MISSING:
                    self._check_bucket()
                raise

    def _check_bucket(self) -> None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if code_of(error) in {*MISSING, "NoSuchBucket"}:
                raise StorageUnavailable("the bucket does not exist") from error

    def _listed(self, start: str) -> Iterator[str]:
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start
            )
        )
        while True:
            with s3_failures("listing objects"):
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):  # consoles make directories of such objects
                    yield found["Key"].removeprefix(self._base)

    def _read(self, path: str, offset: int, length: int | None) -> Generator[Buffer, None, None]:
        opened = self._open(path, offset, length)
        breaks = 0
        try:
            yield b""
            while offset < opened.end:
                chunk = opened.read(min(READ_SIZE, opened.end - offset))
                if chunk:
                    breaks = 0 if len(chunk) == READ_SIZE else breaks
                    offset += len(chunk)
                    yield chunk
                    continue
                breaks += 1
                if breaks > RESUMES_MAX:
                    raise StorageUnavailable("the object store keeps breaking off an object")
                opened.close()
                opened = self._open(path, offset, opened.end - offset, opened.etag)
        finally:
            opened.close()

    def _open(self, path: str, offset: int, length: int | None, etag: str = "") -> Opened:
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._key(path)}
        if length == 0:
            return self._open_nothing(path, offset)
        if offset or length is not None:
            last = "" if length is None else offset + length - 1
            request["Range"] = f"bytes={offset}-{last}"
        if etag:
            request["IfMatch"] = etag
        with s3_failures("opening an object", path):
            try:
                answer = self._client.get_object(**request)
            except ClientError as error:
                if code_of(error) in {"InvalidRange", "416"}:
                    return self._open_nothing(path, offset)
                raise
        return Opened.of(answer, offset, ranged="Range" in request)

    def _open_nothing(self, path: str, offset: int) -> Opened:
        """What a range that holds no byte gives: S3 refuses even one at the very end."""
        size = self.stat(path).size
        if offset > size:
            raise ValueError(f"offset {offset} is past the end of {path} at {size}")
        return Opened(None, offset, "")
