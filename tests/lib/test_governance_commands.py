"""The commands of privacy and provenance, as an operator types them."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

from lib.cli import main
from lib.governance.privacy_pseudonyms import concealing, ensure_keys
from lib.settings import Settings
from lib.versioning import snapshot, versions


def test_scan_names_places_and_counts_and_its_exit_code_says_so(tmp_path, capsys):
    """A table by columns, a log by fields, no value; a clean file is no find."""
    table, log, clean = tmp_path / "houses.csv", tmp_path / "log.jsonl", tmp_path / "clean.parquet"
    pd.DataFrame({"note": ["a@example.com", "quiet"]}).to_csv(table, index=False)
    log.write_text(json.dumps({"remarks": "0912 345 678"}) + "\n")
    pd.DataFrame({"area_m2": [80.0]}).to_parquet(clean)
    assert main(["privacy", "scan", str(table), str(log), str(clean)]) == 1
    said = capsys.readouterr().out
    assert f"{table}: note: email in 1 of 2 rows" in said
    assert f"{log}: remarks: phone in 1 of 1 rows" in said
    assert f"{clean}: nothing found" in said
    assert "example.com" not in said
    assert main(["privacy", "scan", str(clean)]) == 0
    assert main(["privacy", "scan", str(tmp_path / "absent.csv")]) == 1
    assert "cannot be read as a table" in capsys.readouterr().err


def test_score_prints_every_kind_and_what_is_out_of_reach(capsys):
    """The table, and that names are not found."""
    assert main(["privacy", "score", "--texts", "5"]) == 0
    said = capsys.readouterr().out
    assert "iban         all" in said
    assert "Names have no form" in said


def test_erase_takes_identifiers_from_standard_input_and_prints_a_receipt(tmp_path, capsys, monkeypatch):
    """Not from the command line, which others can see; pseudonyms are found by the key in the workspace."""
    data = tmp_path / "houses.csv"
    data.write_text("id,mail\n1,a@example.com\n2,b@example.com\n")
    snapshot(data, root=tmp_path)
    settings = Settings(root=tmp_path)
    conceal = concealing(ensure_keys(settings.pseudonym_key_file))
    settings.prediction_folder.mkdir()
    lines = [
        {"request_id": f"r{number}", "row": 0, "features": conceal({"mail": mail})}
        for number, mail in enumerate(("a@example.com", "b@example.com"))
    ]
    (settings.prediction_folder / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ["privacy", "erase", "--request", "12", "--by", "ada", "--root", str(tmp_path)]
    monkeypatch.setattr("sys.stdin", io.StringIO("a@example.com\n\n"))
    assert main(arguments) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert (receipt["rows"], receipt["predictions"], receipt["left"]) == (1, 1, [])
    assert data.read_text() == "id,mail\n2,b@example.com\n"
    assert [version.name for version in versions(tmp_path)] == list(receipt["versions"].values())
    assert main(["trail", "--root", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "ada: erased (request 12, rows 1, cells 0, events 0, online 0, predictions 1, files_left 0)" in told
    assert "example.com" not in told
    (tmp_path / "left.bin").write_bytes(b"\xff b@example.com")
    monkeypatch.setattr("sys.stdin", io.StringIO("b@example.com"))
    assert main(arguments) == 1
    assert json.loads(capsys.readouterr().out)["left"] == [str(tmp_path / "left.bin")]
    monkeypatch.setattr("sys.stdin", io.StringIO("Anna Albers"))
    assert main(arguments) == 1
    assert "Names are not enough" in capsys.readouterr().err


def test_keys_are_made_and_an_unknown_version_is_told(tmp_path, capsys):
    """Signing and verifying themselves are tested where they live."""
    assert main(["provenance", "keys", str(tmp_path / "keys")]) == 0
    assert "hand out" in capsys.readouterr().out
    private, public = tmp_path / "keys" / "signing_key.pem", tmp_path / "keys" / "signing_key.pub"
    sign = ["provenance", "sign", "house-price-predictor", "1", "--by", "ada", "--key", str(private)]
    assert main([*sign, "--root", str(tmp_path)]) == 1
    verify = ["provenance", "verify", "house-price-predictor", "1", "--signer", str(public)]
    assert main([*verify, "--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("no model 'house-price-predictor'") == 2
    with pytest.raises(SystemExit):
        main(["provenance", "sign", "m", "one", "--by", "ada", "--key", str(private)])
