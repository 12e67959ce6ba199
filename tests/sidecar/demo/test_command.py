"""The demo's command line, as far as it goes without a demo."""

from pathlib import Path

import yaml
from click.testing import CliRunner

from sidecar.demo.command import demo
from sidecar.errors import SettingsError
from tests.fakes.certificates import Authority


def test_the_demo_has_no_tls_between_its_envoy_and_authsvc(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    file = tmp_path / "tollkeeper.yaml"
    tls = {"cert_file": str(pair.cert), "key_file": str(pair.key)}
    file.write_text(yaml.safe_dump({"authsvc": {"tls": tls}}))
    outcome = CliRunner().invoke(demo, ["--config", str(file)])
    assert isinstance(outcome.exception, SettingsError)
    assert "authsvc.tls" in str(outcome.exception)
