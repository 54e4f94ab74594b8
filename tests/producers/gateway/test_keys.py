"""The file of keys: what is refused in it, and what a key opens; and the buckets that bound how often."""

from pathlib import Path

import pytest

from producers.gateway.keys import Key, Keyring, KeysError, load, new_key
from producers.gateway.limits import Limiter
from producers.gateway.operations import OPERATIONS
from producers.gateway.settings import GatewaySettings


def saved(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_new_key_is_let_in_and_no_other(tmp_path: Path) -> None:
    presented, lines = new_key("alice", {"role": "operator", "underlyings": ("TAO", "BTC")})
    other, more = new_key("alpha-1", {"role": "participant", "participant": "alpha"})
    assert presented.partition(".")[2] not in lines
    keyring = Keyring(load(saved(tmp_path, f"{lines}\n{more}\n")))
    found = keyring.verify(presented)
    assert found is not None
    assert (found.name, found.author) == ("alice", ("operator", "alice"))
    assert found.key.underlyings == ("TAO", "BTC")
    participant = keyring.verify(other)
    assert participant is not None
    assert participant.author == ("participant", "alpha")
    wrong = [
        "",
        ".",
        "alice",
        "alice.",
        f"alice.{other.partition('.')[2]}",
        f"x.{presented}",
        presented + "x",
        presented.upper(),
    ]
    assert [keyring.verify(each) for each in [*wrong, "nobody.nobody's"]] == [None] * (len(wrong) + 1)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602, 0o610, 0o640, 0o440])
def test_a_file_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    _, lines = new_key("alice", {"role": "operator"})
    with pytest.raises(KeysError, match="chmod 600"):
        load(saved(tmp_path, lines, mode))
    assert load(saved(tmp_path, lines, 0o400)).keys() == {"alice"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ('role = "king"', "role: Input should be"),
        ('participant = "alpha"', "a participant's key names the participant, no other does"),
        ('operations = ["create"]', "operations: one is nothing that role operator may ask for"),
        ('hash = "swordfish"', "hash: String should match"),
        (f'hash = "scrypt-16384-8-1:{"A" * 22}==:{"A" * 43}="', "hash: String should match"),
        ("swordfish = 1", "alice.a field: Extra inputs are not permitted"),
        ('operations = ["swordfish"]', "operations: one is nothing that role"),
        ('underlyings = ["swordfish swordfish"]', "underlyings.0: "),
        (f'["alice.{"swordfish" * 5}"]', "key 2: an id is"),
        (f"[{'swordfish' * 5}]", "key 2: an id is"),
        ("[alice.swordfish]", "alice.a field: Extra inputs"),
        ("[-swordfish]", "key 2: an id is"),
        ("[swordfish]\n[swordfish]", r"no TOML, or a key twice \(at line 5, column \d+\)"),
        ("swordfish swordfish", r"no TOML, or a key twice \(at line 4, column \d+\)"),
        ("a = " + "[" * 5000, "no TOML"),
        ('underlyings = "TAO"', "underlyings: "),
        ("= 1", "no TOML"),
    ],
)
def test_a_wrong_line_is_named_without_its_value(tmp_path: Path, changed: str, reason: str) -> None:
    _, lines = new_key("alice", {"role": "operator"})
    name = changed.partition(" ")[0]
    kept = "\n".join(line for line in lines.splitlines() if not line.startswith(f"{name} "))
    with pytest.raises(KeysError, match=reason) as caught:
        load(saved(tmp_path, f"{kept}\n{changed}\n"))
    assert "swordfish" not in str(caught.value)
    assert "keys.toml" in str(caught.value)


def test_a_file_in_another_encoding_is_refused_in_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path, "")
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(KeysError, match=r"keys.toml: not UTF-8$"):
        load(path)


def test_a_file_that_is_not_there_and_an_id_with_a_dot(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="No such file"):
        load(tmp_path / "nothing")
    with pytest.raises(KeysError, match="letters, digits"):
        new_key("a.b", {"role": "reader"})


def test_a_fork_claim_needs_a_key_that_names_it() -> None:
    claim, create = OPERATIONS["participant", "claim-fork"], OPERATIONS["participant", "create"]
    _, lines = new_key("a", {"role": "participant", "participant": "alpha"})
    plain = Key.model_validate({"role": "participant", "participant": "alpha", "hash": lines.rpartition("= ")[2][1:-1]})
    assert (plain.opens(create), plain.opens(claim)) == (True, False)
    named = plain.model_copy(update={"operations": ("claim-fork",)})
    assert (named.opens(create), named.opens(claim)) == (False, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104 - it is refused
def test_another_host_than_loopback_has_to_be_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="not loopback"):
        GatewaySettings.model_validate({"host": host})
    assert str(GatewaySettings.model_validate({"host": host, "allow_remote": True}).host) == host
    for own in ("127.0.0.1", "127.8.8.8", "::1"):
        assert str(GatewaySettings.model_validate({"host": own}).host) == own
    assert GatewaySettings().host.is_loopback


def test_a_rate_that_would_never_let_in_again_is_refused() -> None:
    with pytest.raises(ValueError, match="rate_per_s"):
        GatewaySettings(rate_per_s=1e-300)


def test_a_bucket_refills_with_time_and_never_beyond_its_size() -> None:
    now = [0.0]
    limiter = Limiter(2.0, 3, clock=lambda: now[0])
    assert [limiter.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert limiter.take("b") == 0
    now[0] = 0.25
    assert limiter.take("a") == 0.25
    now[0] = 0.5
    assert [limiter.take("a"), limiter.take("a")] == [0, 0.5]
    now[0] = 1_000
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_the_table_of_buckets_is_bounded() -> None:
    limiter = Limiter(1.0, 1, most=100, clock=lambda: 0.0)
    for number in range(1_000):
        limiter.take(str(number))
    assert len(limiter._buckets) == 100
    assert limiter.take("999") > 0
