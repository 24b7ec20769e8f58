"""ImageIds: the same bytes have the same one, in every process and for ever.

The expected ids are worked out from RFC 9562 here, by a process other than the server's.
"""

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

from openrek.domain.faces import Picture

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

NAMESPACE = bytes.fromhex("6f0c2b0e3f5d5a7e9d530a8f5d0f6c11")


def name_based(image: bytes) -> UUID:
    """Return the UUID of RFC 9562, 5.5: SHA-1 of namespace and name, with version 5 and the variant set."""
    digest = bytearray(hashlib.sha1(NAMESPACE + hashlib.sha256(image).hexdigest().encode()).digest()[:16])  # noqa: S324
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def test_an_image_id_is_a_name_based_uuid_of_the_bytes(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    for name in ("obama.jpg", "biden.jpg"):
        for external_image_id in ("one", "two"):
            response = rekognition.index_faces(
                CollectionId=collection, Image={"Bytes": photos[name]}, ExternalImageId=external_image_id
            )
            image_id = UUID(response["FaceRecords"][0]["Face"]["ImageId"])
            assert (image_id.version, image_id) == (5, name_based(photos[name]))


def test_ids_that_are_stored_somewhere_stay_good() -> None:
    expected = UUID("cdd7225c-f242-5c77-bc74-ca400d674bce")
    assert Picture(hashlib.sha256(b"a photo").digest(), None).image_id == expected == name_based(b"a photo")
