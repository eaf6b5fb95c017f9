"""What a person sees who makes pictures in a terminal."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

import pytest
from tests.cli.conftest import Plug, Run
from tests.cli.terminal import SIXEL, Terminal, in_terminal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a terminal of another kind")

STEPS = """
from routercore.provider import (
    Fault, Generated, ModelCard, NoAuth, RawImage, accepted, classify_status, fail, hookimpl,
    partial, progress,
)

HEAD = b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'>"
SVG = RawImage(data=HEAD + b"</svg>")
BIG = RawImage(data=HEAD + b" " * 2_000_000 + b"</svg>")
calls = []

def once():
    calls.append(1)
    if len(calls) > 1:
        raise fail(Fault.QUOTA, "the ink is gone")
    yield from ()

STEPS = {
    "big": lambda: (),
    "once": once,
    "accepts": lambda: accepted({"job": "1"}),
    "halves": lambda: progress(0.5, "inking"),
    "counts": lambda: progress(0.25),
    "drafts": lambda: partial(0, SVG),
}

class Steps:
    name, api_version, auth, origins = "steps", 1, NoAuth(), ("http://steps.invalid",)
    classify = staticmethod(classify_status)

    def catalogue(self):
        return [ModelCard(id=name, formats=("svg",)) for name in STEPS]

    def generate(self, task):
        yield from STEPS[task.model]()
        return Generated(images=(BIG if task.model == "big" else SVG,))

@hookimpl
def routercore_providers():
    return [Steps()]
