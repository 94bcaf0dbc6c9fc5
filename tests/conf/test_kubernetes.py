"""conf/kubernetes: manifests that fit the schema, each other and the image."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from fluent_pipeline.config import Config
from support.image import STORAGE, USER, config_in_image, the_input, the_output

FOLDER = Path(__file__).parents[2] / "conf/kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
OPENAPI = files("fluent_pipeline.monitor") / "openapi.json"
PATHS = json.loads(OPENAPI.read_text("utf-8"))["paths"]


def by_name(path: Path) -> str:
    return path.name


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def of_kind(path: Path, kind: str) -> dict[str, Any]:
    (found,) = [document for document in documents(path) if document["kind"] == kind]
    return found


def pod(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = of_kind(path, "DaemonSet")["spec"]["template"]["spec"]
    return found


def container(path: Path, name: str) -> dict[str, Any]:
    (found,) = [item for item in pod(path)["containers"] if item["name"] == name]
    return dict(found)


def configuration(path: Path, folder: Path) -> Config:
    return config_in_image(of_kind(path, "ConfigMap")["data"]["fluent-eql.yaml"], folder)


def test_there_is_a_shape_with_fluent_bit_beside_it_and_one_without() -> None:
    shapes = {path.name: [item["name"] for item in pod(path)["containers"]] for path in FILES}
    assert shapes == {
        "daemonset.yaml": ["fluent-eql"],
        "sidecar.yaml": ["fluent-bit", "fluent-eql"],
    }


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_schema_of_kubernetes_accepts_it(path: Path) -> None:
    for document in documents(path):
        version = kubernetes_validate.latest_version()
        assert kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_first_lines_say_how_to_apply_it(path: Path) -> None:
    head = re.match(r"(#.*\n)+", path.read_text())
    assert head is not None
    assert f"apply --filename conf/kubernetes/{path.name}" in head[0]


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_labels_select_the_pods(path: Path) -> None:
    made = of_kind(path, "DaemonSet")["spec"]
    labels = made["template"]["metadata"]["labels"]
    assert made["selector"]["matchLabels"] == labels
    for document in documents(path):
        if document["kind"] == "Service":
            assert document["spec"]["selector"] == labels


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_what_is_mounted_is_a_volume_and_is_there(path: Path) -> None:
    volumes = {volume["name"]: volume for volume in pod(path)["volumes"]}
    mounted = {item["name"] for made in pod(path)["containers"] for item in made["volumeMounts"]}
    assert mounted == set(volumes)
    config = of_kind(path, "ConfigMap")
    assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_relay_is_run_with_the_file_that_is_mounted(path: Path) -> None:
    made = container(path, "fluent-eql")
    places = {item["name"]: item["mountPath"] for item in made["volumeMounts"]}
    assert made["args"] == ["run", "--config", f"{places['config']}/fluent-eql.yaml"]
    assert STORAGE in places.values()


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_probes_and_scrapes_go_to_where_the_relay_serves(path: Path, tmp_path: Path) -> None:
    service = configuration(path, tmp_path).service
    made = container(path, "fluent-eql")
    ports = {port["name"]: port["containerPort"] for port in made["ports"]}
    notes = of_kind(path, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
    assert (service.http_server, service.http_listen) == (True, "0.0.0.0")
    assert notes["prometheus.io/port"] == str(service.http_port) == str(ports["http"])
    for probe, asked in (("livenessProbe", "uptime"), ("readinessProbe", "ready")):
        assert made[probe]["httpGet"] == {"path": f"/api/v1/{asked}", "port": "http"}
        assert f"/api/v1/{asked}" in PATHS


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_relay_has_no_rights(path: Path) -> None:
    context = {**pod(path)["securityContext"], **container(path, "fluent-eql")["securityContext"]}
    assert context["runAsNonRoot"] is context["readOnlyRootFilesystem"] is True
    assert context["runAsUser"] == USER
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert pod(path)["automountServiceAccountToken"] is False


def test_the_service_leads_to_the_input_which_asks_for_the_key(tmp_path: Path) -> None:
    path = FOLDER / "daemonset.yaml"
    taken = the_input(configuration(path, tmp_path))
    (port,) = of_kind(path, "Service")["spec"]["ports"]
    ports = {item["name"]: item["containerPort"] for item in container(path, "fluent-eql")["ports"]}
    assert port["port"] == ports[port["targetPort"]] == taken.port
    assert of_kind(path, "Service")["spec"]["internalTrafficPolicy"] == "Local"
    assert taken.shared_key == "secret"


def test_the_loop_of_the_sidecar_is_closed_and_does_not_circle(tmp_path: Path) -> None:
    path = FOLDER / "sidecar.yaml"
    relay = configuration(path, tmp_path)
    fluent_bit = yaml.safe_load(of_kind(path, "ConfigMap")["data"]["fluent-bit.yaml"])
    sent, kept = fluent_bit["pipeline"]["outputs"]
    back = fluent_bit["pipeline"]["inputs"][1]
    assert the_input(relay).listen == back["listen"] == "127.0.0.1"
    assert (sent["host"], sent["port"]) == ("127.0.0.1", the_input(relay).port)
    assert (the_output(relay).host, the_output(relay).port) == (back["listen"], back["port"])
    prefix = relay.filters[0].tag_prefix
    assert (prefix, sent["match"], kept["match"]) == ("eql.", "endpoint.*", "eql.*")
