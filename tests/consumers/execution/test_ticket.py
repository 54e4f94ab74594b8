"""What is sent: never beyond the order, its limit, or what the venue takes. Keys: from files nobody else can read."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consumers.execution.keys import KeysError, read_keys
from consumers.execution.ticket import Rules, client_id, write_ticket
from engine.domain.numbers import exact
from engine.domain.outputs import OrderSent
from tests.consumers.test_paper import order
from tests.desk import d

RULES = Rules(base="TAO", quote="USDT", unit=d("0.1"), step=d("1"), tick=d("0.5"), least=d(2), least_notional=d(50))


def test_price_and_quantity_are_rounded_to_the_safe_side_and_counted_in_contracts() -> None:
    bought, problem = write_ticket("levtao", order(1, "2.57", limit_price=d("400.7")), RULES, resting=False)
    assert (bought.contracts, bought.price, problem) == (d(25), d("400.5"), None)
    sold, problem = write_ticket("levtao", order(1, "2.57", "sell", limit_price=d("400.7")), RULES, resting=False)
    assert (sold.contracts, sold.price, problem) == (d(25), d(401), None)


@pytest.mark.parametrize(
    ("quantity", "limit", "problem"),
    [
        ("0.19", "400", "quantity 0.19 is below the venue's minimum 0.2"),
        ("0.01", "400", "quantity 0.01 is below the venue's minimum 0.2"),
        ("0.2", "249", "notional 49.8 is below the venue's minimum 50"),
        ("2", "0.4", "the limit 0.4 is below the venue's tick 0.5"),
    ],
)
def test_what_is_too_small_is_said_so(quantity: str, limit: str, problem: str) -> None:
    assert write_ticket("levtao", order(1, quantity, limit_price=d(limit)), RULES, resting=False)[1] == problem


def test_no_more_is_sent_than_the_venue_takes_at_once() -> None:
    rules = Rules(base="TAO", quote="USDT", unit=d(1), step=d("0.001"), tick=d("0.1"), most=d(7))
    ticket, problem = write_ticket("levtao", order(1, "10"), rules, resting=True)
    assert (ticket.contracts, problem) == (d(7), None)


amounts = st.decimals("0.000000000001", "1000000", places=18, allow_nan=False)


@given(
    amounts, amounts, amounts, amounts, st.sampled_from(["0.01", "1", "10", "1000"]), st.sampled_from(["buy", "sell"])
)
def test_nothing_is_sent_beyond_the_order_or_its_limit(
    quantity: object, limit: object, step: object, tick: object, unit: str, side: str
) -> None:
    rules = Rules(base="TAO", quote="USDT", unit=d(unit), step=d(step), tick=d(tick))
    given_order = order(1, str(quantity), side, limit_price=d(limit))
    ticket, _ = write_ticket("levtao", given_order, rules, resting=False)
    assume(ticket.contracts)
    with exact():
        assert ticket.contracts * rules.unit <= given_order.quantity < (ticket.contracts + rules.step) * rules.unit
        assert not ticket.contracts % rules.step
        assert not ticket.price % rules.tick
        better = (ticket.price - given_order.limit_price) * (1 if side == "sell" else -1)
        assert 0 <= better < rules.tick


def test_a_client_order_id_is_the_same_always_and_fits_every_venue() -> None:
    def named(app: str, given_order: OrderSent) -> str:
        return client_id(app, given_order)

    assert named("levtao", order(1)) == named("levtao", order(1, "7")) == "ltb25a7a6e0ac2b525299b9410cf4521"
    different = {named("levtao", order(1)), named("other", order(1)), named("levtao", order(2)),
                 named("levtao", order(1, expires=5))}  # fmt: skip
    assert len(different) == 4
    assert all(re.fullmatch("[a-z0-9]{32}", name) for name in different)


def written(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_text(content)
        path.chmod(0o600)
    return folder


def test_keys_are_read_and_never_shown(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, okx_key="abc\n", okx_secret="sesame", okx_password="open"), "okx")
    assert (keys.key, keys.secret, keys.password) == ("abc", "sesame", "open")
    assert not any(word in f"{keys!r} {keys}" for word in ("abc", "sesame", "open"))
    assert read_keys(written(tmp_path, binance_key="k", binance_secret="s"), "binance").password is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_keys_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    (written(tmp_path, okx_key="abc", okx_secret="sesame") / "okx.secret").chmod(mode)
    with pytest.raises(KeysError, match=r"okx.secret: others can read it \(mode 06\d\d\); chmod 600"):
        read_keys(tmp_path, "okx")


def test_keys_that_are_missing_or_are_none_are_refused_without_showing_them(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"okx.key: No such file or directory"):
        read_keys(tmp_path, "okx")
    for content in ("", "two words", "naïve"):
        with pytest.raises(KeysError) as refused:
            read_keys(written(tmp_path, okx_key=content, okx_secret="sesame"), "okx")
        assert not content or content not in str(refused.value)
