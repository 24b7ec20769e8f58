from pathlib import Path

import pytest

from openrek.runtime.settings import Settings, SettingsError, cores, default_weights


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.of({}) == Settings(data=None, weights=default_weights(), workers=cores(), threads=1, queue=128)


def test_the_environment_is_read() -> None:
    environ = {
        "OPENREK_DATA": "/d",
        "OPENREK_WEIGHTS": "/w",
        "OPENREK_WORKERS": "3",
        "OPENREK_THREADS": "2",
        "OPENREK_QUEUE": "7",
    }
    assert Settings.of(environ) == Settings(data=Path("/d"), weights=Path("/w"), workers=3, threads=2, queue=7)


@pytest.mark.parametrize(("memory_mb", "threads"), [("512", 1), ("1769", 1), ("3538", 2), ("10240", 6)])
def test_on_lambda_one_inference_takes_the_share_of_cores(memory_mb: str, threads: int) -> None:
    assert Settings.of({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory_mb}).threads == threads


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1000000", "٣"])
def test_a_bad_number_is_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^OPENREK_QUEUE must be a whole number.*\.$"):
        Settings.of({"OPENREK_QUEUE": text})
