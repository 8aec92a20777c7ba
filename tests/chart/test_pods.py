"""The pods: how they start, say that they are well, are replaced, spread, and end."""

from typing import Final

import pytest
import yaml

from consumer import __version__
from helm.options import Json
from tests.chart.charts import (
    CHART,
    NAME,
    NAMESPACE,
    ROOT,
    Part,
    Values,
    config,
    container,
    deployment,
    load,
    merged,
    nested,
    pod,
    render,
)

DIGEST: Final = "sha256:" + "ab" * 32


def checksum(values: Values) -> Json:
    """Return the annotation that changes where pods have to be replaced."""
    annotations = deployment(render(values)).at("spec", "template", "metadata", "annotations")
    return annotations.at("checksum/config").value


def test_five_values_make_a_deployment() -> None:
    """What a platform engineer gets for five values, and nothing that needs more than a plain cluster."""
    rendered = render(load("minimal"))
    assert rendered.kinds() == ["ConfigMap", "Deployment", "Pod", "PodDisruptionBudget", "ServiceAccount"]
    namespaces = {Part(thing).at("metadata", "namespace").value for thing in rendered.objects}
    assert namespaces == {NAMESPACE}


def test_the_service_is_started_with_its_one_file() -> None:
    """The image's own entry point, the file in a folder that is mounted whole, and no shell."""
    runs = container(render(load("minimal")))
    assert runs.at("args").value == ["run", "--config", "/etc/linkrunner-consumer/config.yaml"]
    assert runs.at("command").value is None
    assert runs.at("workingDir").value == "/etc/linkrunner-consumer"
    mounts = runs.at("volumeMounts")
    assert mounts.named("config").at("mountPath").value == "/etc/linkrunner-consumer"
    assert [mount for mount in mounts if mount.at("subPath").value] == []  # the kubelet never refreshes those


def test_the_check_is_the_services_own() -> None:
    """``helm test`` asks brokers, registry and API as the service would, and leaves nothing behind."""
    check = render(load("minimal")).one("Pod", f"{NAME}-check")
    assert check.at("metadata", "annotations").value == {
        "helm.sh/hook": "test",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }
    arguments = ["check", "--config", "/etc/linkrunner-consumer/config.yaml", "--connect"]
    assert check.at("spec", "containers", 0, "args").value == arguments
    assert check.at("spec", "restartPolicy").value == "Never"


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/startupz"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")],
)
def test_probes_ask_what_each_is_for(probe: str, path: str) -> None:
    """Each probe has a page of its own, on the port of the configuration."""
    runs = container(render(load("every-setting")))
    assert runs.at(probe, "httpGet").value == {"path": path, "port": "http"}
    assert runs.at("ports").value == [{"name": "http", "containerPort": 9000}]
    assert config(render(load("every-setting"))).at("http", "port").value == 9000


def test_a_process_that_hangs_is_not_waited_for() -> None:
    """The drain has the pod's grace; the liveness probe has its own, because what hangs drains nothing."""
    runs = container(render(load("slow-drain")))
    assert runs.at("livenessProbe", "terminationGracePeriodSeconds").value == 5
    assert pod(render(load("slow-drain"))).at("terminationGracePeriodSeconds").value == 180
    for probe in ("startupProbe", "readinessProbe"):
        assert runs.at(probe, "terminationGracePeriodSeconds").value is None


def test_the_documented_time_to_a_new_start_is_that_of_the_defaults() -> None:
    """A stopped process: so many probes at their distance, the last one's timeout, and the grace."""
    probe = container(render(load("minimal"))).at("livenessProbe")
    period, failures, timeout, grace = (
        int(str(probe.at(name).value))
        for name in ("periodSeconds", "failureThreshold", "timeoutSeconds", "terminationGracePeriodSeconds")
    )
    seconds = failures * period + timeout + grace
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    assert f"is started again within {seconds} s" in page


@pytest.mark.parametrize(
    ("drain", "written", "grace"),
    [
        (None, None, 30),
        (20, None, 30),
        (1, None, 11),
        (30.5, None, 41),
        (90, None, 100),
        (90, 180, 180),
        (90, 100, 100),
    ],
)
def test_grace_follows_the_drain(drain: float | None, written: int | None, grace: int) -> None:
    """The time before SIGKILL is that of the drain, and what committing and leaving the group may take."""
    values = merged(load("minimal"), {"terminationGracePeriodSeconds": written})
    if drain is not None:
        values = merged(values, nested(("config", "shutdown", "drain_seconds"), drain))
    assert pod(render(values)).at("terminationGracePeriodSeconds").value == grace


def test_nothing_waits_before_the_drain() -> None:
    """No traffic is routed to this pod, so a sleep in a hook would only cost grace."""
    assert container(render(load("minimal"))).at("lifecycle").value is None


