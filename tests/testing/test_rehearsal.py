"""Rehearsals: what callers would see, and pay, while a provider is out."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from routercore.provider import Event, Observer, hookimpl
from routercore.testing.rehearsal import CALM, OUTAGES, Act, Outage, Pace, Scene, rehearse
from routercore.values.errors import ConfigError, ModelNotFoundError, UnsupportedError

CONFIG: Mapping[str, Any] = {
    "providers": {
        "primary": {"plugin": "test"},
        "backup": {"plugin": "test", "api_keys": ["${NOT_SET_ANYWHERE}"]},
    },
    "models": {
        "poster": {"targets": ["primary:test/paid", "backup:test/paid"]},
        "solo": {"targets": ["primary:test/paid"]},
    },
}
PACE = Pace(requests=24, every=10.0)
BY_NAME = {outage.name: outage for outage in OUTAGES}


def play(model: str, *outages: str, config: Mapping[str, Any] = CONFIG, **more: Any) -> list[Scene]:
    wanted = [BY_NAME[name] for name in outages]
    return list(rehearse(config, models=[model], outages=wanted, pace=PACE, environ={}, **more))


def changed(**settings: Any) -> Mapping[str, Any]:
    config = copy.deepcopy(dict(CONFIG))
    config["models"]["poster"].update(settings)
    return config


def test_nothing_out_is_all_primary() -> None:
    """While nothing is out, the primary alone is asked, once for each picture, at its price."""
    (scene,) = rehearse(CONFIG, models=["poster"], outages=[CALM], pace=PACE, environ={})
    assert (24, 0) == (scene.delivered, scene.failed)
    assert {"primary": 24} == dict(scene.reached)
    price = scene.calls[0].attempts[0].cost.usd
    assert price
    assert 24 * price == scene.spent
    assert Decimal(0) == scene.at_stake


@pytest.mark.parametrize("name", [o.name for o in OUTAGES if o.act is not Act.REFUSES])
def test_the_backup_answers(name: str) -> None:
    """With a second provider, no outage of the first is felt; with both out, every caller is."""
    (scene,) = play("poster", name)
    expected = PACE.requests // 4 if name == "all-down" else 0
    assert expected == scene.failed


def test_alone_is_felt() -> None:
    """A model with one provider fails while that is out, and tells how."""
    (scene,) = play("solo", "down")
    assert {"upstream_unreachable": 6} == dict(scene.errors)
    assert "upstream_unreachable" == (scene.example.error and scene.example.error.code)
    assert {"not_sent"} == {a.failure.fault for a in scene.example.attempts if a.failure}


@pytest.mark.parametrize("name", ["silent", "lying", "failing"])
def test_what_is_at_stake(name: str) -> None:
    """What was sent and may be billed without a picture is counted beside what was spent."""
    (scene,) = play("poster", name)
    assert scene.at_stake > 0


@pytest.mark.parametrize("name", ["down", "rate-limited", "no-credit", "refusing"])
def test_nothing_at_stake(name: str) -> None:
    """A provider that did not work leaves nothing in doubt."""
    (scene,) = play("poster", name)
    assert Decimal(0) == scene.at_stake


def test_refusals_stop_unless_they_may_travel() -> None:
    """A refused prompt ends there; with on_refusal it is answered by the next provider."""
    (stops,) = play("poster", "refusing")
    (travels,) = play("poster", "refusing", config=changed(on_refusal="fallback"))
    assert (6, 18, 0) == (stops.refused, stops.delivered, stops.failed)
    assert (0, 24) == (travels.refused, travels.delivered)


def test_a_silent_primary_and_on_unknown() -> None:
    """What was sent and never answered is an error where the configuration will not pay twice."""
    (scene,) = play("poster", "silent", config=changed(on_unknown="fail"))
    assert scene.failed > 0
    assert "deadline_exceeded" in scene.errors


def test_the_primary_is_used_again() -> None:
    """After the outage the primary delivers again, and the scene says how long that took."""
    (scene,) = play("poster", "down")
    assert scene.back_after is not None
    last = scene.calls[-1]
    assert "primary:test/paid" == last.target


def test_one_seed_one_scene() -> None:
    """The same seed gives the same scene; another one other times."""
    first, again = play("poster", "flapping"), play("poster", "flapping")
    assert [c.seconds for c in first[0].calls] == [c.seconds for c in again[0].calls]
    (other,) = play("poster", "flapping", seed=1)
    assert [c.seconds for c in first[0].calls] != [c.seconds for c in other.calls]


def test_every_model_unless_named() -> None:
    """Without a name, every configured model is rehearsed, with every outage and a calm."""
    scenes = list(rehearse(CONFIG, pace=Pace(4, 1.0), environ={}))
    assert 2 * (1 + len(OUTAGES)) == len(scenes)
    assert {"poster", "solo"} == {scene.model for scene in scenes}


def test_an_outage_of_ones_own() -> None:
    """An outage is a value: anybody can make another."""
    dying = Outage(name="dying", told="every other ten seconds", act=Act.SILENT, flaps=10.0)
    (scene,) = rehearse(CONFIG, models=["poster"], outages=[dying], pace=PACE, environ={})
    assert 24 == scene.delivered


def test_what_cannot_be_rehearsed() -> None:
    """No model, a wrong configuration and an impossible request are told as such."""
    with pytest.raises(ModelNotFoundError, match="name a model"):
        next(rehearse({}, environ={}))
    with pytest.raises(ConfigError, match="targets"):
        next(rehearse({"models": {"a": {"targets": ["nobody:x"]}}}, environ={}))
    with pytest.raises(UnsupportedError, match="size"):
        next(rehearse(CONFIG, environ={}, size="9999x9999", strict=True))


def test_observers_hear_nothing() -> None:
    """What plugins count or bill is what happened, and none of a rehearsal did."""
    heard: list[Event] = []

    class Listening:
        name = "listening"

        def notify(self, event: Event) -> None:
            heard.append(event)

    class Plugin:
        @hookimpl
        def routercore_observers(self) -> list[Observer]:
            return [Listening()]

    play("poster", "down", plugins=[("listening", Plugin())])
    assert [] == heard
