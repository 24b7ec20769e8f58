"""Every operation that openrek offers. The census test compares this with modules, handlers, events and tests."""

from openrek.operations.compare_faces import compare_faces
from openrek.operations.create_collection import create_collection
from openrek.operations.delete_collection import delete_collection
from openrek.operations.delete_faces import delete_faces
from openrek.operations.describe_collection import describe_collection
from openrek.operations.detect_faces import detect_faces
from openrek.operations.index_faces import index_faces
from openrek.operations.list_collections import list_collections
from openrek.operations.list_faces import list_faces
from openrek.operations.search_faces import search_faces
from openrek.operations.search_faces_by_image import search_faces_by_image
from openrek.runtime.adapters import Operation
from openrek.runtime.names import api_name

OFFERED: dict[str, Operation] = {
    api_name(operation): operation
    for operation in (
        compare_faces,
        create_collection,
        delete_collection,
        delete_faces,
        describe_collection,
        detect_faces,
        index_faces,
        list_collections,
        list_faces,
        search_faces,
        search_faces_by_image,
    )
}
