"""How a body is forged that has another's CRC32: the checksum is linear, so enough free bits make any sum."""

import zlib

FREE = 96
"""Characters that are free to be `0` or `1`: some more than the 32 bits that have to come out right."""


def with_checksum_of(genuine: bytes, forged: str, place: str) -> bytes:
    """The text `forged`, whose `place` becomes a filling such that its CRC32 is that of `genuine`."""
    before, after = (part.encode() for part in forged.split(place))

    def sum_of(bits: list[int]) -> int:
        return zlib.crc32(before + bytes(ord("0") + bit for bit in bits) + after)

    zero = [0] * FREE
    base = sum_of(zero)
    effects = [base ^ sum_of([*zero[:i], 1, *zero[i + 1 :]]) for i in range(FREE)]
    chosen = _solved(effects, base ^ zlib.crc32(genuine))
    return before + bytes(ord("0") + (i in chosen) for i in range(FREE)) + after


def _solved(effects: list[int], wanted: int) -> set[int]:
    """Which of the effects together, by exclusive or, give `wanted`."""
    rows: dict[int, tuple[int, set[int]]] = {}
    for number, effect in enumerate(effects):
        value, parts = effect, {number}
        while value and (top := value.bit_length()) in rows:
            value, parts = value ^ rows[top][0], parts ^ rows[top][1]
        if value:
            rows[value.bit_length()] = value, parts
    chosen: set[int] = set()
    while wanted:
        value, parts = rows[wanted.bit_length()]
        wanted, chosen = wanted ^ value, chosen ^ parts
    return chosen
