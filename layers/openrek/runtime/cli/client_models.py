"""A boto3 session that knows openrek's own operations, without any file on disk."""

from typing import Any

import botocore.session
from botocore.loaders import Loader

from openrek.wire.extensions import extended


class ExtendedLoader(Loader):
    """botocore's loader of models, which adds openrek's operations to Rekognition's model."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = super().load_service_model(service_name, type_name, api_version)
        return extended(model) if (service_name, type_name) == ("rekognition", "service-2") else model


def extended_session() -> botocore.session.Session:
    """Return a botocore session with the extended model."""
    session = botocore.session.get_session()
    session.register_component("data_loader", ExtendedLoader())
    return session
