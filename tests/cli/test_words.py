"""What commands say, where it depends on what they found: each case in its own words."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from tests.cli.conftest import Run

from routercore.cli.authoring import _show as show_findings
from routercore.cli.drifting import _show as show_drift
from routercore.cli.listing import _edits, sizes_text
from routercore.cli.output import Code, money, print_json, said, told
from routercore.cli.saving import Destination, slug
from routercore.engine.discovery import Drift, DriftKind
from routercore.testing.conformance import CHECKS, Grade
from routercore.testing.conformance.folder import Findings
from routercore.testing.conformance.runs import Outcome
from routercore.testing.providers import PNG
from routercore.values.errors import LimitError, RefusedError
from routercore.values.events import AttemptRecord
from routercore.values.faults import Failure, Fault
from routercore.values.images import Image
from routercore.values.money import Estimate
from routercore.values.sizes import FixedSizes, InputSize, RatioSizes, Size, SizeRange, Sizes

# Missing packages


@pytest.mark.parametrize(
    ("hidden", "arguments", "code", "message"),
    [
        ("starlette", ("serve",), 4, "the server needs starlette; run: pip install"),
        ("routercore.server.app", ("serve",), 1, "import of routercore.server.app halted"),
        ("routercore.cli.listing", ("models",), 1, "import of routercore.cli.listing halted"),
    ],
)
def test_only_what_is_an_extra_is_offered(
    folder: Path, hidden: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """A package of an extra comes with the line that installs it; our own missing is a mistake."""
    hide = f"import sys; sys.modules[{hidden!r}] = None; import routercore.cli as c; c.main()"
    ran = subprocess.run([sys.executable, "-c", hide, *arguments], cwd=folder,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert (code, True) == (ran.returncode, message in ran.stderr), ran.stderr


# Errors


def test_a_wrong_use_is_json_as_well(say: Run) -> None:
    """Who asked for JSON gets the message in it."""
    error = say("edit", "night", "--json").json["error"]
    assert {"type": "usage", "message": "edit needs a picture: --image FILE"} == error


def test_one_mistake_is_one(say: Run, folder: Path) -> None:
    """One is not called mistakes; a right file is counted, also in JSON."""
    (folder / "wrong.toml").write_text("[router]\nmax_attempts = 0\n")
    assert "error: 1 mistake in the configuration\n" in say("config", "check", "wrong.toml").err
    right = say("config", "check", "--json").json
    assert (True, 3) == (right["ok"], right["providers"])


def test_nobody_can_do_it(say: Run) -> None:
    """Each target is named with the parameter that excludes it."""
    ran = say("generate", "fox", "-m", "poster", "--size", "9999x9999")
    assert (2, "error: no target can do this request") == (ran.code, ran.err.splitlines()[0])
    assert ["primary:test/test", "backup:test/test"] == [
        line.split()[1].rstrip(":") for line in ran.err.splitlines()[1:]
    ]


def ended(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as caught, told():
        raise error
    return caught.value.exit_code, capsys.readouterr().err


def test_what_ends_a_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk, a refusal with its reasons, a limit with its wait."""
    full = OSError(28, "No space left on device", "fox.png")
    assert (Code.FAILED, "error: fox.png: No space left on device\n") == ended(full, capsys)
    refused = RefusedError("no", (), categories=("violence", "gore"), stage="input")
    assert (Code.REFUSED, True) == (
        (told_of := ended(refused, capsys))[0],
        "The provider's reasons: violence, gore." in told_of[1],
    )
    code, text = ended(LimitError("too many", retry_after=7.0), capsys)
    assert (Code.LIMITED, True) == (code, "There is room again in 7 s." in text)
    with pytest.raises(BrokenPipeError), told():
        raise BrokenPipeError


def test_an_attempt_in_one_line() -> None:
    """Delivered, or its fault, status, seconds and what was decided."""
    record = AttemptRecord(target="a:m", number=1, started_s=0.0, duration_s=1.25)
    assert "a:m: delivered" == said(record)
    failure = Failure(fault=Fault.RATE_LIMITED, message="slow down.", status=429)
    failed = AttemptRecord(target="a:m", number=1, started_s=0.0, duration_s=1.25,
                           failure=failure, decision="next target")  # fmt: skip
    assert "a:m: rate limited, HTTP 429 after 1.2 s: slow down → next target" == said(failed)


