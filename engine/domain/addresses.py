"""Whether a chain address is one: the EIP-55 checksum of an EVM address, the SS58 checksum of a Substrate address.

Keccak-256 is not SHA3-256 (the padding differs), so the standard library has none; the permutation is written out
here from FIPS 202, since the core imports nothing but the standard library and pydantic.
"""

from hashlib import blake2b

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MASK = (1 << 64) - 1
_RATE = 136
_EVM_DIGITS = 40
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def is_address(address: str) -> bool:
    """Whether it is an EVM or an SS58 address with a right checksum."""
    return is_evm(address) if address.startswith("0x") else is_ss58(address)


def is_evm(address: str) -> bool:
    """Forty hexadecimal digits after 0x, in the case EIP-55 gives them; all lower case carries no checksum: refused."""
    digits = address[2:]
    if not address.startswith("0x") or len(digits) != _EVM_DIGITS or not _HEXADECIMAL.issuperset(digits):
        return False
    digest = keccak_256(digits.lower().encode()).hex()
    right = "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit for digit, nibble in zip(digits.lower(), digest, strict=False)
    )
    return digits == right


def is_ss58(address: str) -> bool:
    """Base 58 of a network prefix, a 32-byte account and two bytes of checksum (SS58 registry; TAO uses 42)."""
    number = 0
    for digit in address:
        place = _ALPHABET.find(digit)
        if place < 0:
            return False
        number = number * 58 + place
    leading = len(address) - len(address.lstrip("1"))
    body = b"\0" * leading + number.to_bytes((number.bit_length() + 7) // 8)
    if not body:
        return False
    prefix = 2 if body[0] & 0x40 else 1
    if len(body) != prefix + 32 + 2:
        return False
    checksum = blake2b(b"SS58PRE" + body[:-2], digest_size=64).digest()
    return body[-2:] == checksum[:2]


def keccak_256(data: bytes) -> bytes:
    """The Keccak-256 digest, as Ethereum uses it."""
    padded = bytearray(data + b"\x01" + b"\0" * (-(len(data) + 1) % _RATE))
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for block in range(0, len(padded), _RATE):
        for place in range(_RATE // 8):
            word = int.from_bytes(padded[block + 8 * place : block + 8 * place + 8], "little")
            lanes[place % 5][place // 5] ^= word
        lanes = _permute(lanes)
    return b"".join(lanes[place % 5][place // 5].to_bytes(8, "little") for place in range(4))


def _permute(lanes: list[list[int]]) -> list[list[int]]:
    """Keccak-f[1600]: FIPS 202, section 3.3."""
    feedback = 1
    for _ in range(24):
        parity = [x[0] ^ x[1] ^ x[2] ^ x[3] ^ x[4] for x in lanes]
        mixed = [parity[(x + 4) % 5] ^ _turn(parity[(x + 1) % 5], 1) for x in range(5)]
        lanes = [[lanes[x][y] ^ mixed[x] for y in range(5)] for x in range(5)]
        x, y, current = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], _turn(current, (step + 1) * (step + 2) // 2)
        for y in range(5):
            row = [lanes[x][y] for x in range(5)]
            for x in range(5):
                lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _MASK)
        for bit in range(7):
            feedback = ((feedback << 1) ^ ((feedback >> 7) * 0x71)) % 256
            if feedback & 2:
                lanes[0][0] ^= 1 << ((1 << bit) - 1)
    return lanes


def _turn(word: int, places: int) -> int:
    places %= 64
    return ((word << places) | (word >> (64 - places))) & _MASK
