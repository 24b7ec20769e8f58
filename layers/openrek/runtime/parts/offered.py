"""Every operation that openrek offers. The census test compares the list with modules, handlers, events and tests."""

from openrek.operations.associate_faces import associate_faces
from openrek.operations.compare_faces import compare_faces
from openrek.operations.create_collection import create_collection
from openrek.operations.create_user import create_user
from openrek.operations.delete_collection import delete_collection
from openrek.operations.delete_faces import delete_faces
from openrek.operations.delete_user import delete_user
from openrek.operations.describe_collection import describe_collection
from openrek.operations.detect_faces import detect_faces
from openrek.operations.detect_labels import detect_labels
from openrek.operations.disassociate_faces import disassociate_faces
from openrek.operations.erase_person import erase_person
from openrek.operations.index_faces import index_faces
from openrek.operations.list_collections import list_collections
from openrek.operations.list_faces import list_faces
from openrek.operations.list_tags_for_resource import list_tags_for_resource
from openrek.operations.list_users import list_users
from openrek.operations.search_all_faces_by_image import search_all_faces_by_image
from openrek.operations.search_faces import search_faces
from openrek.operations.search_faces_by_image import search_faces_by_image
from openrek.operations.search_users import search_users
from openrek.operations.search_users_by_image import search_users_by_image
from openrek.operations.tag_resource import tag_resource
from openrek.operations.untag_resource import untag_resource
from openrek.runtime.parts.adapters import OperationFunction
from openrek.runtime.parts.names import api_name

OFFERED: dict[str, OperationFunction] = {
    api_name(operation): operation
    for operation in (
        associate_faces,
        compare_faces,
        create_collection,
        create_user,
        delete_collection,
        delete_faces,
        delete_user,
        describe_collection,
        detect_faces,
        detect_labels,
        disassociate_faces,
        erase_person,
        index_faces,
        list_collections,
        list_faces,
        list_tags_for_resource,
        list_users,
        search_all_faces_by_image,
        search_faces,
        search_faces_by_image,
        search_users,
        search_users_by_image,
        tag_resource,
        untag_resource,
    )
}
