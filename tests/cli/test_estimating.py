"""``routercore estimate``."""

from __future__ import annotations

from tests.cli.conftest import Run


def test_estimates_for_people(run: Run) -> None:
    """Each target has its price, and what its price rests on."""
    ran = run("estimate", "fox", "-m", "priced", "--size", "1024x1024", "-n", "2")
    assert 0 == ran.code
    assert ran.text.index("backup:test/test") < ran.text.index("backup:test/paid")
    assert "$0.08" in ran.text
    assert "table" in ran.text


def test_estimates_as_json(run: Run) -> None:
    """Amounts are text, and the price at the top is that of the target that is asked first."""
    arguments = ("estimate", "fox", "-m", "backup:test/paid", "--size", "1024x1024", "--json")
    told = run(*arguments).json
    assert ("0.04", "0.04", "0.04", "table") == tuple(
        told[name] for name in ("low", "expected", "high", "basis")
    )
    assert ["backup:test/paid"] == [one["target"] for one in told["targets"]]


def test_what_is_too_dear_is_rejected(run: Run) -> None:
    """With nobody left it ends as a plan does, and says who was too dear."""
    ran = run("estimate", "fox", "-m", "backup:test/paid", "--max-price", "0.01")
    assert 2 == ran.code
    assert "Nobody can do this request" in ran.text
    assert "over the limit of $0.01" in ran.text
    told = run("estimate", "fox", "-m", "backup:test/paid", "--max-price", "0.01", "--json").json
    assert (None, "unknown", ["max_price"]) == (
        told["expected"], told["basis"], [one["param"] for one in told["rejected"][0]["reasons"]],
    )  # fmt: skip


def test_an_unknown_model(run: Run) -> None:
    """A model that nobody has is a wrong request."""
    assert 2 == run("estimate", "fox", "-m", "nothing").code