@pytest.mark.parametrize(
    ("changed", "replaced"),
    [
        (nested(("config", "log", "level"), "debug"), True),
        ({"files": {"older.avsc": "{}"}}, True),
        ({"kafka": {"ca": {"existingSecret": "other"}}}, True),
        ({"replicaCount": 5}, False),
        ({"commonLabels": {"team": "payments"}}, False),
        ({"podDisruptionBudget": {"enabled": False}}, False),
    ],
)
def test_pods_are_replaced_for_their_configuration_alone(changed: Values, replaced: bool) -> None:
    """The checksum is of what the service reads: nothing else is a reason for a rebalance."""
    assert (checksum(load("minimal")) != checksum(merged(load("minimal"), changed))) is replaced


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "linkrunner-consumer:0.1.0"),
        ({"image": {"tag": "1.2.3"}}, "linkrunner-consumer:1.2.3"),
        ({"image": {"registry": "r.example.com"}}, "r.example.com/linkrunner-consumer:0.1.0"),
        ({"global": {"imageRegistry": "g.example.com"}}, "g.example.com/linkrunner-consumer:0.1.0"),
        (
            {"image": {"registry": "r.example.com"}, "global": {"imageRegistry": "g.example.com"}},
            "r.example.com/linkrunner-consumer:0.1.0",
        ),
        ({"image": {"tag": "1.2.3", "digest": DIGEST}}, f"linkrunner-consumer@{DIGEST}"),
        ({"image": {"repository": "team/consumer"}}, "team/consumer:0.1.0"),
    ],
)
def test_image_is_what_the_values_say(values: Values, image: str) -> None:
    """The digest wins over the tag, and the image's own registry over that of the parent chart."""
    assert container(render(merged(load("minimal"), values))).at("image").value == image


def test_pull_secrets_come_from_both_places() -> None:
    """The parent chart's come first, as names or as maps."""
    assert pod(render(load("names"))).at("imagePullSecrets").value == [
        {"name": "company"},
        {"name": "payments"},
    ]


def test_the_pod_has_no_way_to_the_api_server() -> None:
    """Neither the account nor the pod mounts a token, and there is no role for one."""
    rendered = render(load("minimal"))
    assert rendered.one("ServiceAccount").at("automountServiceAccountToken").value is False
    assert pod(rendered).at("automountServiceAccountToken").value is False
    assert pod(rendered).at("enableServiceLinks").value is False
    assert pod(rendered).at("serviceAccountName").value == NAME