def test_values_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Amounts are text, sets are sorted lists, nothing stays nothing."""
    print_json({"usd": Decimal("0.040"), "set": {"b", "a"}, "path": Path("x")})
    assert '{\n  "usd": "0.04",\n  "set": [\n    "a",\n    "b"\n  ],\n  "path": "x"\n}\n' == (
        capsys.readouterr().out
    )
    assert money(None) is None


# What was asked


def test_a_plan_for_a_picture_on_the_web(say: Run) -> None:
    """A URL is not opened here; an amount may be written with its sign."""
    settings = ("--image", "https://pictures.example/a.png", "--max-price", "$0.05")
    ran = say("plan", "fox", "-m", "priced", *settings, "--json")
    assert (0, "edit") == (ran.code, ran.json["operation"])


@pytest.mark.parametrize("amount", ["-1", "NaN", "inf"])
def test_amounts_that_are_none(say: Run, amount: str) -> None:
    """Less than nothing, or nobody knows how much, is refused."""
    ran = say("plan", "fox", "--max-price", amount)
    assert (2, True) == (ran.code, "no amount of dollars" in ran.err)


# Lists


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (FixedSizes(("64x64",)), "64x64"),
        (FixedSizes(("64x64", "128x128", "256x256", "512x512")), "64x64, 128x128 +2"),
        (SizeRange(max_edge=4096), "any to 4096 px"),
        (SizeRange(max_pixels=4_000_000), "any to 4 MP"),
        (SizeRange(), "any"),
        (RatioSizes(ratios=("1:1", "4:3")), "2 ratios"),
        (RatioSizes(ratios=("1:1",), tiers=("1K", "2K", "4K")), "1 ratios × 1K–4K"),
        (InputSize(), "as the input"),
        (None, "undeclared"),
    ],
)
def test_sizes_in_words(sizes: Sizes, words: str) -> None:
    """A few words for each kind of rule."""
    assert words == sizes_text(sizes)


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ({"generate"}, ""),
        ({"generate", "edit"}, "edit"),
        ({"edit", "inpaint"}, "edit inpaint only"),
    ],
)
def test_edits_in_words(operations: set[str], words: str) -> None:
    """A model that only edits is told apart."""
    assert words == _edits(operations)


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ((None, None, None), "unknown"),
        (("0", "0", "0"), "free"),
        (("0.04", "0.04", "0.04"), "$0.04"),
        (("0.01", "0.04", "0.25"), "~$0.04 (0.01–0.25)"),
    ],
)
def test_prices_in_words(amounts: tuple[str | None, ...], words: str) -> None:
    """An amount, a range around what is expected, nothing, or that nobody knows."""
    low, expected, high = (None if one is None else Decimal(one) for one in amounts)
    assert words == str(Estimate(low=low, expected=expected, high=high))


def test_drift_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """What differs, who did not answer, and that everything holds."""
    show_drift([("mine", Drift(DriftKind.SHUT_DOWN, "old", "was shut down"))], {"far": "no route"})
    seen = capsys.readouterr()
    assert "shut down  mine:old was shut down\n" == seen.out
    assert "far did not answer: no route\n" == seen.err
    show_drift([], {})
    assert "✓ what the enabled providers declare holds\n" == capsys.readouterr().out


def test_drift_is_none_offline(say: Run) -> None:
    """The providers of the tests declare what holds."""
    ran = say("providers", "check")
    assert (0, "✓ what the enabled providers declare holds\n") == (ran.code, ran.text)


def test_findings_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Passed, failed, failed as expected, and passed although it was not expected to."""
    first, second, third, fourth, *_ = CHECKS
    outcomes = (
        Outcome(first), Outcome(second, "two cards have one id"),
        Outcome(third, "no price", "none is published"), Outcome(fourth, None, "it never answers"),
    )  # fmt: skip
    show_findings(Findings("kiln", outcomes, Grade.BRONZE))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert "kiln  bronze" == lines[0]
    assert ["✓", "✗", "–", "✓"] == [line[0] for line in lines if line[0] in "✓✗–"]
    assert ["two cards have one id", "expected: none is published",
            "passes, though it is listed as an exception"] == [
        line for line in lines[1:] if line[0] not in "✓✗–"
    ]  # fmt: skip


# Files


def picture() -> Image:
    return Image(data=PNG, format="png", size=Size(1, 1))


def test_where_pictures_go(tmp_path: Path) -> None:
    """A folder that is there or is asked for by its slash takes names made from the prompt."""
    for given in (str(tmp_path), f"{tmp_path}/new/"):
        destination = Destination(given=given)
        destination.check(2)
        one, two = destination.save((picture(), picture()), "a fox")
        assert [Path(given, "a-fox.png"), Path(given, "a-fox-2.png")] == [one, two]
    assert Path() == Destination(given=None).folder
    assert (None, None) == (Destination(given="-").file, Destination(given="-").format)


def test_a_file_that_came_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """The picture gets the next number that is free."""
    destination = Destination(given=str(tmp_path / "fox.png"))
    destination.check(1)
    (tmp_path / "fox.png").write_bytes(b"theirs")
    (tmp_path / "fox-2.png").write_bytes(b"theirs")
    assert [tmp_path / "fox-3.png"] == destination.save((picture(),), "fox")
    assert b"theirs" == (tmp_path / "fox.png").read_bytes()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("…!", "picture"),
        ("x" * 61, "picture"),
        ("a " + "long " * 20, "a-" + "-".join(["long"] * 11)),
        ("Ein schöner Fuchs", "ein-schoner-fuchs"),
        ("狐 の 絵", "狐-の-絵"),
    ],
)
def test_names_out_of_prompts(prompt: str, name: str) -> None:
    """Whole words of any script, no more than people read; something where nothing is left."""
    assert name == slug(prompt)


def test_one_picture_at_a_time_on_standard_output(say: Run) -> None:
    """Several cannot be told apart there, and neither can a picture and JSON."""
    several = say("generate", "fox", "-o", "-", "-n", "2")
    assert (2, True) == (several.code, "give a folder for several" in several.err)
    both = say("generate", "fox", "-o", "-", "--json")
    assert (2, True) == (both.code, "both want standard output" in both.text)
