"""VEX documents of each form, for tests."""

from __future__ import annotations

import json
from typing import Any

CVE = "CVE-2020-14343"
PURL = "pkg:pypi/pyyaml@5.3"
AT = "2026-01-02T03:04:05Z"


def product(*digests: str, repository: str = "prod/app", part: str | None = PURL) -> dict[str, Any]:
    """An image in OpenVEX, by digest where there is one, with one package of it."""
    name = "pkg:oci/app" + (f"@{digests[0]}" if digests else "")
    found: dict[str, Any] = {"@id": f"{name}?repository_url=registry.example/{repository}"}
    if part is not None:
        found["subcomponents"] = [{"@id": part}]
    return found


def statement(*products: Any, **changed: Any) -> dict[str, Any]:
    """One of OpenVEX: not affected, unless something else is said."""
    found = {
        "vulnerability": {"name": CVE},
        "products": list(products) or [product()],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
        "impact_statement": "full_load is never called",
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def openvex(*statements: Any, **changed: Any) -> dict[str, Any]:
    """A document of OpenVEX."""
    found = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "Ann Example <ann@example.com>",
        "timestamp": AT,
        "version": 1,
        "statements": list(statements) or [statement()],
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def cyclonedx(ref: str = PURL, **analysis: Any) -> dict[str, Any]:
    """A document of CycloneDX."""
    said = {"state": "not_affected", "justification": "code_not_reachable", **analysis}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "metadata": {"timestamp": AT, "authors": [{"name": "Ann Example"}]},
        "components": [{"bom-ref": "yaml", "type": "library", "name": "PyYAML", "purl": PURL}],
        "vulnerabilities": [{"id": CVE, "analysis": said, "affects": [{"ref": ref}]}],
    }


def csaf(*products: str, group: str = "known_not_affected") -> dict[str, Any]:
    """A document of CSAF: an image, a package, and the package in the image."""
    image = {"product_id": "IMAGE", "name": "app", "product_identification_helper": {
        "purl": "pkg:oci/app?repository_url=registry.example/prod/app"}}  # fmt: skip
    package = {"product_id": "YAML", "name": "PyYAML", "product_identification_helper": {
        "purl": PURL}}  # fmt: skip
    listed = list(products or ("IMAGE:YAML",))
    return {
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "publisher": {"category": "vendor", "name": "Example", "namespace": "https://e.com"},
            "title": "PyYAML in app",
            "tracking": {"id": "EX-1", "current_release_date": AT, "version": "1"},
        },
        "product_tree": {
            "branches": [
                {"category": "vendor", "name": "Example", "branches": [
                    {"category": "product_name", "name": "app", "product": image}]},
                {"category": "product_name", "name": "PyYAML", "product": package},
            ],
            "relationships": [{
                "category": "default_component_of",
                "product_reference": "YAML",
                "relates_to_product_reference": "IMAGE",
                "full_product_name": {"product_id": "IMAGE:YAML", "name": "PyYAML in app"},
            }],
        },
        "vulnerabilities": [{
            "cve": CVE,
            "product_status": {group: listed},
            "flags": [{"label": "vulnerable_code_not_present", "product_ids": listed}],
        }],
    }  # fmt: skip


def text(document: object) -> str:
    """As JSON."""
    return json.dumps(document)
