"""cdk-nag is on: what it objects to is not synthesised. That everything else passes, the other tests show."""

from pathlib import Path

import pytest

from tests.infra.templates import Deployment, application, cdk, stub_packages


def test_an_open_bucket_is_refused(tmp_path: Path) -> None:
    from aws_cdk import aws_s3 as s3

    app = cdk.App(outdir=str(tmp_path / "cdk.out"), analytics_reporting=False)
    data, _ = application(Deployment(), app, stub_packages(tmp_path / "packages"))
    s3.Bucket(data, "Open")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
