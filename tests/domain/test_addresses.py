"""Section 5: a contract address is checked for what its format promises."""

import pytest

from engine.domain.addresses import is_address, is_evm, is_ss58, keccak_256
from engine.domain.terms import TokenTerms
from tests.desk import d
from tests.domain.primary_scenes import EVM, SS58

EIP55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
]
"""The vectors of EIP-55 itself."""
SUBSTRATE = [
    "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",  # Alice, any Substrate chain
    "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",  # Bob
    "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5",  # Alice on Polkadot
    "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F",  # Alice on Kusama
]


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"),
    ],
)
def test_keccak_is_that_of_ethereum(data: bytes, digest: str) -> None:
    assert keccak_256(data).hex() == digest


def test_keccak_absorbs_more_than_one_block_and_exactly_one() -> None:
    digests = {keccak_256(b"a" * length) for length in (134, 135, 136, 137, 272, 273)}
    assert len(digests) == 6
    assert {len(digest) for digest in digests} == {32}


@pytest.mark.parametrize("address", EIP55)
def test_the_vectors_of_eip_55_are_addresses(address: str) -> None:
    assert is_evm(address)
    assert is_address(address)
    assert not is_ss58(address)


@pytest.mark.parametrize("address", EIP55[:4])
def test_another_case_of_one_letter_is_no_address(address: str) -> None:
    place = next(place for place, letter in enumerate(address) if place > 1 and letter.isalpha())
    assert not is_address(address[:place] + address[place].swapcase() + address[place + 1 :])


@pytest.mark.parametrize("address", EIP55[:4])
def test_an_address_without_its_checksum_is_refused(address: str) -> None:
    assert not is_address(address.lower())
    assert not is_address("0x" + address[2:].upper())


@pytest.mark.parametrize(
    "address", [EVM[:-1], EVM + "0", EVM[2:], "0X" + EVM[2:], "0x", "", "0x" + "g" * 40, EVM[:-2] + "_1"]
)
def test_what_is_not_forty_digits_after_0x_is_no_evm_address(address: str) -> None:
    assert not is_evm(address)
    assert not is_address(address)


@pytest.mark.parametrize("address", SUBSTRATE)
def test_substrate_addresses_of_several_networks_are_addresses(address: str) -> None:
    assert is_ss58(address)
    assert is_address(address)
    assert not is_evm(address)


@pytest.mark.parametrize("address", SUBSTRATE)
@pytest.mark.parametrize("place", [0, 1, 7, 24, -1])
def test_one_wrong_letter_is_no_substrate_address(address: str, place: int) -> None:
    letters = list(address)
    letters[place] = "z" if letters[place] != "z" else "y"
    assert not is_address("".join(letters))


@pytest.mark.parametrize("address", [SS58[:-1], SS58 + "1", "1" + SS58, SS58[1:], "0OIl" + SS58[4:], "1", "111"])
def test_another_length_or_alphabet_is_no_substrate_address(address: str) -> None:
    assert not is_address(address)


@pytest.mark.parametrize("address", [EVM, SS58])
def test_a_token_is_registered_with_a_right_address(address: str) -> None:
    assert TokenTerms(multiplier=d(3), contract_address=address).contract_address == address


@pytest.mark.parametrize("address", [EVM.lower(), SS58[:-1] + "Z", "TAO3L"])
def test_a_token_is_not_registered_with_a_wrong_one(address: str) -> None:
    with pytest.raises(ValueError, match="checksum"):
        TokenTerms(multiplier=d(3), contract_address=address)