@pytest.mark.parametrize(
    ("account", "used"),
    [
        ({"create": False}, "default"),
        ({"create": False, "name": "mine"}, "mine"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_the_account_can_be_another(account: Json, used: str) -> None:
    """An account that somebody else makes is used by its name."""
    rendered = render(merged(load("minimal"), {"serviceAccount": account}))
    assert pod(rendered).at("serviceAccountName").value == used
    made = [one.at("metadata", "name").value for one in rendered.of("ServiceAccount")]
    assert made == ([] if isinstance(account, dict) and account.get("create") is False else [used])


def test_a_new_pod_joins_before_an_old_one_leaves() -> None:
    """A roll-out never has fewer pods than wanted, and its rebalances do not overlap."""
    spec = deployment(render(load("minimal"))).at("spec")
    assert spec.at("replicas").value == 2
    assert spec.at("strategy").value == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert spec.at("minReadySeconds").value == 10


@pytest.mark.parametrize(
    ("values", "budget"),
    [
        ({}, 1),
        ({"replicaCount": 1}, None),
        ({"replicaCount": 0}, None),
        ({"replicaCount": 9, "podDisruptionBudget": {"maxUnavailable": "30%"}}, "30%"),
        ({"podDisruptionBudget": {"enabled": False}}, None),
        ({"replicaCount": 1, "keda": {"enabled": True}, "partitions": 6, "missingKinds": "always"}, 1),
        ({"replicaCount": 4, "keda": {"enabled": True}, "partitions": 1, "missingKinds": "always"}, None),
    ],
)
def test_a_budget_is_made_where_more_than_one_pod_can_run(values: Values, budget: int | str | None) -> None:
    """It never blocks the drain of a node: one may always go, and a lone pod has no budget at all."""
    budgets = render(merged(load("minimal"), values)).of("PodDisruptionBudget")
    assert [one.at("spec", "maxUnavailable").value for one in budgets] == ([] if budget is None else [budget])
    assert {one.at("spec", "unhealthyPodEvictionPolicy").value for one in budgets} <= {"AlwaysAllow"}


def test_pods_are_spread_by_their_own_template() -> None:
    """During a roll-out only pods of the same template are counted, so that the new ones are spread too."""
    spread = list(pod(render(load("minimal"))).at("topologySpreadConstraints"))
    assert [one.at("topologyKey").value for one in spread] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    selected = deployment(render(load("minimal"))).at("spec", "selector", "matchLabels").value
    for one in spread:
        assert one.at("matchLabelKeys").value == ["pod-template-hash"]
        assert one.at("labelSelector", "matchLabels").value == selected
        assert one.at("whenUnsatisfiable").value == "ScheduleAnyway"


def test_a_spread_of_ones_own_stays_as_it_is() -> None:
    """What is written is not added to."""
    written = load("placement")["topologySpreadConstraints"]
    assert pod(render(load("placement"))).at("topologySpreadConstraints").value == written


def test_memory_is_bounded_and_the_processor_is_not() -> None:
    """A limit for the processor would slow the drain; one for memory holds what the service promises."""
    assert container(render(load("minimal"))).at("resources").value == {
        "requests": {"cpu": "100m", "memory": "96Mi"},
        "limits": {"memory": "256Mi"},
    }


def test_user_ids_can_be_left_to_the_cluster() -> None:
    """OpenShift gives a number of its own, and refuses another."""
    assert pod(render(load("openshift"))).at("securityContext").value == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_each_pod_is_known_to_the_brokers_by_its_name() -> None:
    """Quotas, logs and the list of members tell the pods apart; a name that is written stays."""
    rendered = render(load("minimal"))
    file = config(rendered).at("kafka", "properties", "client.id", "file").value
    assert file == "/etc/linkrunner-consumer/pod-name"
    (source,) = [
        one
        for one in pod(rendered).at("volumes").named("config").at("projected", "sources")
        if one.at("downwardAPI").value
    ]
    assert source.at("downwardAPI", "items", 0).value == {
        "path": "pod-name",
        "fieldRef": {"fieldPath": "metadata.name"},
    }
    named = config(render(load("every-setting"))).at("kafka", "properties", "client.id").value
    assert named == "payments-to-linkrunner"


def test_a_configmap_of_ones_own_takes_the_place_of_the_charts() -> None:
    """The chart makes none then, and what it has to know reaches the service as variables."""
    rendered = render(load("existing-configmap"))
    assert rendered.of("ConfigMap") == []
    sources = pod(rendered).at("volumes").named("config").at("projected", "sources")
    assert sources.at(0).value == {"configMap": {"name": "payments-config"}}
    assert container(rendered).at("env").value == [
        {"name": "LINKRUNNER_CONSUMER__HTTP__PORT", "value": "9000"},
        {"name": "LINKRUNNER_CONSUMER__SHUTDOWN__DRAIN_SECONDS", "value": "45"},
    ]
    assert pod(rendered).at("terminationGracePeriodSeconds").value == 55


def test_files_stand_beside_a_configmap_of_ones_own() -> None:
    """Then the chart's ConfigMap has the files alone."""
    rendered = render(merged(load("existing-configmap"), {"files": {"older.avsc": "{}"}}))
    assert rendered.one("ConfigMap").at("data").value == {"older.avsc": "{}"}
    sources = list(pod(rendered).at("volumes").named("config").at("projected", "sources"))
    assert [one.at("configMap", "name").value for one in sources] == [NAME, "payments-config", None]


def test_files_from_elsewhere_stand_beside_the_configuration() -> None:
    """ConfigMaps that exist are parts of the same folder."""
    sources = list(pod(render(load("files-from"))).at("volumes").named("config").at("projected", "sources"))
    written = load("files-from")["filesFrom"]
    assert isinstance(written, list)
    assert sources[0].value == written[0]


@pytest.mark.parametrize("feature", ["files-from", "existing-configmap"])
def test_the_charts_own_files_win(feature: str) -> None:
    """Of two files of one name the kubelet takes that of the later source, so the chart's come last."""
    values = merged(load(feature), {"filesFrom": [{"configMap": {"name": "mine"}}]})
    sources = list(pod(render(values)).at("volumes").named("config").at("projected", "sources"))
    own = load(feature).get("existingConfigMap", NAME)
    assert [one.at("configMap", "name").value for one in sources] == ["mine", own, None]
    assert sources[-1].at("downwardAPI").value


def test_the_version_of_the_chart_is_that_of_the_service() -> None:
    """The chart starts the image of the release that it belongs to."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_chart_claims_nothing_that_there_is_not() -> None:
    """A catalogue shows what has changed, in its own form; nobody and no place is made up."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    changes = yaml.safe_load(chart["annotations"]["artifacthub.io/changes"])
    kinds = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert [change for change in changes if change["kind"] not in kinds or not change["description"]] == []
    assert {"maintainers", "sources", "home", "icon"}.isdisjoint(chart)
