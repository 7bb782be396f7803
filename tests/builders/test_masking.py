import json

import pytest

from builders.masking import WINDOW_CHARS, PrivateKeyFound, masked

R = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY5zA7bC9"
CODE = """\
password = get_password()
token = None
secret = self.secrets[index]
password = input("Enter: ")
if password == stored: raise ValueError("wrong password")
digits, secret_alphabet = "0123456789", "abcdefghij"
api_key = "{api_key}"
y = A@b.T + x
hf_hub_download, npm_install, AIzawa, ghp_ = 1, 2, 3, 4
"""


@pytest.mark.parametrize(
    "token",
    [
        *(f"gh{kind}_{R[:36]}" for kind in "opsur"),
        f"github_pat_{R[:22]}_{R}",
        *(f"{kind}-{R[:20]}" for kind in ("glpat", "gldt", "glft", "glsoat", "glrt", "glcbt", "glcbt-1f_")),
        f"npm_{R[:36]}",
        f"AIzaSy{R[:33]}",
        f"hf_{R[:34]}",
        f"sk-ant-api03-{R}_{R}",
        f"sk-proj-{R[:20]}T3BlbkFJ{R[:20]}",
        f"sk-proj-{R}-_T3BlbkFJ{R}-_{R}",
        f"xoxb-123456789012-123456789012-{R[:24]}",
        f"sk_live_{R[:24]}",
        f"SG.{R[:22]}.{(R + R)[:43]}",
        f"pypi-AgEIcHlwaS5vcmc{R * 3}",
        "AKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLE:xyzzy",
    ],
)
def test_nothing_of_a_token_stays(token):
    name = "password" if ":" in token else "x"
    assert masked(f'{name} = "{token}"\n') == f'{name} = "<SECRET>"\n'


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ('password = "hunter2abc"', 'password = "<SECRET>"'),
        ('f(password="hunter2abc", api_key="zxcvbn123")', 'f(password="<SECRET>", api_key="<SECRET>")'),
        ('login(user_id="bob", password="hunter2abc")', 'login(user_id="bob", password="<SECRET>")'),
        ('api_key = "550e8400-e29b-41d4-a716-446655440000"', 'api_key = "<SECRET>"'),
        ("url = 'http://bob:pa55word@host/x'", "url = 'http://bob:<SECRET>@host/x'"),
        (f"//registry.npmjs.org/:_authToken=npm_{R[:36]}", "//registry.npmjs.org/:_authToken=<SECRET>"),
        ("mail jane.doe+x@mail.example.com now", "mail <EMAIL> now"),
    ],
)
def test_a_line_keeps_all_but_its_secrets(line, result):
    assert masked(line) == result
    assert masked(result) == result


@pytest.mark.parametrize("comment", ["  # pragma: allowlist secret", "  // pragma: whitelist secret"])
def test_no_comment_switches_masking_off(comment):
    assert "hunter2" not in masked(f'password = "hunter2abc"{comment}\n')
    assert "hunter2" not in masked('# pragma: allowlist nextline secret\npassword = "hunter2abc"\n')
    with pytest.raises(PrivateKeyFound):
        masked(f'key = "-----BEGIN RSA PRIVATE KEY-----"{comment}')


@pytest.mark.parametrize("kind", ["", "OPENSSH ", "ENCRYPTED ", "SSH2 ENCRYPTED "])
def test_a_private_key_is_refused(kind):
    with pytest.raises(PrivateKeyFound):
        masked(f"-----BEGIN {kind}PRIVATE KEY-----")
    assert masked("-----BEGIN PUBLIC KEY-----") == "-----BEGIN PUBLIC KEY-----"


def test_ordinary_code_stays_as_it_is():
    assert masked(CODE) == CODE


@pytest.mark.parametrize("text", ["a." * 50_000, "password" * 500, "http://a:" * 5_000, "eyJ" * 10_000])
def test_lines_made_to_be_slow_come_to_an_end(text):
    """Without windows, some of these lines take minutes or hours, because patterns see them whole."""
    assert masked(text) == text


@pytest.mark.parametrize("before", range(0, 3 * WINDOW_CHARS, 97))
def test_a_secret_is_found_wherever_it_stands_on_a_long_line(before):
    numbers = "1, " * WINDOW_CHARS
    line = f'{numbers[:before]} password = "hunter2abc", {numbers}'
    assert masked(line) == line.replace("hunter2abc", "<SECRET>")


def test_secrets_of_json_within_code():
    text = json.dumps({"password": "hunter2abc", "mail": "bob@corp.com"})
    assert masked(text) == '{"password": "<SECRET>", "mail": "<EMAIL>"}'
