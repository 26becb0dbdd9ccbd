"""What the Helm chart renders, judged by helm, by Kubernetes' schemas, by KEDA's models and by policies of our own.

The chart of NATS is not here: without `QUEUEBIT_NATS_CHART`, a folder with it, values that want it render all but NATS.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.helm.render import CHART, HELM, MANIFESTS, VALUES, helm, rendered, without_dependency

if not HELM.exists():
    pytest.skip("the tools for charts are not installed: `make chart` does", allow_module_level=True)

hobofan_regorus = pytest.importorskip("hobofan_regorus", reason="`make chart` runs this in an environment of its own")
kubernetes_validate = pytest.importorskip("kubernetes_validate")
keda = pytest.importorskip("cloudcoil.models.keda.v1alpha1")

NATS_CHART = os.environ.get("QUEUEBIT_NATS_CHART", "")
OFFICIAL = ("default", "cluster")
POLICIES = Path(__file__).parent / "policies" / "queuebit.rego"
OPERATORS = ("ServiceMonitor", "ScaledObject")
"""Kinds that Kubernetes itself does not know."""
FURTHER = {"default": [], **{it.stem: [it] for it in sorted(VALUES.glob("*.yaml"))}}


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chart")
    if not NATS_CHART:
        return without_dependency(folder)
    whole = Path(shutil.copytree(CHART, folder / "queuebit"))
    shutil.copytree(NATS_CHART, whole / "charts" / "nats")
    return whole


@pytest.fixture(scope="session", params=sorted(FURTHER))
def objects(request: pytest.FixtureRequest, chart: Path) -> list[dict[str, Any]]:
    """All objects of a release, with one of the files of values."""
    text = rendered(chart, FURTHER[request.param])
    return [it for it in yaml.safe_load_all(text) if it]


def test_helm_finds_nothing_wrong(chart: Path) -> None:
    for files in FURTHER.values():
        done = helm("lint", "--strict", chart, *(part for it in files for part in ("--values", it)))
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_object_is_one_of_kubernetes(objects: list[dict[str, Any]]) -> None:
    for it in objects:
        if it["kind"] not in OPERATORS:
            kubernetes_validate.validate(it, "1.37", strict=True)


def test_scaled_objects_are_those_of_keda(objects: list[dict[str, Any]]) -> None:
    names = {it["metadata"]["name"] for it in objects if it["kind"] == "Deployment"}
    for it in objects:
        if it["kind"] == "ScaledObject":
            found = keda.ScaledObject.model_validate(it)
            assert found.spec.scale_target_ref.name in names
            for trigger in found.spec.triggers:
                assert trigger.type == "nats-jetstream"
                wanted = {"natsServerMonitoringEndpoint", "account", "stream", "consumer", "lagThreshold"}
                assert set(trigger.metadata) == wanted


def test_the_models_of_keda_refuse_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="scaleTargetRef"):
        keda.ScaledObject.model_validate({"metadata": {"name": "x"}, "spec": {"triggers": []}})


def broken(objects: list[dict[str, Any]]) -> list[str]:
    """The policies that these objects break."""
    engine = hobofan_regorus.Engine()
    engine.add_policy_from_file(str(POLICIES))
    engine.set_input_json(json.dumps(objects))
    found: list[str] = json.loads(engine.eval_rule_as_json("data.queuebit.deny"))
    return sorted(found)


def test_every_policy_is_kept(objects: list[dict[str, Any]]) -> None:
    assert broken(objects) == []


def pod(it: dict[str, Any]) -> Any:
    return it["spec"]["template"]["spec"]


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "may run as root": lambda it: pod(it)["securityContext"].pop("runAsNonRoot"),
    "has user 0": lambda it: pod(it)["securityContext"].update(runAsUser=0),
    "has no seccomp profile": lambda it: pod(it)["securityContext"].pop("seccompProfile"),
    "may ask the API server": lambda it: pod(it).pop("automountServiceAccountToken"),
    "gets variables of Services": lambda it: pod(it).update(enableServiceLinks=True),
    "uses the host": lambda it: pod(it).update(hostNetwork=True),
    "mounts a folder of the host": lambda it: pod(it)["volumes"].append({"hostPath": {"path": "/"}}),
    "writes to its root": lambda it: pod(it)["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
    "may gain rights": lambda it: pod(it)["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
    "keeps capabilities": lambda it: pod(it)["containers"][0]["securityContext"].pop("capabilities"),
    "requests no cpu": lambda it: pod(it)["containers"][0]["resources"]["requests"].pop("cpu"),
    "has no limit of memory": lambda it: pod(it)["containers"][0]["resources"].pop("limits"),
    "may change": lambda it: pod(it)["containers"][0].update(image="queuebit/broker:latest"),
    "has a secret": lambda it: pod(it)["containers"][0]["env"].append({"name": "A_TOKEN", "value": "x"}),
    "is not probed": lambda it: pod(it)["containers"][0].pop("livenessProbe"),
    "has no PodDisruptionBudget": lambda it: it["spec"]["template"]["metadata"]["labels"].clear(),
    "no policy of the network": lambda it: it["spec"]["template"]["metadata"]["labels"].clear(),
}


@pytest.mark.parametrize("text", BREAKS)
def test_every_policy_can_be_broken(text: str) -> None:
    objects = [it for it in yaml.safe_load_all(MANIFESTS.read_text()) if it]
    BREAKS[text](next(it for it in objects if it["kind"] == "Deployment"))
    assert any(text in it for it in broken(objects))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("services.broker.replicas=9", "at '/services/broker/replicas': maximum: got 9, want 8"),
        ("services.provenance.replicas=2", "at '/services/provenance/replicas': maximum: got 2, want 1"),
        ("services.warehouse.replicas=2", "at '/services/warehouse/replicas': maximum: got 2, want 1"),
        ("autoscaling.kind=maybe", "at '/autoscaling/kind': value must be one of 'none', 'keda', 'cpu'"),
        ("services.brokers.replicas=1", "additional properties 'brokers' not allowed"),
        ("bus.streamReplicas=2", "at '/bus/streamReplicas': value must be one of 1, 3, 5"),
        ("services.broker.resources.requests.memory=lots", "at '/services/broker/resources/requests/memory'"),
        ("image.digests.broker=sha256:1", "at '/image/digests/broker'"),
        ("bus.builtin.enabled=false", "choose exactly one server"),
        ("bus.url=nats://a:4222", "choose exactly one server"),
        ("warehouse.url=http://a:8123", "choose exactly one warehouse"),
        ("bus.streamReplicas=3", "bus.streamReplicas is larger than bus.builtin.replicas"),
        ("ingress.enabled=true", "ingress.enabled needs ingress.host"),
    ],
)
def test_bad_values_are_refused_with_their_place(settings: str, text: str, chart: Path) -> None:
    with pytest.raises(RuntimeError, match=re.escape(text)):
        rendered(chart, FURTHER["plain"], "--set", settings)


def test_the_manifests_are_what_the_chart_renders(tmp_path: Path) -> None:
    head, _, text = MANIFESTS.read_text().partition("\n")
    assert head.startswith("# Rendered from deploy/helm")
    assert text == rendered(without_dependency(tmp_path), FURTHER["plain"])


def test_another_release_shares_no_name(chart: Path) -> None:
    def names(release: str) -> set[tuple[str, str]]:
        done = helm("template", release, chart, "--values", VALUES / "plain.yaml")
        return {(it["kind"], it["metadata"]["name"]) for it in yaml.safe_load_all(done.stdout) if it}

    assert not names("one") & names("two")
    assert len(names("one")) == len(names("two"))


@pytest.mark.skipif(not NATS_CHART, reason="the chart of NATS is not here: make chart NATS_CHART=folder")
@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_chart_serves_the_logins_of_the_release(name: str, chart: Path) -> None:
    objects = [it for it in yaml.safe_load_all(rendered(chart, FURTHER[name])) if it]
    (server,) = (it for it in objects if it["kind"] == "StatefulSet")
    volumes = {it["name"]: it for it in pod(server)["volumes"]}
    assert volumes["logins"]["secret"]["secretName"] == "queuebit-nats"
    container = pod(server)["containers"][0]
    assert {"name": "logins", "mountPath": "/etc/nats-logins", "readOnly": True} in container["volumeMounts"]
    assert "queuebit-nats" in {it["metadata"]["name"] for it in objects if it["kind"] == "Service"}
    (config,) = (it["data"]["nats.conf"] for it in objects if it["metadata"]["name"] == "queuebit-nats-config")
    assert "include ../nats-logins/logins.conf;" in config
