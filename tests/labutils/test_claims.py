"""Claims that hold, and claims that fail."""

import json
from pathlib import Path

import pytest

from labutils.claims import claim, record


def test_record_prints_names_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    record(parameters=853018, loss=0.00123456)
    assert "parameters = 853,018\nloss = 0.001235\n" in capsys.readouterr().out


def test_a_claim_that_holds_is_printed_with_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    claim("ratio", 20, at_least=20)
    claim("difference", 0.0, at_most=0)
    assert capsys.readouterr().out == "holds: ratio: 20 (at least 20)\nholds: difference: 0 (at most 0)\n"


@pytest.mark.parametrize("value", [19.9, float("nan")])
def test_a_claim_that_does_not_hold_raises(value: float) -> None:
    with pytest.raises(AssertionError, match=r"the claim does not hold: ratio: .* \(at least 20\)"):
        claim("ratio", value, at_least=20)


def test_margins_collects_claims_and_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "claims"
    monkeypatch.setenv("LABUTILS_CLAIMS", str(file))
    claim("ratio", 1.5, at_least=20)
    claim("difference", 2.5, at_most=1)
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert entries[0] == {"claim": "ratio", "value": 1.5, "at_least": 20, "at_most": None}
    assert entries[1]["at_most"] == 1
