"""What a client may send although nobody should."""

from tests.web.answers import CANARY

# A text in JSON, with what gives trouble before it and the canary after it.
_AFTER = CANARY + '"'

# No JSON, whatever field it is in.
NOT_JSON = {
    "a lone high surrogate": '"\\ud800' + _AFTER,
    "a lone low surrogate": '"\\udfff' + _AFTER,
    "surrogates the wrong way round": '"\\ude00\\ud83d' + _AFTER,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "an integer of 10,000 digits": "9" * 10_000,
    "an integer of 4,000 digits": "9" * 4_000,
    "a number beyond doubles": "1e400",
    "a number with a leading zero": "0123",
    "a hexadecimal number": "0x1F",
    "an array nested 1,100 deep": "[" * 1_100 + "]" * 1_100,
    "an object nested 1,100 deep": '{"a":' * 1_100 + "1" + "}" * 1_100,
    "an array that does not end": "[" * 1_100,
    "a key twice": f'{{"date": "2026-11-30", "date": "{CANARY}"}}',
    "a key twice, deep inside": f'[{{"a": {{"b": 1, "c": "{CANARY}", "b": 2}}}}]',
    "a key twice, written differently": f'{{"a": "{CANARY}", "\\u0061": 2}}',
    "a raw line break": '"a\nb' + _AFTER,
    "a raw NUL": '"a\x00b' + _AFTER,
    "an unknown escape": '"\\x41' + _AFTER,
    "single quotes": f"'{CANARY}'",
    "a comment": f'"a" /* {CANARY} */',
    "nothing": "",
    "True": "True",
}

# JSON that no field of Tickbox takes.
REFUSED = {
    "NUL in a text": '"a\\u0000' + _AFTER,
    "only NUL": '"\\u0000"',
    "2**63": str(2**63),
    "2**64": str(2**64),
    "-2**63 - 1": str(-(2**63) - 1),
    "an integer of 300 digits": "9" * 300,
    "a fraction": "1.5",
    # In another, since some fields take a list of texts.
    "an array": f'[["{CANARY}"]]',
    "an array nested 100 deep": "[" * 100 + "]" * 100,
    "an object of another kind": f'{{"x": "{CANARY}"}}',
    "an empty key": f'{{"": "{CANARY}"}}',
    "a key that is a method": f'{{"__class__": "{CANARY}", "__proto__": {{}}}}',
    "a text of 200,000 characters": '"' + "x" * 200_000 + _AFTER,
}

# JSON that some fields take, and others do not.
DOUBTFUL = {
    "null": "null",
    "a boolean": "true",
    "zero": "0",
    "minus zero": "-0",
    "2**31": str(2**31),
    "an integer as a fraction": "1.0",
    "an empty text": '""',
    "only spaces": '"   "',
    "only invisible characters": '"\\u200b\\u2060\\ufeff"',
    "an empty object": "{}",
    "an empty array": "[]",
    "noncharacters": '"\\uffff\\ufdd0' + _AFTER,
    "control characters": '"\\u0001\\u001b[31m\\r\\n' + _AFTER,
    "right to left": '"\\u202e\\u0627\\u0644\\u0639' + _AFTER,
    "an emoji of seven code points": '"👩‍👩‍👧‍👦' + _AFTER,
    "a hundred marks on a letter": '"e' + "\\u0301" * 100 + _AFTER,
    "full width": '"\\uff12\\uff10\\uff12\\uff16-11-30"',
    "SQL": f"\"'; DROP TABLE todos; -- {CANARY}\"",
    "placeholders": '"$1 %s %(id)s {0} {title} :id \\\\' + _AFTER,
    "markup": f'"<script>alert(1)</script>{CANARY}"',
    "the year 0": '"0000-01-01"',
    "the year 1": '"0001-01-01"',
    "the year 9999": '"9999-12-31"',
    "the year 10000": '"10000-01-01"',
    "the year minus 1": '"-0001-01-01"',
    "no such day": '"2026-02-30"',
    "the year 1, in UTC": '"0001-01-01T00:00:00Z"',
    "24 o'clock": '"2026-11-30T24:00:00"',
    "a leap second": '"2026-12-31T23:59:60"',
    "the first second": '{"datetime": "0001-01-01T00:00:00", "timezone": "Asia/Tokyo"}',
    "the last second": '{"datetime": "9999-12-31T23:59:59", "timezone": "America/Los_Angeles"}',
    "the first day": '{"date": "0001-01-01"}',
    "the last day": '{"date": "9999-12-31"}',
    "a time of a zone that is a path":
        f'{{"datetime": "2026-11-30T09:00:00", "timezone": "../../{CANARY}"}}',
    "a path": f'"../../../../etc/{CANARY}"',
    "a zone with a line break": '"Europe/Berlin\\n"',
    "nil as an id": '"00000000-0000-0000-0000-000000000000"',
    "all ones as an id": '"ffffffff-ffff-ffff-ffff-ffffffffffff"',
    "an id as a URN": '"urn:uuid:01936b7e-8f00-7000-8000-000000000000"',
    "an id in braces": '"{01936b7e-8f00-7000-8000-000000000000}"',
    "somebody else's id, perhaps": '"01936b7e-8f00-7000-8000-000000000000"',
    "an address of a literal": '"a@[IPv6:::1]"',
    "an address with a comment": '"a(b)@example.com"',
    "an address in Greek": '"χρήστης@παράδειγμα.ελ"',
    "an address of 300 characters": '"' + "a" * 280 + '@example.com"',
    "an address with a line break": '"a@example.com\\n"',
}  # fmt: skip
