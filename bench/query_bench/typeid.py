"""Ids as the product writes them: UUIDv7 inside, TypeID text outside."""
import uuid

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def text(prefix, number):
    """`ver_01j…` of a UUID as a whole number."""
    return prefix + "_" + "".join(ALPHABET[(number >> (5 * (25 - place))) & 31] for place in range(26))


def uuid7(micros, serial):
    """A UUIDv7 of that time; `serial` (below 2^62) makes it the only one."""
    return (micros // 1000) << 80 | 0x7 << 76 | (micros % 1000) << 64 | 0b10 << 62 | serial


def hex_of(number):
    return str(uuid.UUID(int=number))
