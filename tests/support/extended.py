"""botocore's model of the service with openrek's extensions, learnt as a user's SDK learns them: from a folder."""

import tempfile
from pathlib import Path

import botocore.session
from botocore.model import ServiceModel

from openrek.wire.extensions import EXTRAS_FILE, sdk_extras


def _service() -> ServiceModel:
    with tempfile.TemporaryDirectory() as folder:
        extras = Path(folder) / EXTRAS_FILE
        extras.parent.mkdir(parents=True)
        extras.write_text(sdk_extras(), "utf-8")
        session = botocore.session.get_session()
        session.get_component("data_loader").search_paths.insert(0, folder)
        return session.get_service_model("rekognition")


SERVICE = _service()
