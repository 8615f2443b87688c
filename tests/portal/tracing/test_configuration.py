import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.env import Env
from portal.tracing.collector import Collector
from portal.tracing.configuration import Traces, traces

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def read(**values: str) -> Traces:
    found = traces(Env({ENDPOINT: "http://collector:4318", **values}))
    assert found
    return found


def test_the_common_variable_gets_the_path_of_the_signal() -> None:
    assert read().url == "http://collector:4318/v1/traces"
    assert read(**{ENDPOINT: "https://c.example/otlp/"}).url == "https://c.example/otlp/v1/traces"
    own = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other:4318/as/it/is"}
    assert read(**own).url == "http://other:4318/as/it/is"
    assert traces(Env({})) is None


def test_headers_are_percent_encoded_and_may_come_from_a_file(tmp_path: object) -> None:
    named = read(OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20a%3Db, x-tenant=1")
    assert named.headers == {"authorization": "Bearer a=b", "x-tenant": "1"}
    (path := tmp_path / "headers").write_text("x-key=k\n")  # type: ignore[operator] # a path
    assert read(OTEL_EXPORTER_OTLP_HEADERS_FILE=str(path)).headers == {"x-key": "k"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ENDPOINT, "collector:4318"),
        (ENDPOINT, "grpc://collector:4317"),
        (ENDPOINT, "http://"),
        (ENDPOINT, "http://user:secret@collector:4318"),
        (ENDPOINT, "http://collector:99999"),
        (ENDPOINT, "http://collector:4318/?token=secret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=secret%0d%0ay: z"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=secr%C3%A9t"),
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
        ("OTEL_SDK_DISABLED", "perhaps"),
    ],
)
def test_a_bad_value_is_named_and_no_secret_repeated(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name) as failure:
        read(**{name: value})
    assert "secr" not in str(failure.value)


def test_a_certificate_that_does_not_load_stops_the_start() -> None:
    found = read(
        **{ENDPOINT: "https://collector:4318", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/file"}
    )
    with pytest.raises(ImproperlyConfigured, match="OTEL_EXPORTER_OTLP_CERTIFICATE"):
        Collector(found)