"""
"""A provider whose models report one thing each before they deliver."""
HALF_BLOCK = "▀"
SIXEL_BEGINS = "\x1bP"


@pytest.fixture
def terminal(folder: Path) -> Terminal:
    return partial(in_terminal, folder)


@pytest.fixture
def steps(folder: Path, plug: Plug) -> None:
    plug("steps", STEPS)
    with (folder / "routercore.toml").open("a") as config:
        config.write("\n[providers.steps]\n")


def test_the_line_tells_what_is_tried_and_what_failed(terminal: Terminal) -> None:
    """A failed target stays to be read with its fault; the line goes on with the next one."""
    seen = terminal("generate", "fox", "-m", "poster", "--size", "64x64")
    assert 0 == seen.code
    failed = next(n for n, line in enumerate(seen.lines) if line.startswith("✗ primary:test/test"))
    assert "overloaded after 0.0 s  a rehearsed failure: overloaded" in seen.lines[failed]
    assert any("backup:test/test  painting 100%" in line for line in seen.lines[failed:])
    saved, facts = seen.lines[-2:]
    assert re.fullmatch(r"✓ fox\.png  64x64 png, \d+ kB", saved)
    assert re.fullmatch(r"backup:test/test · \d+\.\d s · free · 2 attempts", facts)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("accepts", "steps:accepts  accepted, waiting"),
        ("halves", "steps:halves  inking 50%"),
        ("counts", "steps:counts  asking 25%"),
        ("drafts", "steps:drafts  draft 1"),
    ],
)
@pytest.mark.usefixtures("steps")
def test_the_line_tells_how_far_it_is(terminal: Terminal, model: str, said: str) -> None:
    """A job that was accepted, its share, its own words and its drafts."""
    seen = terminal("generate", "fox", "-m", f"steps:{model}")
    assert (0, True) == (seen.code, said in seen.text), seen.text


@pytest.mark.parametrize("silence", ["--quiet", "--json"])
def test_there_is_no_line_where_none_is_wanted(terminal: Terminal, silence: str) -> None:
    """Who asks for quiet, or for JSON, sees no progress in a terminal either."""
    seen = terminal("generate", "fox", "-m", "poster", "--size", "64x64", silence)
    assert (0, False) == (seen.code, "primary:test/test  overloaded" in seen.text)
    if silence == "--quiet":
        assert ["fox.png"] == seen.lines


def test_a_terminal_that_draws_gets_the_picture(terminal: Terminal) -> None:
    """A terminal that knows sixels is sent some; the words stand below the picture."""
    seen = terminal("generate", "fox", "--size", "64x64", answers=SIXEL)
    assert 0 == seen.code
    assert seen.raw.index(SIXEL_BEGINS) < seen.raw.index("fox.png")


def test_any_other_colour_terminal_gets_half_blocks(terminal: Terminal) -> None:
    """The picture is drawn with two pixels a character, no taller than its share."""
    seen = terminal("generate", "fox", "--size", "128x64")
    assert SIXEL_BEGINS not in seen.raw
    rows = [line for line in seen.lines if HALF_BLOCK in line]
    assert (20, {80}) == (len(rows), {line.count(HALF_BLOCK) for line in rows})


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (("--no-show",), {}),
        ((), {"env": {"COLORTERM": "", "TERM": "xterm"}}),
        (("--image", "-"), {"piped": b"picture"}),
    ],
)
def test_no_picture_is_shown(
    terminal: Terminal, run: Run, arguments: tuple[str, ...], given: dict[str, object]
) -> None:
    """Not unasked, not in few colours, and not where the terminal cannot be asked what it can."""
    if "piped" in given:
        given = {"piped": run("generate", "hare", "--size", "64x64", "-o", "-").out}
    seen = terminal("generate", "fox", "--size", "64x64", *arguments, **given)
    assert (0, False) == (seen.code, HALF_BLOCK in seen.raw or SIXEL_BEGINS in seen.raw)
    assert "fox.png" in seen.text


@pytest.mark.usefixtures("steps")
def test_a_vector_picture_is_saved_and_not_shown(terminal: Terminal) -> None:
    """Nothing here draws svg; it is told as any other, with its bytes and an unknown cost."""
    seen = terminal("generate", "fox", "-m", "steps:big")
    assert HALF_BLOCK not in seen.raw
    assert "svg, 2.0 MB" in seen.text
    assert "cost unknown" in seen.text


def test_what_it_costs_is_told(terminal: Terminal) -> None:
    """With where the figure comes from."""
    seen = terminal("generate", "fox", "-m", "test/paid", "--size", "64x64", "--no-show")
    assert "$0.04 (table)" in seen.text


def test_warnings_are_told(terminal: Terminal) -> None:
    """Below the result: what was asked for, and could not be had."""
    seen = terminal("generate", "fox", "--size", "64x64", "--quality", "hd", "--no-show")
    assert (0, True) == (seen.code, seen.lines[-1].startswith("! quality: "))


@pytest.mark.usefixtures("steps")
def test_missing_pictures_are_told(terminal: Terminal) -> None:
    """What was made is saved; what could not be is said, and the command ends with one."""
    seen = terminal("generate", "fox", "-n", "2", "-m", "steps:once")
    assert (1, True) == (seen.code, "✓ fox.svg" in seen.text)
    assert "✗ one picture is missing: the ink is gone" == seen.lines[-1]


def test_bytes_do_not_fill_the_terminal(terminal: Terminal) -> None:
    """``-o -`` is for pipes."""
    seen = terminal("generate", "fox", "-o", "-")
    assert (2, True) == (seen.code, "would fill the terminal" in seen.text)


def test_a_new_key_comes_with_advice(terminal: Terminal, run: Run) -> None:
    """A person is told where it goes; a pipe gets the two lines alone."""
    assert 'put hash = "…" under [keys.NAME]' in terminal("keys", "new").text
    assert 2 == len(run("keys", "new").text.splitlines())


def test_a_key_is_typed_unseen(terminal: Terminal, run: Run) -> None:
    """What is typed is hashed as what is piped, and is not asked for twice."""
    seen = terminal("keys", "hash", typed=("key:", "sesame-seed\n"), answers=b"")
    assert run("keys", "hash", stdin=b"sesame-seed\n").text.strip() == seen.lines[-1]
    assert any(line.startswith("key:") for line in seen.lines)


def test_the_shape_of_a_plugin_is_asked_for(terminal: Terminal, folder: Path) -> None:
    """Who did not say it chooses from the four."""
    seen = terminal("plugin", "new", "kiln", typed=("shape [", "job\n"), answers=b"")
    assert (0, True) == (seen.code, "answers one request with the picture" in seen.text)
    assert (folder / "routercore-kiln" / "pyproject.toml").is_file()
