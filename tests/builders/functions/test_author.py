"""Stage 2 with unlucky replies: refused, cut off, or in need of each other's names."""

import pytest

import prompts
from builders.execution import Limits, Sandbox
from builders.functions import reading
from builders.functions.stage import Functions
from builders.inference import Client, RequestCache, connect
from builders.options import FunctionsOptions
from builders.stage import Drop
from tests.doubles.chat_server import ChatServer

FILE = """
LETTERS = "abcdef"

def shift(text, by):
    return "".join(LETTERS[(LETTERS.index(letter) + by) % len(LETTERS)] for letter in text)

print(shift(input(), 3))
"""
FUNCTION = """```python
WIDTH = 4

def main_solution(text, by):
    return {"shifted": shift(text, by)[:WIDTH]}
```"""
GENERATOR = """```python
import random

def input_generator():
    return {"text": "".join(random.choices(LETTERS, k=WIDTH)), "by": random.randint(1, 5)}
```"""
DESCRIPTION = """### Query
A cipher moves every letter of `text` on by the same number of places; what does it become?

### Input
- `text` (string): letters from a to f.
- `by` (integer): the places, from 1 to 5.

### Output
- (string): the letters moved on.
"""


class Model(ChatServer):
    """A server with one reply for each kind of request; `finish` is how it ends, by kind and temperature."""

    def __init__(self):
        super().__init__()
        self.reply = self.reply_to
        self.finish = {}
        self.reply_by_kind = {"unify": FUNCTION, "generate": GENERATOR, "describe": DESCRIPTION}

    def reply_to(self, body):
        kind = self.kind_of(body)
        return self.reply_by_kind[kind], self.finish.get((kind, body["temperature"]), "stop")

    def kind_of(self, body):
        system = body["messages"][0]["content"]
        return next(kind for kind in self.reply_by_kind if system == prompts.load(kind).render())

    def kinds(self):
        return [self.kind_of(body) for body in self.bodies]


@pytest.fixture
def model():
    with Model() as model:
        yield model


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(cpu_s=2, wall_s=10)) as sandbox:
        yield sandbox


@pytest.fixture
def make_row(model, sandbox, tmp_path):
    client = Client(connect(model.address), RequestCache(tmp_path / "requests.sqlite"))
    stage = Functions(FunctionsOptions(), client, sandbox)
    row = {"code_id": "c", "content": FILE, "path": "cipher.py", "license": None}
    return lambda: next(iter(stage.rows([row])))


def test_a_later_generator_may_use_what_the_function_defines(make_row, model):
    row = make_row()
    assert not isinstance(row, Drop), row
    assert model.kinds() == ["unify", "generate", "describe"]
    assert "WIDTH = 4" in row["input_generator"]  # from the first reply
    assert 'LETTERS = "abcdef"' in row["input_generator"]  # from the file, as part of the function


@pytest.mark.parametrize("n_cut_off", [1, 2])
def test_a_description_that_was_cut_off_is_asked_for_once_more(make_row, model, n_cut_off):
    for temperature in (0.0, 0.7)[:n_cut_off]:
        model.finish["describe", temperature] = "length"
    row = make_row()
    assert model.kinds().count("describe") == 2
    assert isinstance(row, Drop) == (n_cut_off == 2)
    if isinstance(row, Drop):
        assert (row.reason, row.content) == ("truncated", DESCRIPTION)


def test_where_the_first_request_is_refused_the_file_s_own_function_is_used(make_row, sandbox, model):
    (halves,) = reading.read_files(sandbox, [FILE])
    asked = prompts.load("unify_file").render(definitions=halves["definitions"], rest=halves["rest"])
    model.faults[asked] = ["too_long"]
    model.reply_by_kind["generate"] = GENERATOR.replace("WIDTH", "4")
    row = make_row()
    assert not isinstance(row, Drop), row
    assert model.kinds() == ["unify", "generate", "describe"]
    assert "return shift(text, by)" in row["reference_code"]
