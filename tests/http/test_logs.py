from __future__ import annotations

import io
import json
import logging

import pytest

from registry.http.logs import configure_logging, fields, timestamp

pytestmark = pytest.mark.usefixtures("logging_as_before")


def written(form: str, *, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    output = io.StringIO()
    configure_logging(level, form, output)  # type: ignore[arg-type]  # one test passes a wrong one
    return logging.getLogger("moorage.test"), output


def test_json_is_one_object_a_line_whatever_is_in_it() -> None:
    log, output = written("json")
    log.info("hello\n%s", "world", extra=fields(path="/v2/\r\n\x1b", count=3, nothing=None))
    line = output.getvalue()
    assert line.count("\n") == 1
    record = json.loads(line)
    assert record["message"] == "hello\nworld"
    assert record["path"] == "/v2/\r\n\x1b"
    assert record["count"] == 3
    assert "nothing" not in record
    assert record["level"] == "INFO"
    assert record["logger"] == "moorage.test"


def test_an_exception_goes_with_its_record() -> None:
    log, output = written("json")
    try:
        raise ValueError("oops")
    except ValueError:
        log.exception("failed")
    assert "ValueError: oops" in json.loads(output.getvalue())["exception"]


def test_text_is_one_line_whatever_is_in_it() -> None:
    log, output = written("text")
    log.warning("late\nfor tea", extra=fields(path='/a b="c"\n', count=3))
    line = output.getvalue()
    assert line.count("\n") == 1
    assert line.rstrip().endswith(r'WARNING "late\nfor tea" path="/a b=\"c\"\n" count=3')


def test_times_are_utc_with_milliseconds() -> None:
    assert timestamp(0.25) == "1970-01-01T00:00:00.250Z"
    assert timestamp(1_700_000_000.9999) == "2023-11-14T22:13:20.999Z"


@pytest.mark.parametrize("name", ["botocore.auth", "urllib3.connectionpool"])
def test_debug_does_not_print_other_peoples_signed_headers(name: str) -> None:
    _, output = written("json", level="debug")
    logging.getLogger(name).debug("Authorization: secret")
    logging.getLogger("moorage").debug("ours")
    assert "secret" not in output.getvalue()
    assert "ours" in output.getvalue()


def test_an_unknown_form_or_level_is_named() -> None:
    with pytest.raises(ValueError, match="'xml'"):
        written("xml")
    with pytest.raises(ValueError, match="LOUD"):
        written("json", level="loud")
