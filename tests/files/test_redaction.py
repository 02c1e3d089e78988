"""Secrets are redacted everywhere, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.files.redaction import SHORTEST, WITHHELD, without_secrets

SECRET = "s3cr3t-V4lue"
WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "authorization")
PREFIXES = ("", "logger.", "WANDB_", "+auth.", "client-", "a.b_")

words = st.sampled_from(PREFIXES).flatmap(lambda prefix: st.sampled_from(WORDS).map(lambda word: prefix + word))
keys = words | words.map(str.upper) | words.map(str.title)
secrets = st.from_regex(r"[a-zA-Z0-9_+-]{4,12}", fullmatch=True).map(lambda text: f"Zq{text}")
harmless = st.text("abcdefghijklmnopqrs ./_-", max_size=12).map(lambda text: f"{text}x")
carriers = st.sampled_from(
    [
        "{key}={secret}",
        "{key}: {secret}",
        "{key} = '{secret} and more'",
        "logger.wandb.tags=['{key}={secret}']",
        "logger.wandb.tags=[x,{key}={secret},y]",
        '{{"{key}": "{secret}"}}',
        "run --{key} {secret} now",
        "postgresql://user:{secret}@host/db",
        "see https://{secret}@host/path for more",
        "https://host/path?x=1&{key}={secret}&y=2",
        "Authorization: Bearer {secret}",
        "'Bearer {secret}'",
    ]
)


parts = st.sampled_from(
    ["token", "secret", "=", ": ", "'", '"', "\\\\", "[", "]", "{", "(", ")", " ", "@", "://", "/", "--", WITHHELD]
)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(harmless, inner, max_size=3) | st.tuples(inner),
        max_leaves=6,
    )


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_secret_is_left_at_any_depth(data: st.DataObject) -> None:
    secret = data.draw(secrets)
    text = st.builds(lambda carrier, key: carrier.format(key=key, secret=secret), carriers, keys)
    kept = st.dictionaries(keys, st.sampled_from([secret, [secret], {"a": secret}]), min_size=1, max_size=2)
    value = data.draw(nested(text | kept | harmless | st.integers() | st.none()))
    redacted = without_secrets(value)
    assert secret not in repr(redacted)
    assert without_secrets(redacted) == redacted
    assert type(redacted) is type(value)


@given(value=nested(harmless | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()))
@settings(max_examples=60, deadline=None)
def test_what_is_harmless_stays(value: Any) -> None:
    assert without_secrets(value) == value


@given(text=st.text() | st.text("tokensecr=:'\"\\\\[]{}() @/,;-&\n") | st.lists(parts).map("".join))
@settings(max_examples=250, deadline=None)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    for given_text in (text, f"token={text}", f"'api_key: {text}'", f"a://{text}@b"):
        assert without_secrets(without_secrets(given_text)) == without_secrets(given_text)


@pytest.mark.parametrize(
    "text",
    [
        "tokenizer=wordpiece",
        "max_tokens=5",
        "method.tokens=[1,2]",
        "secretary bird",
        "a token of thanks",
        "commit=" + "0af" * 13 + "1",
        "https://host:8080/a@b",
        "git@example.org:x/y",
        "logger.token=null",
        "password=''",
        "paths.output=runs/secrets/1",
        "tokenize: yes",
    ],
)
def test_words_that_only_look_alike_stay(text: str) -> None:
    assert without_secrets(text) == text
    assert without_secrets([{"a": text}]) == [{"a": text}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("logger.wandb.tags=['token=abc']", "logger.wandb.tags=['token=(withheld)']"),
        ("logger.wandb.tags=['token=abc def',x]", "logger.wandb.tags=['token=(withheld)',x]"),
        ("password=correct horse", "password=(withheld)"),
        ("x.api_key=abc: no such key; leave it out", "x.api_key=(withheld): no such key; leave it out"),
        ("pg://u:p/w@x@host/db", "pg://(withheld)@host/db"),
        ("authToken=abc", "authToken=(withheld)"),
        (r"\"token\": \"a b\", x", r"\"token\": \"(withheld)\", x"),
        ('{"api_key": "a\\"b", "n": 1}', '{"api_key": "(withheld)", "n": 1}'),
        ("WANDB_API_KEY=" + "a1" * 20, "WANDB_API_KEY=(withheld)"),
        ("secret=[a,b] c", "secret=(withheld)"),
        ("x secret=[a,b] c", "x secret=(withheld) c"),
    ],
)
def test_only_the_secret_is_withheld(text: str, expected: str) -> None:
    assert without_secrets(text) == expected


def test_values_of_secret_variables_are_withheld_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "5ec2e7" * 7)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("SHORT_TOKEN", "true"[:SHORTEST])
    monkeypatch.setenv("ODD_TOKEN", "withheld")
    monkeypatch.setenv("PLAIN", "harmless value")
    given_value = {"tags": ["5ec2e7" * 7, f"a{SECRET}b", "true", "harmless value"], f"k {SECRET}": 1}
    found = {"tags": [WITHHELD, f"a{WITHHELD}b", "true", "harmless value"], f"k {WITHHELD}": 1}
    assert without_secrets(given_value) == found
    assert without_secrets(found) == found
    assert "5ec2e7" not in json.dumps(without_secrets(given_value))


def test_empty_values_hold_no_secret() -> None:
    value = {"token": None, "password": "", "api_key": False, "secret": []}
    assert without_secrets(value) == value
    assert without_secrets({"password": 1234}) == {"password": WITHHELD}
