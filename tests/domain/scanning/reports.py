"""Reports as Trivy writes them."""

from __future__ import annotations

import json
from typing import Any


def vulnerability(name: str = "CVE-2020-14343", **changed: Any) -> dict[str, Any]:
    """One of a report's, as Trivy 0.70 wrote it."""
    return {
        "VulnerabilityID": name,
        "PkgName": "PyYAML",
        "PkgPath": "usr/lib/python3/dist-packages/PyYAML-5.3.dist-info/METADATA",
        "PkgIdentifier": {"PURL": "pkg:pypi/pyyaml@5.3", "UID": "1f1d"},
        "InstalledVersion": "5.3",
        "FixedVersion": "5.4",
        "Status": "fixed",
        "Layer": {"Digest": "sha256:" + "1" * 64, "DiffID": "sha256:" + "2" * 64},
        "SeveritySource": "ghsa",
        "PrimaryURL": f"https://avd.aquasec.com/nvd/{name.lower()}",
        "DataSource": {"ID": "ghsa", "Name": "GitHub Security Advisory pip", "URL": "https://g/x"},
        "Title": "PyYAML: incomplete fix for CVE-2020-1747",
        "Description": "A vulnerability was discovered in the PyYAML library.",
        "Severity": "CRITICAL",
        "CweIDs": ["CWE-20"],
        "VendorSeverity": {"ghsa": 4, "nvd": 3},
        "CVSS": {
            "nvd": {
                "V2Vector": "AV:N/AC:L/Au:N/C:C/I:C/A:C",
                "V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                "V2Score": 10,
                "V3Score": 9.8,
            }
        },
        "References": [f"https://nvd.nist.gov/vuln/detail/{name}"],
        "PublishedDate": "2021-02-09T21:15:00Z",
        "LastModifiedDate": "2021-03-01T00:00:00Z",
        **changed,
    }


def report(*found: dict[str, Any], **changed: Any) -> bytes:
    """A whole one."""
    result = {
        "Target": "Python",
        "Class": "lang-pkgs",
        "Type": "python-pkg",
        "Packages": [{"Name": "PyYAML", "Version": "5.3"}],
        "Vulnerabilities": list(found),
    }
    document = {
        "SchemaVersion": 2,
        "ArtifactName": "127.0.0.1:5000/secret/name@sha256:0",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian"}, "RepoDigests": ["127.0.0.1:5000/secret/name@x"]},
        "Results": [result],
        **changed,
    }
    return json.dumps(document).encode()
