"""Settings: a file, the environment over it, the command line over both; one clear line for what is wrong."""

from pathlib import Path

import pytest

from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from levtao.settings import SettingsError, load
from tests.cli.program import levtao
from tests.desk import d

GOOD = """
partitions = 2
[underlyings.TAO]
partition = 1
min_venues = 3
tolerance = "0.02"
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
terms_version = 4
max_leverage = "none"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "levtao.toml"
    path.write_text(text)
    return path


def test_listings_become_commands_underlyings_first(tmp_path: Path) -> None:
    underlying, token = load(written(tmp_path, GOOD)).commands()
    assert isinstance(underlying, SetUnderlyingTerms)
    assert (underlying.partition, underlying.terms_version, underlying.terms.tolerance) == (1, 1, d("0.02"))
    assert isinstance(token, SetTokenTerms)
    assert (token.terms_version, token.terms.multiplier, token.terms.de_lever_at) == (4, d(3), None)


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, 'kafka = "file:1"\nredis = "redis://file/0"\n')
    monkeypatch.setenv("LEVTAO_KAFKA", "environment:2")
    settings = load(path)
    assert (settings.kafka, settings.redis) == ("environment:2", "redis://file/0")
    assert load(path, kafka="line:3").kafka == "line:3"


def test_what_is_wrong_is_named_by_where_it_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 'kafka = "nonsense"\n')
    with pytest.raises(SettingsError, match=r"levtao\.toml: kafka: "):
        load(path)
    monkeypatch.setenv("LEVTAO_KAFKA", "nonsense")
    with pytest.raises(SettingsError, match=r"^environment: LEVTAO_KAFKA: "):
        load(path)
    with pytest.raises(SettingsError, match=r"^--kafka: "):
        load(path, kafka="nonsense")


def test_a_replay_no_venue_of_the_settings_would_hear_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time,price\n1,5\n")
    config = written(tmp_path, GOOD.replace("min_venues = 3", 'venues = ["a", "b"]'))
    done = levtao("replay", tmp_path / "p.csv", "--config", config)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "levtao: venue file is not among those of TAO (a, b); --venue names one\n"


def test_without_a_file_there_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None).kafka == "127.0.0.1:9092"
    written(tmp_path, 'kafka = "found:1"\n')
    assert load(None).kafka == "found:1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("multiplier = 3", "multiplier = 3.5"), "tokens.TAO3L.multiplier: a decimal is written as text"),
        (("multiplier = 3", "multiplier = '0.5'"), "tokens.TAO3L.multiplier is above 1 or below 0"),
        (('max_leverage = "none"', "max_leverage = 2"), "max_leverage 2 is not above the multiplier's size 3"),
        (('max_leverage = "none"', "max_leverge = 5"), "tokens.TAO3L.max_leverge: Unexpected keyword argument"),
        (('underlying = "TAO"', 'underlying = "TOA"'), "tokens.TAO3L.underlying: TOA is not among the underlyings"),
        (("partition = 1", "partition = 2"), "underlyings.TAO.partition: 2 of 2 partitions"),
        (("partitions = 2", "partitons = 2"), "partitons: Extra inputs are not permitted"),
        (("partitions = 2", "partitions = 'x'"), "partitions: Input should be a valid integer"),
        (("partitions = 2", "kafka = 'nonsense'"), "kafka: String should match pattern"),
        (("min_venues = 3", "min_venues = 0"), "underlyings.TAO.min_venues is at least 1"),
        (("[underlyings.TAO]", "[underlyings.TAO"), "Expected ']'"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_key_and_reason(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(SettingsError) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    done = levtao("run", "--config", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"levtao: {refused.value}\n"


def test_a_wrong_variable_of_the_environment_is_named(tmp_path: Path) -> None:
    done = levtao("run", "--config", written(tmp_path, GOOD), LEVTAO_REDIS="http://nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("levtao: environment: LEVTAO_REDIS: redis: ")


def test_a_missing_file_is_named() -> None:
    done = levtao("run", "--config", "/nowhere/levtao.toml")
    assert (done.returncode, done.stderr) == (2, "levtao: /nowhere/levtao.toml: No such file or directory\n")


def test_an_unreachable_broker_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    done = levtao("topics", "apply", "--config", written(tmp_path, GOOD), "--kafka", "127.0.0.1:1")
    assert done.returncode == 3
    assert "levtao: reaching Kafka at 127.0.0.1:1: " in done.stderr


def test_an_underlying_nobody_knows_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time,price\n1,5\n")
    done = levtao("replay", tmp_path / "p.csv", "--underlying", "DOGE", "--config", written(tmp_path, GOOD))
    assert (done.returncode, done.stderr) == (
        2,
        "levtao: underlying DOGE is not in the settings (known: TAO)\n",
    )
