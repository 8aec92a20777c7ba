"""The demo's plan, its configuration file, and the rotation of the key."""

from pathlib import Path

import pytest
import yaml

from consumer.edges.configuration import load
from consumer.lab.mischief import REFUSALS
from consumer.lab.simulator import Simulator
from consumer.lab.stage import KeyRotation, Plan, configuration


@pytest.mark.parametrize("faults", [False, True])
def test_the_configuration_is_one_that_the_service_takes(tmp_path: Path, *, faults: bool) -> None:
    """The generated file has no mistake, and names the brokers, the API and the port of this run."""
    file = tmp_path / "config.yaml"
    document = configuration(
        Plan(500, faults=faults), 400, "127.0.0.1:9", "http://127.0.0.1:8", tmp_path / "key", 7
    )
    file.write_text(yaml.safe_dump(document))
    settings = load(file, {})
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9"
    assert settings.linkrunner.base_url == "http://127.0.0.1:8/api/v1"
    assert settings.http.port == 7


def test_without_faults_nothing_is_refused() -> None:
    """The expectation of a plain run has no refused payment."""
    assert Plan(300).expectation().dead_letters["refused"] == 0


def test_with_faults_two_recorded_payments_are_refused() -> None:
    """They would have been recorded, and are dead letters instead."""
    plain, faulty = Plan(600).expectation(), Plan(600, faults=True).expectation()
    assert len(faulty.refused) == len(REFUSALS)
    assert len(plain.recorded) - len(faulty.recorded) == len(REFUSALS)
    assert faulty.dead_letters["refused"] >= len(REFUSALS)
    assert faulty.calls == plain.calls


def test_the_key_is_rotated_in_mid_flow_and_mended_after_a_refusal(tmp_path: Path) -> None:
    """The API takes the new key first; the file follows once a call was refused and a second has passed."""
    file = tmp_path / "key"
    file.write_text("old")
    api = Simulator("old")
    rotation = KeyRotation(api, file, after=2)
    api.journal.open("/a", 0.0)
    rotation.step(0.0)
    assert api.key == "old"
    api.journal.open("/b", 0.0)
    rotation.step(1.0)
    assert api.key != "old"
    rotation.step(5.0)
    assert file.read_text() == "old"
    api.journal.open("/c", 0.0).outcome = "unauthorized"
    rotation.step(1.5)
    assert file.read_text() == "old"
    rotation.step(2.0)
    assert file.read_text() == api.key
    assert list(tmp_path.iterdir()) == [file]


def test_a_rotation_that_nobody_met_is_known(tmp_path: Path) -> None:
    """Without a refused call the rotation proves nothing."""
    assert not KeyRotation(Simulator("k"), tmp_path / "key", after=0).refused()
