"""Findings in the forms of ECR's API: basic, and enhanced as Amazon Inspector shapes them.

Source: ECR API reference, ImageScanFinding and EnhancedImageScanFinding; Amazon Inspector API
reference, Finding.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.domain.images import Image
    from registry.domain.repositories import Repository
    from registry.domain.scanning.findings import Cvss, Finding
    from registry.domain.scanning.scans import ScanResult

_VALUE_MAX = 256
"""Characters of an attribute's value."""
_SEVERITIES = {"UNDEFINED": "UNTRIAGED"}
"""Inspector's words, where they are others."""
_MANAGERS = {
    **dict.fromkeys(("debian", "ubuntu"), "OS"),
    **dict.fromkeys(("python-pkg", "pip"), "PYTHON"),
    **dict.fromkeys(("node-pkg", "npm"), "NODEPKG"),
    **dict.fromkeys(("gobinary", "gomod"), "GOBINARY"),
    **dict.fromkeys(("jar", "pom"), "JAR"),
    "gemspec": "GEMSPEC",
    "rustbinary": "CARGO",
    "dotnet-core": "DOTNET_CORE",
}


def basic(finding: Finding) -> dict[str, Any]:
    """ECR's ImageScanFinding."""
    found: dict[str, Any] = {
        "name": finding.id,
        "severity": finding.severity,
        "attributes": [
            {"key": key, "value": value[:_VALUE_MAX]}
            for key, value in _attributes(finding)
            if value
        ],
    }
    if text := finding.description or finding.title:
        found["description"] = text
    if uri := finding.url or next(iter(finding.references), ""):
        found["uri"] = uri
    return found


def _attributes(finding: Finding) -> Iterable[tuple[str, str]]:
    yield "package_name", finding.package
    yield "package_version", finding.version
    yield "fixed_in_version", finding.fixed or ""
    yield "package_path", finding.path
    yield "source", finding.source
    for each in _by_version(finding.cvss):
        yield f"CVSS{each.version[0]}_VECTOR", each.vector
        yield f"CVSS{each.version[0]}_SCORE", f"{each.score:g}"
    if finding.epss is not None:
        yield "EPSS_SCORE", f"{finding.epss:g}"
    if finding.first_observed is not None:
        yield "first_observed_at", finding.first_observed.strftime("%Y-%m-%dT%H:%M:%SZ")
    if (verdict := finding.verdict) is not None:
        yield "vex_status", verdict.status
        yield "vex_statement", verdict.words
        yield "vex_author", verdict.author
        yield "vex_stated_at", verdict.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        yield "vex_source", verdict.source


def _by_version(scores: Sequence[Cvss]) -> list[Cvss]:
    """One of each version, that of the NVD before others."""
    found: dict[str, Cvss] = {}
    for each in sorted(scores, key=lambda score: score.source != "nvd"):
        found.setdefault(each.version[0], each)
    return [found[version] for version in sorted(found)]


class Enhanced:
    """Shapes the findings of one image."""

    def __init__(self, repository: Repository, image: Image, result: ScanResult) -> None:
        self._repository = repository
        self._image = image
        self._result = result
        self._in = _homes(result)

    def shaped(self, finding: Finding) -> dict[str, Any]:
        """Inspector's Finding, as ECR's EnhancedImageScanFinding."""
        completed = self._result.state.completed_at
        best = _best(finding)
        found: dict[str, Any] = {
            "awsAccountId": self._repository.scope.account,
            "findingArn": self._arn(finding),
            "title": f"{finding.id} - {finding.package}",
            "description": finding.description or finding.title or finding.id,
            "severity": _SEVERITIES.get(finding.severity, finding.severity),
            "status": "SUPPRESSED" if finding.suppressed else "ACTIVE",
            "type": "PACKAGE_VULNERABILITY",
            "fixAvailable": "YES" if finding.fixed else "NO",
            "packageVulnerabilityDetails": _details(finding),
            "remediation": {"recommendation": _recommendation(finding)},
            "resources": [self._resource(*each) for each in self._found_in(finding)],
        }
        if finding.first_observed is not None:
            found["firstObservedAt"] = finding.first_observed
        if completed is not None:
            found |= {"lastObservedAt": completed, "updatedAt": completed}
        if best is not None:
            scored = {"score": best.score, "scoreSource": best.source.upper()}
            scored |= {"scoringVector": best.vector, "version": best.version}
            found |= {"score": best.score, "scoreDetails": {"cvss": scored}}
        return found

    def _arn(self, finding: Finding) -> str:
        """The same one for the same finding of the same image, in every scan."""
        scope = self._repository.scope
        text = "\0".join((self._repository.arn, str(self._image.digest), *finding.key))
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        return f"arn:aws:inspector2:{scope.region}:{scope.account}:finding/{name}"

    def _found_in(self, finding: Finding) -> list[tuple[str, str]]:
        return self._in.get(finding.key) or [(str(self._image.digest), "")]

    def _resource(self, digest: str, platform: str) -> Mapping[str, Any]:
        scope = self._repository.scope
        details: dict[str, Any] = {
            "imageHash": digest,
            "imageTags": list(self._image.tags),
            "pushedAt": self._image.pushed_at,
            "registry": scope.account,
            "repositoryName": self._repository.name,
        }
        if platform:
            details["platform"] = platform
            details["architecture"] = platform.split("/")[1] if "/" in platform else platform
        return {
            "id": f"{self._repository.arn}/{digest}",
            "type": "AWS_ECR_CONTAINER_IMAGE",
            "details": {"awsEcrContainerImage": details},
            "tags": dict(self._repository.resource_tags),
        }


def _homes(
    result: ScanResult,
) -> dict[tuple[str, str, str, str], list[tuple[str, str]]]:
    """Digest and platform of the images that have each finding."""
    found: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for platform in result.platforms:
        for each in platform.result.findings if platform.result is not None else ():
            found.setdefault(each.key, []).append((platform.digest, platform.name))
    return found


def _details(finding: Finding) -> dict[str, Any]:
    package: dict[str, Any] = {
        "name": finding.package,
        "version": finding.version,
        "packageManager": _MANAGERS.get(finding.manager, "OS" if not finding.path else "OTHER"),
    }
    more = {
        "fixedInVersion": finding.fixed,
        "filePath": finding.path,
        "sourceLayerHash": finding.layer,
    }
    package |= {name: value for name, value in more.items() if value}
    found: dict[str, Any] = {
        "vulnerabilityId": finding.id,
        "source": finding.source or finding.severity_source.upper(),
        "sourceUrl": finding.url or finding.source_url,
        "referenceUrls": list(finding.references),
        "relatedVulnerabilities": [],
        "cvss": [_score(each) for each in finding.cvss],
        "vulnerablePackages": [package],
        "vendorSeverity": finding.severities.get(finding.severity_source, finding.severity),
    }
    if finding.published is not None:
        found["vendorCreatedAt"] = finding.published
    if finding.modified is not None:
        found["vendorUpdatedAt"] = finding.modified
    return found


def _score(cvss: Cvss) -> dict[str, Any]:
    return {
        "baseScore": cvss.score,
        "scoringVector": cvss.vector,
        "source": cvss.source.upper(),
        "version": cvss.version,
    }


def _best(finding: Finding) -> Cvss | None:
    """The score by the newest version of CVSS, that of the NVD before others."""
    scores = _by_version(finding.cvss)
    return scores[-1] if scores else None


def _recommendation(finding: Finding) -> dict[str, str]:
    if not finding.fixed:
        return {"text": "None Provided"}
    return {"text": f"Upgrade {finding.package} from {finding.version} to {finding.fixed}."}
