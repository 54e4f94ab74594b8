"""The demo a new user sees, in fast motion: it runs to its end, says what happened, and its log is verified."""

from tests.cli.program import levtao


def test_the_demo_shows_the_day_and_ends_with_a_verified_log() -> None:
    done = levtao("demo", "--speed", 12)
    assert done.returncode == 0, done.stderr
    assert "TAO3L reached" in done.stdout
    assert "BTC fix" in done.stdout
    assert "The day is over" in done.stdout
    assert done.stdout.count("imply every output there is, byte for byte") == 2
    assert done.stdout.count("Redis equal at input") == 2
